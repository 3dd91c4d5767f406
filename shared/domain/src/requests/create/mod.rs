//! Making a link: from what the caller said and what the records hold to the terms of a link, or to every problem of
//! the request at once.

mod after_payment;
mod amount;
mod context;
mod message;
mod plan;
mod request;

use after_payment::default_receipt_type;
use amount::{decide_amount, find_amount};
use jiff::Timestamp;
use message::channels_named;
pub(crate) use message::decide_message;
pub(crate) use plan::check_end;
use plan::{decide_plan, default_end};

use crate::business::reminders::{PlannedReminder, ReminderSubject};
use crate::business::settings::Settings;
use crate::ids::{LinkId, PayToken};
use crate::link::{
    AccountTerms, AfterPayment, AmountSource, ContactTerms, ItemTerms, Part, PaymentPlan, Terms, check_content, pay_url,
};
use crate::locale::Locale;
use crate::messages::channel::Channel;
use crate::messages::choice::{MessageChoice, Wording};
use crate::messages::compose::{MessageSources, Preview, preview};
use crate::messages::kind::MessageKind;
use crate::messages::message::MessageContext;
use crate::messages::recipients::{DeliveryOptions, ResolvedRecipients, check_people, resolve, told_again};
use crate::money::Money;
use crate::problem::{Field, Problems};
use crate::records::account::Account;
use crate::records::contact::Contact;
use crate::records::item::Item;
use crate::records::item_payments::ItemGuard;
use crate::requests::expiry::{Expiry, choose_expiry};

pub use after_payment::find_receipt_type;
pub(crate) use after_payment::{OnItem, decide_after_payment};
pub use amount::PayableAccount;
pub(crate) use amount::can_choose;
pub use context::CreateContext;
pub use request::*;

/// Where the link will be: what its messages show, and the id that theirs derive from.
#[derive(Clone, Debug)]
pub struct LinkAddress {
    id: LinkId,
    url: String,
}

impl LinkAddress {
    pub fn new(base: &str, token: &PayToken) -> Self {
        Self { id: LinkId::of(token), url: pay_url(base, token.expose()) }
    }

    /// A place for a link that is not made: its address is as long as a real one and leads nowhere, because no token has a
    /// hyphen.
    pub fn placeholder(base: &str) -> Self {
        Self { id: LinkId::of(&PayToken::from_random([0; 16])), url: pay_url(base, "placeholder-of-a-token") }
    }
}

/// What every rule made of a request. A link needs all of it and no problem; a draft shows what there is.
#[derive(Debug)]
pub struct Decision<'a> {
    pub request: Request,
    pub account: Option<PayableAccount<'a>>,
    pub contact: Option<&'a Contact>,
    pub item: Option<&'a Item>,
    pub amount: Option<(Money, AmountSource)>,
    pub plan: Option<PaymentPlan>,
    /// What the link may add to what was paid for its item.
    pub guard: Option<ItemGuard>,
    /// Exclusive.
    pub expires_at: Option<Timestamp>,
    /// Exclusive.
    pub due_at: Option<Timestamp>,
    pub after_payment: Option<AfterPayment>,
    pub message: Option<MessageChoice>,
    pub notified: ResolvedRecipients,
    /// The request's, else the contact's.
    pub locale: Option<Locale>,
    pub problems: Problems,
    url: String,
}

/// What is said of a business that may take no new payments.
pub const SUSPENDED: &str = "The business is suspended: no link can be made, and nobody is asked to pay.";

/// Asks every rule about a request. `problems` carries what reading the body found.
pub fn decide<'a>(
    request: Request,
    records: CreateContext<'a>,
    address: LinkAddress,
    now: Timestamp,
    mut problems: Problems,
) -> Decision<'a> {
    let found = &mut problems;
    if records.is_suspended {
        found.refuse("", "business_suspended", SUSPENDED);
    }
    let account = find_account(&request, records, found);
    let item = find_item(&request, records, found);
    let contact = find_contact(&request, records, item, found);
    let amount = decide_amount(&request, records, account, item, contact, found);
    let guard = item.zip(amount).and_then(|(item, (money, _))| {
        let paid = records.paid_for(item, account.map(|(account, _)| account));
        let is_ignored = request.when_paid_elsewhere.as_ref().value() == Some(&WhenPaidElsewhere::Ignore);
        ItemGuard::of_new_link(item, &paid, money, is_ignored)
    });
    let plan = decide_plan(&request, records, account, amount.map(|(money, _)| money), now, found);
    let parts = plan.as_ref().map(PaymentPlan::parts).unwrap_or_default();
    let expires_at = decide_expiry(&request, records, parts, now, found);
    let due_at = match request.due_at {
        Field::Value(Some(_)) if !parts.is_empty() => {
            found.refuse("/due_at", "due_with_parts", "Each part has a date of its own: leave this one out.");
            None
        }
        Field::Value(None) | Field::Absent if !parts.is_empty() => parts.last().map(|part| part.due_at),
        Field::Value(Some(due)) => found.check("/due_at", due.resolve(now, &records.settings.zone())).value(),
        Field::Value(None) => None,
        Field::Absent => item.and_then(|item| item.due_at),
        Field::Refused => None,
    };
    let receipt_type_id = default_receipt_type(&request.after_payment, records, found);
    let send_receipt = records.settings.send_receipts;
    let otherwise = AfterPayment { register_receipt: true, receipt_type_id, receipt_field: None, send_receipt };
    let on_item = match (item, &request.item_id) {
        (Some(item), _) => OnItem::Found(item),
        (None, Field::Absent) => OnItem::None,
        (None, Field::Value(_) | Field::Refused) => OnItem::Refused,
    };
    let after_payment = decide_after_payment(&request.after_payment, &otherwise, on_item, records.receipt_types, found);
    let message = decide_message(&request.message, found);
    let notified = decide_recipients(&request, contact, records, &address.id, found);
    check_size(&request, message.as_ref(), &notified, found);
    let locale = request.locale.clone().value().or_else(|| contact.and_then(|contact| contact.locale.clone()));
    let url = address.url;
    let mut decision = Decision {
        request,
        account,
        contact,
        item,
        amount,
        plan,
        guard,
        expires_at,
        due_at,
        after_payment,
        message,
        notified,
        locale,
        problems: Problems::default(),
        url,
    };
    // Only what somebody gets is a reason to refuse.
    let channels = decision.channels_used();
    decision.write(decision.context(), &channels, records, &mut problems);
    decision.problems = problems;
    decision
}

impl Decision<'_> {
    /// The terms, or everything that stands against them.
    pub fn into_terms(self) -> Result<Terms, Problems> {
        let Self {
            request,
            account,
            contact,
            item,
            amount,
            plan,
            guard,
            expires_at,
            due_at,
            after_payment,
            message,
            notified,
            locale,
            ..
        } = self;
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        let (Some((account, access)), Some(contact), Some((amount, amount_source)), Some(expires_at)) =
            (account, contact, amount, expires_at)
        else {
            return Err(self.problems);
        };
        let (Some(after_payment), Some(message)) = (after_payment, message) else { return Err(self.problems) };
        Ok(Terms {
            mode: account.mode,
            account: AccountTerms {
                id: account.id.clone(),
                name: account.name.clone(),
                gateway: access.gateway,
                credentials: access.credentials.clone(),
                late_payment: account.online_payment.late_payment,
                summary_page: account.online_payment.summary_page,
            },
            contact: ContactTerms {
                id: contact.id.clone(),
                name: contact.name.clone(),
                profile_url: contact.profile_url.clone(),
            },
            item: item.map(|item| ItemTerms { id: item.id.clone(), title: item.title.clone(), guard }),
            amount,
            amount_source,
            plan,
            expires_at,
            due_at,
            description: request.description.value().filter(|text| !text.is_empty()),
            internal_note: request.internal_note.value().filter(|note| !note.is_empty()),
            after_payment,
            message,
            recipients: notified.recipients,
            unreached: notified.unreached,
            reminders: request.reminders.value(),
            reference_id: request.reference_id.value(),
            return_url: request.return_url.value(),
            locale,
            metadata: request.metadata.value().unwrap_or_default(),
        })
    }

    /// The reminders that would go out where nothing changes.
    pub fn planned_reminders(&self, settings: &Settings, now: Timestamp) -> Vec<PlannedReminder> {
        let wants_none =
            self.contact.is_some_and(|contact| contact.no_reminders) || self.notified.recipients.is_empty();
        let Some(expires_at) = self.expires_at.filter(|_| !wants_none) else { return Vec::new() };
        let parts = self.plan.as_ref().map(PaymentPlan::parts).unwrap_or_default();
        let dues = if parts.is_empty() {
            self.due_at.into_iter().collect()
        } else {
            parts.iter().map(|part| part.due_at).collect()
        };
        let own = self.request.reminders.as_ref().value().map(Vec::as_slice);
        ReminderSubject { created_at: now, expires_at, dues, own }.planned(settings, now)
    }

    /// Every message that the choice of channels allows, as it would be sent, also where nobody is named to get it yet.
    pub(crate) fn previews(&self, records: CreateContext<'_>) -> Vec<Preview> {
        self.write(self.context(), &self.channels(), records, &mut Problems::default())
    }

    /// The same where the link is made on this account.
    pub(crate) fn previews_on(&self, account: &Account, records: CreateContext<'_>) -> Vec<Preview> {
        let (request, scratch) = (&self.request, &mut Problems::default());
        let paid = self.item.map(|item| records.paid_for(item, Some(account))).unwrap_or_default();
        let amount = find_amount(request, Some(account.currency), (self.item, &paid), self.contact, scratch);
        let context = amount.and_then(|(amount, _)| self.context_on(account, amount));
        self.write(context, &self.channels(), records, scratch)
    }

    /// The channels that there is a text for.
    fn channels(&self) -> Vec<Channel> {
        self.message.as_ref().map(MessageChoice::channels).unwrap_or_default()
    }

    /// Those of them that a recipient has an address on.
    fn channels_used(&self) -> Vec<Channel> {
        let used = |channel: &Channel| self.notified.recipients.iter().any(|recipient| recipient.channel == *channel);
        self.channels().into_iter().filter(used).collect()
    }

    fn write(
        &self,
        context: Option<MessageContext<'_>>,
        channels: &[Channel],
        records: CreateContext<'_>,
        problems: &mut Problems,
    ) -> Vec<Preview> {
        match (context, &self.message) {
            (Some(context), Some(message)) => {
                let sources = MessageSources { templates: records.templates, router: records.router() };
                preview(&context, message, channels, &self.notified.recipients, sources, problems)
            }
            (None, _) | (Some(_), None) => Vec::new(),
        }
    }

    /// What a message could say, where enough of it is decided to say anything.
    fn context(&self) -> Option<MessageContext<'_>> {
        let (account, _) = self.account?;
        let (amount, _) = self.amount?;
        self.context_on(account, amount)
    }

    fn context_on<'b>(&'b self, account: &'b Account, amount: Money) -> Option<MessageContext<'b>> {
        Some(MessageContext {
            kind: MessageKind::LinkCreated,
            mode: account.mode,
            account_name: &account.name,
            contact_name: &self.contact?.name,
            item_title: self.item.map(|item| item.title.as_str()),
            amount,
            expires_at: self.expires_at?,
            due_at: self.due_at,
            description: self.request.description.as_ref().value().map(String::as_str).filter(|text| !text.is_empty()),
            reference_id: self.request.reference_id.as_ref().value(),
            locale: self.locale.as_ref(),
            url: &self.url,
        })
    }
}

fn find_account<'a>(
    request: &Request,
    records: CreateContext<'a>,
    problems: &mut Problems,
) -> Option<PayableAccount<'a>> {
    let id = request.account_id.as_ref().require("/account_id", problems)?;
    let Some(account) = records.account else {
        problems.refuse("/account_id", "unknown_account", format!("There is no account {id}."));
        return None;
    };
    let access = problems.check("/account_id", account.gateway_access()).value()?;
    Some((account, access))
}

fn find_item<'a>(request: &Request, records: CreateContext<'a>, problems: &mut Problems) -> Option<&'a Item> {
    let id = request.item_id.as_ref().value()?;
    if records.item.is_none() && request.item.is_none() {
        problems.refuse("/item_id", "unknown_item", format!("There is no item {id}."));
    }
    records.item
}

fn find_contact<'a>(
    request: &Request,
    records: CreateContext<'a>,
    item: Option<&Item>,
    problems: &mut Problems,
) -> Option<&'a Contact> {
    let at = match (&request.contact, &request.item, &request.contact_id) {
        (Some(_), _, _) => "/contact/id",
        (None, Some(_), Field::Absent) => "/item/contact_id",
        (None, _, _) => "/contact_id",
    };
    let id = match (&request.contact_id, item) {
        (Field::Value(id), Some(item)) if *id != item.contact_id => {
            let detail = format!("The item {} belongs to the contact {}.", item.id, item.contact_id);
            problems.refuse(at, "contact_mismatch", detail);
            return None;
        }
        (Field::Value(id), _) => id,
        (Field::Absent, Some(item)) => &item.contact_id,
        (Field::Absent, None) => {
            // An item that was named and not found is reported already.
            if matches!(request.item_id, Field::Absent) {
                problems.refuse("/contact_id", "required", "Name a contact, or an item that belongs to one.");
            }
            return None;
        }
        (Field::Refused, _) => return None,
    };
    if records.contact.is_none() && request.contact.is_none() {
        problems.refuse(at, "unknown_contact", format!("There is no contact {id}."));
    }
    records.contact
}

fn decide_expiry(
    request: &Request,
    records: CreateContext<'_>,
    parts: &[Part],
    now: Timestamp,
    problems: &mut Problems,
) -> Option<Timestamp> {
    let (pointer, expiry) = match choose_expiry(&request.expires_at, &request.expires_in_days, problems) {
        Field::Value(chosen) => chosen,
        Field::Absent if !parts.is_empty() => return default_end(parts, records, now),
        Field::Absent => ("/expires_in_days", Expiry::InDays(records.settings.default_expires_in_days)),
        Field::Refused => return None,
    };
    let expires_at = problems.check(pointer, expiry.resolve(now, &records.settings.zone())).value()?;
    problems.check(pointer, check_end(parts, expires_at));
    Some(expires_at)
}

/// Recipients and texts are most of a link, so the problem is reported there.
fn check_size(
    request: &Request,
    message: Option<&MessageChoice>,
    notified: &ResolvedRecipients,
    problems: &mut Problems,
) {
    let Request {
        // These have bounds of their own: what comes from records, and single values.
        account_id: _,
        contact_id: _,
        item_id: _,
        contact: _,
        item: _,
        amount: _,
        payment_plan: _,
        when_paid_elsewhere: _,
        currency: _,
        expires_at: _,
        expires_in_days: _,
        due_at: _,
        after_payment: _,
        locale: _,
        reminders: _,
        // These are in what was decided about them.
        recipients: _,
        message: _,
        description,
        internal_note,
        reference_id,
        return_url,
        metadata,
    } = request;
    let notes = (description.as_ref().value(), internal_note.as_ref().value());
    let texts = (notes, reference_id.as_ref().value(), return_url.as_ref().value());
    let content = (message, &notified.recipients, &notified.unreached, texts, metadata.as_ref().value());
    problems.check("/recipients", check_content(&content));
}

fn decide_recipients(
    request: &Request,
    contact: Option<&Contact>,
    records: CreateContext<'_>,
    link: &LinkId,
    problems: &mut Problems,
) -> ResolvedRecipients {
    let selection = request.recipients.selection();
    let channels = channels_named(&request.message);
    let Some(contact) = contact else { return ResolvedRecipients::default() };
    let known = problems.as_slice().len();
    check_people(&selection, contact, channels.as_deref().unwrap_or(&Channel::ALL), problems);
    let nothing_refused = !request.recipients.any_refused() && problems.as_slice().len() == known;
    let Some(channels) = channels else { return ResolvedRecipients::default() };
    let wording = match request.message.mode {
        Field::Value(MessageMode::Custom) => Wording::Custom,
        Field::Value(MessageMode::Default) | Field::Absent | Field::Refused => Wording::Default,
    };
    let options = DeliveryOptions { channels: &channels, wording, router: records.router() };
    if selection.is_empty() && !request.recipients.former.is_empty() {
        return told_again(&request.recipients.former, options, link, 0);
    }
    if selection.is_empty() {
        if matches!(request.message.mode, Field::Value(MessageMode::Custom)) && nothing_refused {
            problems.refuse("/recipients", "required", "A custom message needs somebody to send it to.");
        }
        return ResolvedRecipients::default();
    }
    let notified = resolve(&selection, contact, options, link, 0);
    if notified.recipients.is_empty() && nothing_refused {
        problems.add("/recipients", notified.nobody_reachable());
    }
    notified
}

#[cfg(test)]
mod tests;
