//! What a link would be, as a form for it shows it. Nothing is written.

use std::sync::Arc;

use domain::business::reminders::PlannedReminder;
use domain::business::settings::Settings;
use domain::gateway::GatewayRulebook;
use domain::ids::{LinkId, ReceiptTypeId};
use domain::link::PaymentLink;
use domain::messages::compose::Preview;
use domain::requests::create::{Decision, LinkAddress, Request, decide};
use domain::requests::draft::{
    AccountChoice, ItemMoney, PersonChoice, ReceiptTypeChoice, Sources, account_choices, check_alone_on_item,
    default_receipt_type, item_money, only_account, people_choices, previews, receipt_type_choices, sources,
};
use domain::{Field, Problems, Timestamp};
use futures_util::future::try_join3;
use store::{BusinessStore, Configuration, StoreError};

use crate::named_records::NamedRecords;

/// A request for a draft with everything that it is decided on.
#[derive(Debug)]
pub struct DraftRecords {
    request: Request,
    problems: Problems,
    named: NamedRecords,
    /// The newest links of the item that can be paid, in either mode.
    open_links: Vec<PaymentLink>,
    configuration: Arc<Configuration>,
    /// The settings that reminders go by: with the days on which the platform closes.
    reminding: Settings,
}

/// A link before it is made: what was decided, and what can be chosen in each step.
#[derive(Debug)]
pub struct Draft<'a> {
    pub decision: Decision<'a>,
    /// Where each value came from that may be left out.
    pub sources: Sources,
    pub accounts: Vec<AccountChoice<'a>>,
    pub receipt_types: Vec<ReceiptTypeChoice<'a>>,
    pub people: Vec<PersonChoice<'a>>,
    /// The messages as they would be sent.
    pub previews: Vec<Preview>,
    /// The reminders that would go out.
    pub reminders: Vec<PlannedReminder>,
    /// The type that a receipt has where the request names none.
    pub default_receipt_type: Option<&'a ReceiptTypeId>,
    pub settings: &'a Settings,
    /// What was paid for the item and what is left, in the mode of the account, or live where there is none yet. `None` where it
    /// has no amount.
    pub item_money: Option<ItemMoney>,
    /// The newest links of the item that can be paid, in the mode of the account where there is one.
    pub open_links: Vec<&'a PaymentLink>,
}

/// At most this many open links of an item are named.
const MOST_OPEN_LINKS: usize = 20;

impl DraftRecords {
    /// `problems` carries what reading the request found. A person looks at a draft, so that `configuration` should be read
    /// freshly: what was set a moment ago is there.
    pub async fn read(
        store: &BusinessStore,
        configuration: Arc<Configuration>,
        request: Request,
        mut problems: Problems,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let open_links = async {
            match request.item_id.as_ref().value() {
                Some(item) => store.open_links_of_item(item, None, MOST_OPEN_LINKS, now).await,
                None => Ok(Vec::new()),
            }
        };
        let settings = &configuration.settings;
        let may_remind = settings.reminders.is_some() || !matches!(request.reminders, Field::Absent);
        let reminding =
            async { if may_remind { Ok(store.closing(settings).await?.into_owned()) } else { Ok(settings.clone()) } };
        let named = NamedRecords::read(store, None, &request, &mut problems);
        let (named, open_links, reminding) = try_join3(named, open_links, reminding).await?;
        Ok(Self { request, problems, named, open_links, configuration, reminding })
    }

    /// Of a link that would take the place of another: that one is no other open link of the item.
    #[must_use]
    pub fn in_place_of(mut self, old: &LinkId) -> Self {
        self.open_links.retain(|link| link.id() != old);
        self
    }

    /// `base` is scheme and host of pay URLs: messages show a placeholder that is as long as a real one.
    pub fn draft<'a>(&'a self, gateways: &'a GatewayRulebook, base: &str, now: Timestamp) -> Draft<'a> {
        let Configuration { accounts, receipt_types, settings, .. } = self.configuration.as_ref();
        let mut context = self.named.context(&self.configuration, gateways);
        let mut request = self.request.clone();
        // Which accounts can be chosen does not depend on which one is.
        let account_choices = account_choices(&request, context, accounts);
        let proposed = only_account(&request, context, accounts);
        if let Some(account) = proposed {
            request.account_id = Field::Value(account.id.clone());
            context.account = Some(account);
        }
        let mut decision = decide(request, context, LinkAddress::placeholder(base), now, self.problems.clone());
        let mode = decision.account.map(|(account, _)| account.mode);
        let is_of_mode = |link: &&PaymentLink| mode.is_none_or(|mode| link.terms().mode == mode);
        let open_links: Vec<&PaymentLink> = self.open_links.iter().filter(is_of_mode).collect();
        check_alone_on_item(&open_links, settings, &mut decision.problems);
        Draft {
            item_money: decision.item.and_then(|item| item_money(item, context)),
            open_links,
            sources: sources(&decision, proposed.is_some()),
            accounts: account_choices,
            receipt_types: receipt_type_choices(receipt_types),
            people: people_choices(&decision, context),
            previews: previews(&decision, context, accounts),
            reminders: decision.planned_reminders(&self.reminding, now),
            default_receipt_type: default_receipt_type(context),
            settings,
            decision,
        }
    }
}
