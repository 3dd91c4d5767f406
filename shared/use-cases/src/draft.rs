//! What a link would be, as a form for it shows it. Nothing is written.

use std::sync::Arc;

use domain::business::settings::Settings;
use domain::gateway::GatewayRulebook;
use domain::ids::ReceiptTypeId;
use domain::messages::compose::Preview;
use domain::requests::create::{Decision, LinkAddress, Request, decide};
use domain::requests::draft::{
    AccountChoice, PersonChoice, ReceiptTypeChoice, Sources, account_choices, default_receipt_type, only_account,
    people_choices, previews, receipt_type_choices, sources,
};
use domain::{Field, Problems, Timestamp};
use store::{BusinessStore, Configuration, StoreError};

use crate::named_records::NamedRecords;

/// A request for a draft with everything that it is decided on.
#[derive(Debug)]
pub struct DraftRecords {
    request: Request,
    problems: Problems,
    named: NamedRecords,
    configuration: Arc<Configuration>,
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
    /// The type that a receipt has where the request names none.
    pub default_receipt_type: Option<&'a ReceiptTypeId>,
    pub settings: &'a Settings,
}

impl DraftRecords {
    /// `problems` carries what reading the request found. A person looks at a draft, so that `configuration` should be read
    /// freshly: what was set a moment ago is there.
    pub async fn read(
        store: &BusinessStore,
        configuration: Arc<Configuration>,
        request: Request,
        mut problems: Problems,
    ) -> Result<Self, StoreError> {
        let named = NamedRecords::read(store, None, &request, &mut problems).await?;
        Ok(Self { request, problems, named, configuration })
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
        let decision = decide(request, context, LinkAddress::placeholder(base), now, self.problems.clone());
        Draft {
            sources: sources(&decision, proposed.is_some()),
            accounts: account_choices,
            receipt_types: receipt_type_choices(receipt_types),
            people: people_choices(&decision, context),
            previews: previews(&decision, context, accounts),
            default_receipt_type: default_receipt_type(context),
            settings,
            decision,
        }
    }
}
