//! How links, receipts and events look to the CRM, in answers and in what is sent to it.

pub mod audit;
pub mod event;
pub mod look_back;
pub mod reconciliation;
pub mod reminders;
pub mod schema;

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::address::SocialAddress;
use domain::business::settings::Settings;
use domain::calendar::written_instant;
use domain::gateway::{DisputeState, FeePayer, GatewayKind, Payment};
use domain::ids::{MessageId, ReceiptId};
use domain::link::{
    AfterPayment, Attempt, AttemptState, CreatedBy, Dispute, Hold, LinkStatus, MessageOfLink, NotKept, Part,
    PaymentLink, PaymentPlan, Receipt, ReceiptKind, ReceivedBy, Recorded, Refund, RefundBy, RefundMethodKind,
    RefundState, Terms, Voided,
};
use domain::messages::channel::Channel;
use domain::messages::choice::MessageChoice;
use domain::messages::delivery::MessageState;
use domain::messages::recipients::{Named, Recipient, Unreached};
use domain::messages::template::MessageText;
use domain::money::Money;
use domain::records::item::ReceiptField;
use domain::records::item_payments::ItemGuard;
use serde::Serialize;
use utoipa::ToSchema;

use reminders::LinkRemindersView;
use schema::{
    AmountSourceName, AttemptStatusName, BY_GATEWAY, ChannelName, DisputeStatusName, FeePayerName, GatewayName,
    HoldReasonName, LinkStatusName, MessageKindName, MessageStatusName, Metadata, ModeName, NotKeptName,
    PaymentMethodName, ReceiptKindName, RefundCauseName, RefundMethodName, RefundStatusName, UnreachedReasonName,
    WhenPaidElsewhereName,
};

/// An instant with the offset that the business has at that moment.
pub fn instant(at: Timestamp, settings: &Settings) -> String {
    written_instant(at, &settings.zone())
}

/// An amount as the business's own people read it.
pub fn amount_display(money: Money, settings: &Settings) -> String {
    money.display(settings.default_locale.language(), settings.rial_alone)
}

/// A payment link.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = PaymentLink)]
pub struct LinkView {
    pub id: String,
    #[schema(pattern = "^payment_link$")]
    pub object: &'static str,
    /// The address the customer opens. Whoever has it can pay.
    pub url: String,
    #[schema(value_type = ModeName)]
    pub mode: &'static str,
    #[schema(value_type = LinkStatusName)]
    pub status: &'static str,
    /// In the currency's minor unit; the rial's is the rial.
    pub amount: i64,
    pub currency: &'static str,
    /// The amount as the business's own people read it.
    pub amount_display: String,
    #[schema(value_type = AmountSourceName)]
    pub amount_source: &'static str,
    /// What was paid of it and did not go back, in the same unit.
    pub amount_paid: i64,
    /// What is left to pay, in the same unit. Of a link that is paid, cancelled or replaced nothing is asked for any more.
    pub amount_due: i64,
    pub amount_due_display: String,
    /// In which parts it may be paid; null where it is paid at once.
    pub payment_plan: Option<PaymentPlanView>,
    /// What becomes of it once its item is paid by other links; null where it has no item with an amount.
    #[schema(value_type = Option<WhenPaidElsewhereName>)]
    pub when_paid_elsewhere: Option<&'static str>,
    /// Exclusive: a link that ends with a day ends at the next midnight.
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// Until when the customer owes the money, exclusive as well; it may lie before or after the end of the link. Where parts have
    /// dates, that of the next one.
    #[schema(format = DateTime)]
    pub due_at: Option<String>,
    #[schema(format = DateTime)]
    pub paid_at: Option<String>,
    #[schema(format = DateTime)]
    pub expired_at: Option<String>,
    #[schema(format = DateTime)]
    pub cancelled_at: Option<String>,
    pub cancel_reason: Option<String>,
    #[schema(format = DateTime)]
    pub replaced_at: Option<String>,
    /// The link that took the place of this one. It may have been replaced itself since; `replaced_by` of each leads on, and
    /// the address of each leads to the newest.
    pub replaced_by: Option<String>,
    /// The link whose place this one took.
    pub replaces: Option<String>,
    /// When a customer last asked for a new link, because this one is over.
    #[schema(format = DateTime)]
    pub renewal_requested_at: Option<String>,
    pub account: NamedView,
    pub contact: ContactOfLinkView,
    pub item: Option<TitledView>,
    pub description: Option<String>,
    /// What nobody but the CRM reads.
    pub internal_note: Option<String>,
    pub after_payment: AfterPaymentView,
    pub message: MessageChoiceView,
    /// One for each address that is told, of every round.
    pub messages: Vec<MessageView>,
    pub reminders: LinkRemindersView,
    /// Who was named and cannot be told.
    pub unreached: Vec<UnreachedView>,
    pub attempts: Vec<AttemptView>,
    /// The money that the link received and keeps, in the order in which it was begun to be paid. What was written down by
    /// mistake is not among it.
    pub payments: Vec<PaymentOfLinkView>,
    /// The ids of the receipts: that of each payment, unless the link asked for none, and one of each refund of it that
    /// succeeded.
    pub receipts: Vec<String>,
    /// How much of the payments went back so far, in minor units of their currency.
    pub amount_refunded: i64,
    /// Whether a person has to look at an attempt.
    pub needs_review: bool,
    pub reference_id: Option<String>,
    pub return_url: Option<String>,
    pub locale: Option<String>,
    #[schema(value_type = Metadata)]
    pub metadata: BTreeMap<String, String>,
    /// When a person first opened the link while it could be paid.
    #[schema(format = DateTime)]
    pub opened_at: Option<String>,
    /// Who of the people told opened it first; null where it was opened by an address that says nothing of that, such as the QR
    /// code or the one that answers show. Somebody else may have it from them.
    pub opened_by: Option<ToldView>,
    /// What holds it at this moment.
    pub hold: Option<HoldView>,
    /// The person whom `Paylink-Actor` named in the call that made the link, else the integration that called.
    pub created_by: Option<String>,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub updated_at: String,
}

/// In which parts a link may be paid: `minimum` or `parts`, and the other one is null.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = PaymentPlan)]
pub struct PaymentPlanView {
    /// The customer chooses how much to pay at a time: at least so much, in minor units, unless less is left.
    pub minimum: Option<i64>,
    /// Parts with a date each. What was paid counts for the first of them first.
    pub parts: Option<Vec<PartView>>,
}

/// A part with its date.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = PaymentPlanPart)]
pub struct PartView {
    pub amount: i64,
    /// How much of it is paid.
    pub amount_paid: i64,
    /// Exclusive. It can be paid later as well, until the link ends.
    #[schema(format = DateTime)]
    pub due_at: String,
}

/// Money that a link keeps.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = PaymentOfLink)]
pub struct PaymentOfLinkView {
    pub attempt_id: String,
    /// In minor units of the currency.
    pub amount: i64,
    /// How much of it went back.
    pub amount_refunded: i64,
    #[schema(value_type = PaymentMethodName)]
    pub payment_method: &'static str,
    /// The gateway's number of it, or what it is found by where it came otherwise.
    pub gateway_reference: Option<String>,
    #[schema(format = DateTime)]
    pub paid_at: String,
    /// Who of the people told began to pay it, as far as their address says.
    pub begun_by: Option<ToldView>,
    /// Null where the link asked for no receipts.
    pub receipt_id: Option<String>,
    /// Where the customer can read the receipt for as long as there is the link, also after refunds. Whoever has the address can.
    pub receipt_url: String,
}

/// The account that receives the money.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = PaymentLinkAccount)]
pub struct NamedView {
    pub id: String,
    pub name: String,
}

/// The contact as it was when the link was made.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = PaymentLinkContact)]
pub struct ContactOfLinkView {
    pub id: String,
    pub name: String,
    pub profile_url: Option<String>,
}

/// The item that the link was made on.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = PaymentLinkItem)]
pub struct TitledView {
    pub id: String,
    pub title: String,
}

/// Where somebody is found on a social network.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = SocialAddress)]
pub struct SocialView {
    /// The id of the message provider that serves the network.
    pub network: String,
    /// How the network calls the person or the chat.
    pub id: String,
}

impl SocialView {
    pub fn new(address: &SocialAddress) -> Self {
        Self { network: address.network.to_string(), id: address.id.as_str().to_owned() }
    }
}

/// What is recorded once the money is there.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AfterPayment)]
pub struct AfterPaymentView {
    pub register_receipt: bool,
    pub receipt_type_id: Option<String>,
    pub receipt_field: Option<String>,
    /// Whether those who are told of the link are told of its payments and refunds, with the address of the receipt.
    pub send_receipt: bool,
}

impl AfterPaymentView {
    pub fn new(after: &AfterPayment) -> Self {
        Self {
            register_receipt: after.register_receipt,
            receipt_type_id: after.receipt_type_id.as_ref().map(ToString::to_string),
            receipt_field: after.receipt_field.as_ref().map(ToString::to_string),
            send_receipt: after.send_receipt,
        }
    }
}

/// A field of kind receipt that the business added to an item.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ReceiptField)]
pub struct ReceiptFieldView {
    pub key: String,
    pub label: String,
}

impl ReceiptFieldView {
    pub fn new(field: &ReceiptField) -> Self {
        Self { key: field.key.to_string(), label: field.label.clone() }
    }
}

/// Which words the messages use.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = MessageChoice)]
pub struct MessageChoiceView {
    /// `default`, or `custom` with the texts of the request.
    #[schema(pattern = "^(default|custom)$")]
    pub mode: &'static str,
    #[schema(value_type = Vec<ChannelName>)]
    pub channels: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub sms: Option<TextView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub email: Option<TextView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub social: Option<TextView>,
}

/// A text with variables. Only an email has a subject.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = MessageText)]
pub struct TextView {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub subject: Option<String>,
    pub body: String,
}

impl TextView {
    fn new(text: &MessageText) -> Self {
        Self { subject: text.subject().map(str::to_owned), body: text.body().to_owned() }
    }
}

impl MessageChoiceView {
    pub fn new(message: &MessageChoice) -> Self {
        let channels = message.channels().into_iter().map(|channel| channel.as_str()).collect();
        let mode = match message {
            MessageChoice::Default { .. } => "default",
            MessageChoice::Custom { .. } => "custom",
        };
        // The OpenAPI document names each channel, so that this is the one place that lists them.
        let text = |channel| message.custom_text(channel).map(TextView::new);
        let (sms, email, social) = (text(Channel::Sms), text(Channel::Email), text(Channel::Social));
        Self { mode, channels, sms, email, social }
    }
}

/// Somebody who was named and cannot be told.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = UnreachedRecipient)]
pub struct UnreachedView {
    /// The role that was named, or that of the person; `contact` for the contact itself, null for an address typed by hand.
    pub role: Option<String>,
    /// The person's `id` at the contact, `contact` for the contact itself; null where nobody has the role, and for an address
    /// typed by hand.
    pub person: Option<String>,
    #[schema(value_type = Option<ChannelName>)]
    pub channel: Option<&'static str>,
    /// The network of a social address.
    pub network: Option<String>,
    #[schema(value_type = UnreachedReasonName)]
    pub reason: &'static str,
}

impl UnreachedView {
    pub fn new(unreached: &Unreached) -> Self {
        Self {
            role: unreached.named.as_ref().map(|named| named.role().to_string()),
            person: unreached.named.as_ref().and_then(Named::person).map(ToString::to_string),
            channel: unreached.channel.map(|channel| channel.as_str()),
            network: unreached.network.as_ref().map(ToString::to_string),
            reason: unreached.reason.as_str(),
        }
    }
}

/// One message to one address.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Message)]
pub struct MessageView {
    pub id: String,
    /// What it tells: `link_created` asks to pay, `payment_received` and `refund_succeeded` tell of the money.
    #[schema(value_type = MessageKindName)]
    pub kind: &'static str,
    #[schema(value_type = ChannelName)]
    pub channel: &'static str,
    /// The network of a social address.
    pub network: Option<String>,
    pub to: String,
    /// `contact` for the contact itself, else the roles; empty for an address typed by hand.
    pub roles: Vec<String>,
    /// The `id` at the contact of each person whose address it is, `contact` for the contact itself; empty for an address
    /// typed by hand.
    pub people: Vec<String>,
    #[schema(value_type = MessageStatusName)]
    pub status: &'static str,
    /// When the provider took it over, also where it reported a failure later.
    #[schema(format = DateTime)]
    pub sent_at: Option<String>,
    /// When it arrived, where the provider says so: `kavenegar` when it is asked, and a line of the business's own that
    /// reports it.
    #[schema(format = DateTime)]
    pub delivered_at: Option<String>,
    /// When it was known that it failed for good.
    #[schema(format = DateTime)]
    pub failed_at: Option<String>,
    /// Why it waits, failed or was skipped.
    pub reason: Option<String>,
    /// What the provider that took it over calls it, where it said so.
    pub provider_id: Option<String>,
    /// The new id of the chat, where the network had moved it: a group of Telegram that became a supergroup. The message
    /// went there; write to this id from now on.
    pub moved_to: Option<String>,
}

/// Somebody who was told of a link, by the address that they were told at.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ToldRecipient)]
pub struct ToldView {
    /// The message by which they were first asked to pay.
    pub message_id: String,
    #[schema(value_type = ChannelName)]
    pub channel: &'static str,
    /// The network of a social address.
    pub network: Option<String>,
    pub to: String,
    /// As in the message.
    pub roles: Vec<String>,
    pub people: Vec<String>,
}

impl ToldView {
    fn new(recipient: &Recipient) -> Self {
        Self {
            message_id: recipient.id.to_string(),
            channel: recipient.channel.as_str(),
            network: recipient.network.as_ref().map(ToString::to_string),
            to: recipient.to.clone(),
            roles: recipient.roles().into_iter().map(ToString::to_string).collect(),
            people: recipient.people.iter().map(|person| person.id.to_string()).collect(),
        }
    }

    /// Who began an attempt.
    fn of_attempt(link: &PaymentLink, attempt: &Attempt) -> Option<Self> {
        link.recipient_of(attempt.begun_by?).map(Self::new)
    }
}

/// One session opened at the gateway, or money that came by other means and was written down.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Attempt)]
pub struct AttemptView {
    pub id: String,
    #[schema(value_type = PaymentMethodName)]
    pub payment_method: &'static str,
    /// Null where the money came by other means.
    #[schema(value_type = Option<GatewayName>)]
    pub gateway: Option<&'static str>,
    #[schema(value_type = AttemptStatusName)]
    pub status: &'static str,
    pub reason: Option<String>,
    pub gateway_reference: Option<String>,
    pub amount: i64,
    #[schema(format = DateTime)]
    pub opened_at: String,
    /// Who of the people told began it, as far as their address says.
    pub begun_by: Option<ToldView>,
    #[schema(format = DateTime)]
    pub paid_at: Option<String>,
    #[schema(format = DateTime)]
    pub refunded_at: Option<String>,
    /// What the gateway confirmed, until it went back; or what was written down.
    pub payment: Option<PaymentView>,
    /// What was written down, where the money came by other means.
    pub recorded: Option<RecordedView>,
    /// That what was written down was wrong: the money never came.
    pub voided: Option<VoidedView>,
    /// The refunds of that money, in the order in which they were begun.
    pub refunds: Vec<RefundView>,
    /// The disputes about that money which its gateway has shown, in the order in which they were seen.
    pub disputes: Vec<DisputeView>,
}

/// A dispute about a payment: the payer, or their bank, asks for the money again.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Dispute)]
pub struct DisputeView {
    /// The gateway's own id of it.
    pub reference: String,
    #[schema(value_type = DisputeStatusName)]
    pub status: &'static str,
    /// What it is about, in minor units of the currency. By the course of a currency it can be a little more than was paid.
    pub amount: i64,
    pub currency: &'static str,
    /// Why, in the gateway's own word.
    pub reason: Option<String>,
    /// Until when the business can answer at the gateway, where it still can.
    #[schema(format = DateTime)]
    pub respond_by: Option<String>,
    /// When it was opened, by the gateway's clock.
    #[schema(format = DateTime)]
    pub opened_at: Option<String>,
    /// When Paylink first saw it.
    #[schema(format = DateTime)]
    pub seen_at: String,
}

/// What a person wrote down of money that came by other means than a gateway.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AttemptRecorded)]
pub struct RecordedView {
    /// What it is found by there, such as the number of the transfer or of the cheque.
    pub reference: Option<String>,
    #[schema(format = DateTime)]
    pub received_at: String,
    /// For the business's own people.
    pub note: Option<String>,
    /// Who wrote it down: the person whom the caller named, else the integration.
    pub recorded_by: Option<String>,
}

/// That an entry was wrong.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AttemptVoided)]
pub struct VoidedView {
    #[schema(format = DateTime)]
    pub voided_at: String,
    /// Why, for the business's own people.
    pub reason: Option<String>,
    /// Who found out: the person whom the caller named, else the integration.
    pub voided_by: Option<String>,
}

/// What holds a link for a while.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Hold)]
pub struct HoldView {
    #[schema(value_type = HoldReasonName)]
    pub reason: &'static str,
    /// It ends by itself at this instant.
    #[schema(format = DateTime)]
    pub until: String,
    /// Whether nobody is sent to the gateway meanwhile.
    pub stops_paying: bool,
    /// For the business's own people.
    pub note: Option<String>,
    #[schema(format = DateTime)]
    pub placed_at: String,
    /// Who placed it: the person whom the caller named, else the integration; null where the customer did.
    pub placed_by: Option<String>,
}

/// Money as a gateway confirmed it, or as it was written down.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AttemptPayment)]
pub struct PaymentView {
    /// In minor units: what was paid, which may be another amount than was asked for.
    pub amount: i64,
    pub currency: &'static str,
    /// Null where the money came by other means and nothing is known that it is found by.
    pub gateway_reference: Option<String>,
    /// The card that paid, where the gateway tells, with most digits hidden.
    pub masked_card: Option<String>,
    /// The gateway's fee in minor units, where it tells.
    pub fee: Option<i64>,
    #[schema(value_type = Option<FeePayerName>)]
    pub fee_payer: Option<&'static str>,
    /// The terminal or merchant that the money was paid to, where the gateway names it.
    pub terminal: Option<String>,
    /// When the customer paid, by the gateway's clock, where it tells, or by the word of who wrote it down.
    #[schema(format = DateTime)]
    pub gateway_paid_at: Option<String>,
}

/// Money that went back to the payer or is on its way there: what no link could keep, or what somebody wanted returned of what
/// a link kept.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Refund)]
pub struct RefundView {
    pub id: String,
    #[schema(pattern = "^refund$")]
    pub object: &'static str,
    #[schema(value_type = RefundStatusName)]
    pub status: &'static str,
    #[schema(value_type = RefundCauseName)]
    pub cause: &'static str,
    /// In minor units of the currency.
    pub amount: i64,
    pub currency: &'static str,
    #[schema(value_type = RefundMethodName)]
    pub method: &'static str,
    /// Why, in the words of who asked for it.
    pub reason: Option<String>,
    /// Why the link did not keep the money, where the `cause` is `automatic`.
    #[schema(value_type = Option<NotKeptName>)]
    pub not_kept_because: Option<&'static str>,
    /// Who asked for it, where the `cause` is `requested`: the person whom the caller named, else the integration.
    pub requested_by: Option<String>,
    /// Who decided what became of it, where a person had to: of the refund itself, or of its attempt.
    pub resolved_by: Option<String>,
    #[schema(value_type = ModeName)]
    pub mode: &'static str,
    pub payment_link_id: String,
    pub attempt_id: String,
    pub contact_id: String,
    /// The account that the money goes from.
    pub account_id: String,
    /// The receipt of the payment, where it has one.
    pub receipt_id: Option<String>,
    /// The receipt that records the refund, once it succeeded.
    pub refund_receipt_id: Option<String>,
    /// The gateway's own id of it, or what it is found by where the money went from.
    pub reference: Option<String>,
    /// Why it failed, in the gateway's own words.
    pub failure_reason: Option<String>,
    /// Why a person has to look.
    pub review_reason: Option<String>,
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When money went back by other means, as was said.
    #[schema(format = DateTime)]
    pub refunded_at: Option<String>,
    /// When we learned that the money went, also where that turned out to be wrong, or did not last.
    #[schema(format = DateTime)]
    pub succeeded_at: Option<String>,
    #[schema(format = DateTime)]
    pub failed_at: Option<String>,
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
        let (mut paid_at, mut expired_at, mut cancelled_at, mut replaced_at) = (None, None, None, None);
        let mut cancel_reason = None;
        match &status {
            LinkStatus::Active => {}
            LinkStatus::Paid { paid_at: at, .. } => paid_at = shown(at),
            LinkStatus::Expired { expired_at: at } => expired_at = shown(at),
            LinkStatus::Cancelled { cancelled_at: at, reason } => {
                cancelled_at = shown(at);
                cancel_reason.clone_from(reason);
            }
            LinkStatus::Replaced { replaced_at: at, by: _ } => replaced_at = shown(at),
        }
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
            amount_paid: link.amount_paid().minor_units(),
            amount_due: link.amount_due().minor_units(),
            amount_due_display: amount_display(link.amount_due(), settings),
            payment_plan: terms.plan.as_ref().map(|plan| PaymentPlanView::new(plan, link, settings)),
            when_paid_elsewhere: terms.item.as_ref().and_then(|item| item.guard).map(when_paid_elsewhere),
            expires_at: instant(terms.expires_at, settings),
            due_at: link.next_due_at().map(|at| instant(at, settings)),
            paid_at,
            expired_at,
            cancelled_at,
            cancel_reason,
            replaced_at,
            replaced_by: link.successor().map(ToString::to_string),
            replaces: link.replaces().map(ToString::to_string),
            renewal_requested_at: link.renewal_requested_at().map(|at| instant(at, settings)),
            account: NamedView { id: terms.account.id.to_string(), name: terms.account.name.clone() },
            contact: ContactOfLinkView {
                id: terms.contact.id.to_string(),
                name: terms.contact.name.clone(),
                profile_url: terms.contact.profile_url.clone(),
            },
            item: terms.item.as_ref().map(|item| TitledView { id: item.id.to_string(), title: item.title.clone() }),
            description: terms.description.clone(),
            internal_note: terms.internal_note.clone(),
            after_payment: AfterPaymentView::new(&terms.after_payment),
            message: MessageChoiceView::new(&terms.message),
            messages: link.messages().map(|message| MessageView::new(&message, messages, settings)).collect(),
            reminders: LinkRemindersView::new(link, settings),
            unreached: unreached(link, terms),
            attempts: link.attempts().iter().map(|attempt| AttemptView::new(link, attempt, settings)).collect(),
            payments: link.payments().filter_map(|payment| PaymentOfLinkView::new(link, payment, settings)).collect(),
            receipts: link.receipt_ids().into_iter().map(String::from).collect(),
            amount_refunded: link.refunded(),
            needs_review: link.needs_review(),
            reference_id: terms.reference_id.as_ref().map(|id| id.as_str().to_owned()),
            return_url: terms.return_url.clone(),
            locale: terms.locale.as_ref().map(|locale| locale.as_str().to_owned()),
            metadata: terms.metadata.clone(),
            opened_at: link.opened_at().map(|at| instant(at, settings)),
            opened_by: link.opened_by().map(ToldView::new),
            hold: link.hold_at(now).map(|hold| HoldView::new(hold, settings)),
            created_by: link.created_by().map(|somebody| somebody.as_str().to_owned()),
            created_at: instant(link.created_at(), settings),
            updated_at: instant(link.updated_at(), settings),
        }
    }
}

impl PaymentPlanView {
    fn new(plan: &PaymentPlan, link: &PaymentLink, settings: &Settings) -> Self {
        match plan {
            PaymentPlan::Minimum(minimum) => Self { minimum: Some(*minimum), parts: None },
            PaymentPlan::Parts(_) => {
                let part = |(part, amount_paid): (Part, i64)| PartView {
                    amount: part.amount,
                    amount_paid,
                    due_at: instant(part.due_at, settings),
                };
                Self { minimum: None, parts: Some(link.paid_of_parts().into_iter().map(part).collect()) }
            }
        }
    }
}

impl PaymentOfLinkView {
    fn new(link: &PaymentLink, attempt: &Attempt, settings: &Settings) -> Option<Self> {
        let AttemptState::Paid { at, payment, .. } = &attempt.state else { return None };
        Some(Self {
            attempt_id: attempt.id.to_string(),
            amount: payment.money.minor_units(),
            amount_refunded: attempt.refunded(),
            payment_method: payment_method(attempt.recorded.as_ref().map(|recorded| recorded.by)),
            gateway_reference: if_any(&payment.reference),
            paid_at: instant(*at, settings),
            begun_by: ToldView::of_attempt(link, attempt),
            receipt_id: link.receipt_id_of(attempt).map(String::from),
            receipt_url: link.receipt_url(attempt),
        })
    }
}

/// The word in the API.
fn when_paid_elsewhere(guard: ItemGuard) -> &'static str {
    if guard.most.is_some() { "block" } else { "ignore" }
}

/// Of every round.
fn unreached(link: &PaymentLink, terms: &Terms) -> Vec<UnreachedView> {
    let later = link.message_rounds().iter().flat_map(|round| &round.unreached);
    terms.unreached.iter().chain(later).map(UnreachedView::new).collect()
}

impl MessageView {
    /// `messages` holds the states that are known; a message without one is queued.
    pub fn new(message: &MessageOfLink<'_>, messages: &BTreeMap<MessageId, MessageState>, settings: &Settings) -> Self {
        let recipient = &message.recipient;
        let state = messages.get(&recipient.id);
        let has_failed = |id: &MessageId| matches!(messages.get(id), Some(MessageState::Failed { .. }));
        let unseen = if recipient.is_wanted(has_failed) { "queued" } else { "standby" };
        let mut view = Self {
            id: recipient.id.to_string(),
            kind: message.about.kind().as_str(),
            channel: recipient.channel.as_str(),
            network: recipient.network.as_ref().map(ToString::to_string),
            to: recipient.to.clone(),
            roles: recipient.roles().into_iter().map(ToString::to_string).collect(),
            people: recipient.people.iter().map(|person| person.id.to_string()).collect(),
            status: state.map_or(unseen, MessageState::name),
            sent_at: None,
            delivered_at: None,
            failed_at: None,
            reason: None,
            provider_id: None,
            moved_to: None,
        };
        let sent = match state {
            Some(MessageState::Sent(handover)) => Some(handover),
            Some(MessageState::Failed { sent, .. }) => sent.as_ref(),
            Some(
                MessageState::Queued { .. }
                | MessageState::Sending { .. }
                | MessageState::Waiting { .. }
                | MessageState::Skipped { .. },
            )
            | None => None,
        };
        if let Some(handover) = sent {
            view.sent_at = Some(instant(handover.at, settings));
            view.delivered_at = handover.delivered_at.map(|at| instant(at, settings));
            view.provider_id = Some(handover.provider_id.clone()).filter(|id| !id.is_empty());
            view.moved_to = handover.moved_to.clone();
        }
        match state {
            Some(MessageState::Waiting { reason, .. }) => view.reason = Some(reason.clone()),
            Some(MessageState::Failed { at, reason, .. }) => {
                view.failed_at = Some(instant(*at, settings));
                view.reason = Some(reason.clone());
            }
            Some(MessageState::Skipped { reason, .. }) => view.reason = Some(reason.as_str().to_owned()),
            Some(MessageState::Queued { .. } | MessageState::Sending { .. } | MessageState::Sent(_)) | None => {}
        }
        view
    }
}

impl DisputeView {
    fn new(attempt: &Attempt, dispute: &Dispute, settings: &Settings) -> Self {
        let respond_by = match dispute.state {
            DisputeState::Open { respond_by } => respond_by,
            DisputeState::Won | DisputeState::Lost => None,
        };
        Self {
            reference: dispute.reference.clone(),
            status: dispute.state.name(),
            amount: dispute.amount,
            currency: attempt.money.currency().code(),
            reason: dispute.reason.clone(),
            respond_by: respond_by.map(|at| instant(at, settings)),
            opened_at: dispute.opened_at.map(|at| instant(at, settings)),
            seen_at: instant(dispute.seen_at, settings),
        }
    }
}

impl AttemptView {
    fn new(link: &PaymentLink, attempt: &Attempt, settings: &Settings) -> Self {
        let mut view = Self {
            id: attempt.id.to_string(),
            payment_method: payment_method(attempt.recorded.as_ref().map(|recorded| recorded.by)),
            gateway: attempt.at_gateway().map(GatewayKind::as_str),
            status: attempt.state.name(),
            reason: None,
            gateway_reference: None,
            amount: attempt.money.minor_units(),
            opened_at: instant(attempt.opened_at, settings),
            begun_by: ToldView::of_attempt(link, attempt),
            paid_at: None,
            refunded_at: None,
            payment: attempt.state.confirmed_payment().map(|payment| PaymentView::new(payment, settings)),
            recorded: attempt.recorded.as_ref().map(|recorded| RecordedView::new(recorded, settings)),
            voided: attempt.voided.as_ref().map(|voided| VoidedView::new(voided, settings)),
            refunds: attempt.refunds.iter().map(|refund| RefundView::new(link, attempt, refund, settings)).collect(),
            disputes: attempt.disputes.iter().map(|dispute| DisputeView::new(attempt, dispute, settings)).collect(),
        };
        match &attempt.state {
            AttemptState::Paid { at, payment, .. } => {
                view.paid_at = Some(instant(*at, settings));
                view.gateway_reference = if_any(&payment.reference);
            }
            AttemptState::Accepted { payment, .. } | AttemptState::Refunding { payment, .. } => {
                view.gateway_reference = Some(payment.reference.clone());
            }
            AttemptState::Refunded { at } => view.refunded_at = Some(instant(*at, settings)),
            AttemptState::Failed { reason, .. } => view.reason = Some(reason.code.clone()),
            AttemptState::NeedsReview { reason, payment, .. } => {
                view.reason = Some(reason.as_str().to_owned());
                view.gateway_reference = payment.as_ref().map(|payment| payment.reference.clone());
            }
            AttemptState::Open { .. }
            | AttemptState::Confirming { .. }
            | AttemptState::AwaitingReversal { .. }
            | AttemptState::Abandoned { .. } => {}
        }
        view
    }
}

/// By which means money came, in the word of the API.
fn payment_method(received_by: Option<ReceivedBy>) -> &'static str {
    received_by.map_or(BY_GATEWAY, ReceivedBy::as_str)
}

/// A text that is kept empty where there is none.
fn if_any(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn name_of(somebody: Option<&CreatedBy>) -> Option<String> {
    somebody.map(|somebody| somebody.as_str().to_owned())
}

impl RecordedView {
    fn new(recorded: &Recorded, settings: &Settings) -> Self {
        Self {
            reference: recorded.reference.clone(),
            received_at: instant(recorded.received_at, settings),
            note: recorded.note.clone(),
            recorded_by: name_of(recorded.recorded_by.as_ref()),
        }
    }
}

impl VoidedView {
    fn new(voided: &Voided, settings: &Settings) -> Self {
        Self {
            voided_at: instant(voided.at, settings),
            reason: voided.reason.clone(),
            voided_by: name_of(voided.voided_by.as_ref()),
        }
    }
}

impl HoldView {
    fn new(hold: &Hold, settings: &Settings) -> Self {
        Self {
            reason: hold.reason.as_str(),
            until: instant(hold.until, settings),
            stops_paying: hold.stops_paying,
            note: hold.note.clone(),
            placed_at: instant(hold.placed_at, settings),
            placed_by: name_of(hold.placed_by.as_ref()),
        }
    }
}

impl PaymentView {
    fn new(payment: &Payment, settings: &Settings) -> Self {
        Self {
            amount: payment.money.minor_units(),
            currency: payment.money.currency().code(),
            gateway_reference: if_any(&payment.reference),
            masked_card: payment.masked_card.clone(),
            fee: payment.fee.map(|fee| fee.amount),
            fee_payer: payment.fee.and_then(|fee| fee.payer).map(FeePayer::as_str),
            terminal: payment.terminal.clone(),
            gateway_paid_at: payment.gateway_paid_at.map(|at| instant(at, settings)),
        }
    }
}

impl RefundView {
    /// A refund of an attempt of a link.
    pub fn new(link: &PaymentLink, attempt: &Attempt, refund: &Refund, settings: &Settings) -> Self {
        let receipt = link.receipt_id_of(attempt);
        let state = attempt.state_of(refund);
        let mut view = Self {
            id: refund.id.to_string(),
            object: "refund",
            status: state.name(),
            cause: refund.cause.as_str(),
            amount: refund.amount,
            currency: attempt.money.currency().code(),
            method: refund.method.as_str(),
            reason: refund.reason.clone(),
            not_kept_because: refund.not_kept.map(NotKept::as_str),
            requested_by: refund.requested_by.as_ref().map(|by| by.as_str().to_owned()),
            resolved_by: attempt.resolved_by(refund).map(|by| by.as_str().to_owned()),
            mode: link.terms().mode.as_str(),
            payment_link_id: link.id().to_string(),
            attempt_id: attempt.id.to_string(),
            contact_id: link.terms().contact.id.to_string(),
            account_id: refund.account_id(attempt).to_string(),
            receipt_id: receipt.as_ref().map(ToString::to_string),
            refund_receipt_id: None,
            reference: refund.reference().map(str::to_owned),
            failure_reason: None,
            review_reason: None,
            created_at: instant(refund.created_at, settings),
            refunded_at: None,
            succeeded_at: None,
            failed_at: None,
        };
        if let RefundBy::Outside { refunded_at, .. } = &refund.method {
            view.refunded_at = Some(instant(*refunded_at, settings));
        }
        if let Some(at) = refund.recorded_at() {
            view.succeeded_at = Some(instant(at, settings));
            view.refund_receipt_id = receipt.map(|_| ReceiptId::of_refund(&refund.id).to_string());
        }
        match state.as_ref() {
            RefundState::Failed { at, code, succeeded_at: _ } => {
                view.failed_at = Some(instant(*at, settings));
                view.failure_reason = Some(code.clone());
            }
            RefundState::NeedsReview { reason, .. } => view.review_reason = Some(reason.as_str().to_owned()),
            RefundState::Pending
            | RefundState::Calling { .. }
            | RefundState::Accepted { .. }
            | RefundState::Acknowledged { .. }
            | RefundState::Succeeded { .. }
            | RefundState::Voiding { .. } => {}
        }
        view
    }
}

/// The record that money arrived, that all or a part of it went back, or that such a record is void.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Receipt)]
pub struct ReceiptView {
    pub id: String,
    #[schema(pattern = "^receipt$")]
    pub object: &'static str,
    #[schema(value_type = ReceiptKindName)]
    pub kind: &'static str,
    #[schema(value_type = ModeName)]
    pub mode: &'static str,
    pub payment_link_id: String,
    pub attempt_id: String,
    /// The refund that it records, or whose receipt it makes void.
    pub refund_id: Option<String>,
    /// The receipt of the payment that the money went back of, where it is about a refund.
    pub corrects_receipt_id: Option<String>,
    /// The receipt that it makes void, where it is of a kind that does.
    pub voids_receipt_id: Option<String>,
    /// Since when it is void, because of which receipt.
    #[schema(format = DateTime)]
    pub voided_at: Option<String>,
    pub void_receipt_id: Option<String>,
    /// By which means the money came.
    #[schema(value_type = PaymentMethodName)]
    pub payment_method: &'static str,
    /// By which means the money went back, where it is about a refund.
    #[schema(value_type = Option<RefundMethodName>)]
    pub refund_method: Option<&'static str>,
    /// The account that the money came to, or went from.
    pub account_id: String,
    pub contact_id: String,
    pub item_id: Option<String>,
    /// The field of the item that it is attached to.
    pub receipt_field: Option<String>,
    pub receipt_type_id: Option<String>,
    /// What arrived, or what went back, in the currency's minor unit.
    pub amount: i64,
    pub currency: &'static str,
    pub amount_display: String,
    /// How much of a payment went back so far, in the same unit.
    pub amount_refunded: i64,
    /// The gateway that took the payment, also where it went back by other means. Null where it came by other means.
    #[schema(value_type = Option<GatewayName>)]
    pub gateway: Option<&'static str>,
    /// The gateway's own number of the payment or of the refund; of money that came or went back by other means, what it is
    /// found by there. Null where nothing is known.
    pub gateway_reference: Option<String>,
    /// The card that paid, where the gateway tells, with most digits hidden.
    pub masked_card: Option<String>,
    /// The gateway's fee in minor units, where it tells.
    pub fee: Option<i64>,
    #[schema(value_type = Option<FeePayerName>)]
    pub fee_payer: Option<&'static str>,
    /// The terminal or merchant that the money was paid to, where the gateway names it.
    pub terminal: Option<String>,
    /// When the customer paid, by the gateway's clock, where it tells; of money that came or went back by other means, when it did
    /// by the word of who wrote that down.
    #[schema(format = DateTime)]
    pub gateway_paid_at: Option<String>,
    /// When we learned that the money is there, or that it went back.
    #[schema(format = DateTime)]
    pub paid_at: String,
    /// When the receipt was written: the same moment, or a later one where a person had to accept the money first.
    #[schema(format = DateTime)]
    pub registered_at: String,
    /// The instant by which books go, and totals with them: `gateway_paid_at` where there is one, else `paid_at`, and no later
    /// than `registered_at`. Where books were closed for that before the receipt was written, the first instant that was open
    /// then. It never changes.
    #[schema(format = DateTime)]
    pub booked_at: String,
}

impl ReceiptView {
    pub fn new(receipt: &Receipt, settings: &Settings) -> Self {
        let (refund_id, corrects_receipt_id, refund_method) = match &receipt.kind {
            ReceiptKind::Payment | ReceiptKind::PaymentVoid { .. } => (None, None, None),
            ReceiptKind::Refund { refund_id, corrects, is_outside }
            | ReceiptKind::RefundVoid { refund_id, corrects, is_outside, .. } => {
                let method = RefundMethodKind::ALL[usize::from(*is_outside)].as_str();
                (Some(refund_id.to_string()), Some(corrects.to_string()), Some(method))
            }
        };
        let voids = match &receipt.kind {
            ReceiptKind::Payment | ReceiptKind::Refund { .. } => None,
            ReceiptKind::PaymentVoid { voids } | ReceiptKind::RefundVoid { voids, .. } => Some(voids.to_string()),
        };
        Self {
            id: receipt.id.to_string(),
            object: "receipt",
            kind: receipt.kind.as_str(),
            refund_id,
            corrects_receipt_id,
            refund_method,
            voids_receipt_id: voids,
            voided_at: receipt.voided_at.map(|at| instant(at, settings)),
            void_receipt_id: receipt.voided_at.map(|_| receipt.id.of_void().to_string()),
            payment_method: payment_method(receipt.received_by),
            amount_refunded: receipt.refunded,
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
            gateway: receipt.received_by.is_none().then(|| receipt.gateway.as_str()),
            gateway_reference: if_any(&receipt.gateway_reference),
            masked_card: receipt.masked_card.clone(),
            fee: receipt.fee.map(|fee| fee.amount),
            fee_payer: receipt.fee.and_then(|fee| fee.payer).map(FeePayer::as_str),
            terminal: receipt.terminal.clone(),
            gateway_paid_at: receipt.gateway_paid_at.map(|at| instant(at, settings)),
            paid_at: instant(receipt.paid_at, settings),
            registered_at: instant(receipt.registered_at, settings),
            booked_at: instant(receipt.booked_at(), settings),
        }
    }
}
