//! How links and receipts look in answers.

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::attempt::{Attempt, AttemptState};
use domain::ids::MessageId;
use domain::link::{LinkStatus, PaymentLink};
use domain::message::MessageChoice;
use domain::money::Money;
use domain::receipt::Receipt;
use domain::recipients::{Recipient, Unreached};
use domain::settings::Settings;
use serde::Serialize;
use serde_json::{Value, json};
use store::MessageState;

/// An instant with the offset that the business has at that moment.
pub fn instant(at: Timestamp, settings: &Settings) -> String {
    at.display_with_offset(settings.zone().to_offset(at)).to_string()
}

/// An amount as the business's own people read it.
pub fn amount_display(money: Money, settings: &Settings) -> String {
    money.display(settings.default_locale.language(), settings.rial_alone)
}

/// A link in an answer.
#[derive(Clone, Debug, Serialize)]
pub struct LinkView {
    pub id: String,
    pub object: &'static str,
    pub url: String,
    pub mode: &'static str,
    pub status: &'static str,
    pub amount: i64,
    pub currency: &'static str,
    pub amount_display: String,
    pub amount_source: &'static str,
    pub expires_at: String,
    pub paid_at: Option<String>,
    pub expired_at: Option<String>,
    pub cancelled_at: Option<String>,
    pub cancel_reason: Option<String>,
    pub account: Value,
    pub contact: Value,
    pub item: Option<Value>,
    pub description: Option<String>,
    pub after_payment: Value,
    pub message: Value,
    pub messages: Vec<MessageView>,
    pub unreached: Value,
    pub attempts: Vec<AttemptView>,
    pub receipts: Vec<String>,
    pub needs_review: bool,
    pub reference_id: Option<String>,
    pub return_url: Option<String>,
    pub locale: Option<String>,
    pub metadata: BTreeMap<String, String>,
    /// When a person first opened the link while it could be paid.
    pub opened_at: Option<String>,
    pub created_at: String,
    pub updated_at: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct MessageView {
    pub id: String,
    pub channel: &'static str,
    pub to: String,
    pub roles: Vec<String>,
    pub status: &'static str,
    pub sent_at: Option<String>,
    pub reason: Option<String>,
    pub provider_id: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct AttemptView {
    pub id: String,
    pub gateway: &'static str,
    pub status: &'static str,
    pub reason: Option<String>,
    pub gateway_reference: Option<String>,
    pub amount: i64,
    pub opened_at: String,
    pub paid_at: Option<String>,
    pub given_back_at: Option<String>,
}

impl LinkView {
    /// `messages` holds the states that are known; a message without one is queued.
    pub fn new(
        link: &PaymentLink,
        messages: &BTreeMap<MessageId, MessageState>,
        settings: &Settings,
        now: Timestamp,
    ) -> Self {
        let terms = link.terms();
        let status = link.status_at(now);
        let shown = |at: &Timestamp| Some(instant(*at, settings));
        let (paid_at, expired_at, cancelled_at, cancel_reason) = match &status {
            LinkStatus::Active => (None, None, None, None),
            LinkStatus::Paid { paid_at, .. } => (shown(paid_at), None, None, None),
            LinkStatus::Expired { expired_at } => (None, shown(expired_at), None, None),
            LinkStatus::Cancelled { cancelled_at, reason } => (None, None, shown(cancelled_at), reason.clone()),
        };
        Self {
            id: link.id().to_string(),
            object: "payment_link",
            url: link.url(),
            mode: terms.mode.as_str(),
            status: status.name(),
            amount: terms.amount.minor_units(),
            currency: terms.amount.currency().code(),
            amount_display: amount_display(terms.amount, settings),
            amount_source: terms.amount_source.as_str(),
            expires_at: instant(terms.expires_at, settings),
            paid_at,
            expired_at,
            cancelled_at,
            cancel_reason,
            account: json!({ "id": terms.account.id, "name": terms.account.name }),
            contact: json!({
                "id": terms.contact.id, "name": terms.contact.name, "profile_url": terms.contact.profile_url,
            }),
            item: terms.item.as_ref().map(|item| json!({ "id": item.id, "title": item.title })),
            description: terms.description.clone(),
            after_payment: json!({
                "register_receipt": terms.after_payment.register_receipt,
                "receipt_type_id": terms.after_payment.receipt_type_id,
                "receipt_field": terms.after_payment.receipt_field,
            }),
            message: message_view(&terms.message),
            messages: terms
                .recipients
                .iter()
                .map(|recipient| MessageView::new(recipient, messages.get(&recipient.id), settings))
                .collect(),
            unreached: json!(terms.unreached.iter().map(unreached).collect::<Vec<_>>()),
            attempts: link.attempts().iter().map(|attempt| AttemptView::new(attempt, settings)).collect(),
            receipts: link.receipt_id().into_iter().map(String::from).collect(),
            needs_review: link.needs_review(),
            reference_id: terms.reference_id.as_ref().map(|id| id.as_str().to_owned()),
            return_url: terms.return_url.clone(),
            locale: terms.locale.as_ref().map(|locale| locale.as_str().to_owned()),
            metadata: terms.metadata.clone(),
            opened_at: link.opened_at().map(|at| instant(at, settings)),
            created_at: instant(link.created_at(), settings),
            updated_at: instant(link.updated_at(), settings),
        }
    }
}

/// Somebody who was named and cannot be told.
pub fn unreached(one: &Unreached) -> Value {
    json!({ "role": one.role, "channel": one.channel, "reason": one.reason })
}

fn message_view(message: &MessageChoice) -> Value {
    match message {
        MessageChoice::Default { channels } => json!({ "mode": "default", "channels": channels }),
        MessageChoice::Custom { sms, email } => json!({
            "mode": "custom", "channels": message.channels(), "sms": sms, "email": email,
        }),
    }
}

impl MessageView {
    fn new(recipient: &Recipient, state: Option<&MessageState>, settings: &Settings) -> Self {
        let mut view = Self {
            id: recipient.id.to_string(),
            channel: recipient.channel.as_str(),
            to: recipient.to.clone(),
            roles: recipient.roles.clone(),
            status: state.map_or("queued", MessageState::name),
            sent_at: None,
            reason: None,
            provider_id: None,
        };
        match state {
            Some(MessageState::Sent { at, provider_id }) => {
                view.sent_at = Some(instant(*at, settings));
                view.provider_id = Some(provider_id.clone());
            }
            Some(MessageState::Waiting { reason, .. } | MessageState::Failed { reason, .. }) => {
                view.reason = Some(reason.clone());
            }
            Some(MessageState::Skipped { .. }) => view.reason = Some("link_not_active".to_owned()),
            Some(MessageState::Sending { .. }) | None => {}
        }
        view
    }
}

impl AttemptView {
    fn new(attempt: &Attempt, settings: &Settings) -> Self {
        let mut view = Self {
            id: attempt.id.to_string(),
            gateway: attempt.gateway.as_str(),
            status: attempt.state.name(),
            reason: None,
            gateway_reference: None,
            amount: attempt.money.minor_units(),
            opened_at: instant(attempt.opened_at, settings),
            paid_at: None,
            given_back_at: None,
        };
        match &attempt.state {
            AttemptState::Paid { at, payment } => {
                view.paid_at = Some(instant(*at, settings));
                view.gateway_reference = Some(payment.reference.clone());
            }
            AttemptState::GivingBack { payment, .. } => view.gateway_reference = Some(payment.reference.clone()),
            AttemptState::GivenBack { at } => view.given_back_at = Some(instant(*at, settings)),
            AttemptState::Failed { reason, .. } => view.reason = Some(reason.clone()),
            AttemptState::NeedsReview { reason, payment, .. } => {
                view.reason = Some(reason.clone());
                view.gateway_reference = payment.as_ref().map(|payment| payment.reference.clone());
            }
            AttemptState::Open { .. }
            | AttemptState::Settling { .. }
            | AttemptState::Unacceptable { .. }
            | AttemptState::Lapsed { .. } => {}
        }
        view
    }
}

/// A receipt in an answer.
#[derive(Clone, Debug, Serialize)]
pub struct ReceiptView {
    pub id: String,
    pub object: &'static str,
    pub mode: &'static str,
    pub payment_link_id: String,
    pub attempt_id: String,
    pub account_id: String,
    pub contact_id: String,
    pub item_id: Option<String>,
    /// The field of the item that it is attached to.
    pub receipt_field: Option<String>,
    pub receipt_type_id: Option<String>,
    pub amount: i64,
    pub currency: &'static str,
    pub amount_display: String,
    pub gateway: &'static str,
    pub gateway_reference: String,
    pub masked_card: Option<String>,
    pub paid_at: String,
}

impl ReceiptView {
    pub fn new(receipt: &Receipt, settings: &Settings) -> Self {
        Self {
            id: receipt.id.to_string(),
            object: "receipt",
            mode: receipt.mode.as_str(),
            payment_link_id: receipt.link_id.to_string(),
            attempt_id: receipt.attempt_id.to_string(),
            account_id: receipt.account_id.to_string(),
            contact_id: receipt.contact_id.to_string(),
            item_id: receipt.item_id.as_ref().map(ToString::to_string),
            receipt_field: receipt.attached_to.as_ref().map(|to| to.field.to_string()),
            receipt_type_id: receipt.receipt_type_id.as_ref().map(ToString::to_string),
            amount: receipt.money.minor_units(),
            currency: receipt.money.currency().code(),
            amount_display: amount_display(receipt.money, settings),
            gateway: receipt.gateway.as_str(),
            gateway_reference: receipt.gateway_reference.clone(),
            masked_card: receipt.masked_card.clone(),
            paid_at: instant(receipt.paid_at, settings),
        }
    }
}
