//! Making a link in the place of another one. What the caller leaves out stays as the old link has it, and the rules decide about
//! all of it as about a new link. Whose it is never changes: the contact, and the item.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::link::{AmountSource, Part, PaymentLink, PaymentPlan, Terms};
use crate::messages::choice::MessageChoice;
use crate::money::Money;
use crate::problem::{Field, Problems};
use crate::requests::create::{
    AfterPaymentRequest, CreateContext, MessageMode, MessageRequest, PartRequest, PlanRequest, Request,
    WhenPaidElsewhere,
};
use crate::requests::due_date::DueDate;
use crate::requests::expiry::Expiry;

/// A field of the old link that stays where the caller does not name it, each as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReplacedTerm {
    Amount,
    PaymentPlan,
    ExpiresAt,
    ExpiresInDays,
    DueAt,
    Description,
    InternalNote,
    Recipients,
    AfterPayment,
    Message,
    Reminders,
    ReferenceId,
    ReturnUrl,
    Locale,
    Metadata,
    WhenPaidElsewhere,
}

impl ReplacedTerm {
    pub const ALL: [Self; 16] = [
        Self::Amount,
        Self::PaymentPlan,
        Self::ExpiresAt,
        Self::ExpiresInDays,
        Self::DueAt,
        Self::Description,
        Self::InternalNote,
        Self::Recipients,
        Self::AfterPayment,
        Self::Message,
        Self::Reminders,
        Self::ReferenceId,
        Self::ReturnUrl,
        Self::Locale,
        Self::Metadata,
        Self::WhenPaidElsewhere,
    ];

    /// The name of the field in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Amount => "amount",
            Self::PaymentPlan => "payment_plan",
            Self::ExpiresAt => "expires_at",
            Self::ExpiresInDays => "expires_in_days",
            Self::DueAt => "due_at",
            Self::Description => "description",
            Self::InternalNote => "internal_note",
            Self::Recipients => "recipients",
            Self::AfterPayment => "after_payment",
            Self::Message => "message",
            Self::Reminders => "reminders",
            Self::ReferenceId => "reference_id",
            Self::ReturnUrl => "return_url",
            Self::Locale => "locale",
            Self::Metadata => "metadata",
            Self::WhenPaidElsewhere => "when_paid_elsewhere",
        }
    }
}

/// What the caller wants of the new link.
#[derive(Clone, Debug, Default)]
pub struct Replacement {
    pub request: Request,
    /// What the caller names. What is named without a value is as with a new link that says nothing of it.
    pub named: BTreeSet<ReplacedTerm>,
}

/// What a customer who asks for a new link is asked for: what is left of the old one, and no more than the records say is due by
/// now. `None` where nothing is.
pub fn due_on_renewal(old: &PaymentLink, records: CreateContext<'_>) -> Option<Money> {
    let left = old.amount_due();
    // A link that is to be paid whatever was paid otherwise is so again.
    let is_guarded = old.terms().item.as_ref().and_then(|item| item.guard).is_some_and(|guard| guard.most.is_some());
    let of_item = records.item.filter(|_| is_guarded);
    let of_item = of_item.and_then(|item| item.left_to_pay(&records.paid_for(item, records.account)));
    let is_of_balance = old.terms().amount_source == AmountSource::Balance;
    let of_contact = records.contact.filter(|_| is_of_balance).and_then(|contact| contact.balance);
    let recorded = of_item.into_iter().chain(of_contact).filter(|money| money.currency() == left.currency());
    let due = recorded.map(Money::minor_units).fold(left.minor_units(), i64::min);
    (due > 0).then(|| left.with(due))
}

impl Replacement {
    /// What a customer who asks for a new link gets: another one for what is due by now. Where that is less than was left, dated
    /// parts would be more than that together, and all of it is asked for at once.
    pub fn of_renewal(old: &PaymentLink, due: Money) -> Self {
        if due == old.amount_due() {
            return Self::default();
        }
        let has_parts = old.terms().plan.as_ref().is_some_and(|plan| !plan.parts().is_empty());
        let named = [ReplacedTerm::Amount].into_iter().chain(has_parts.then_some(ReplacedTerm::PaymentPlan));
        let (amount, currency) = (Field::Value(due.minor_units()), Field::Value(due.currency()));
        Self { request: Request { amount, currency, ..Request::default() }, named: named.collect() }
    }

    fn keeps(&self, term: ReplacedTerm) -> bool {
        !self.named.contains(&term)
    }

    /// The whole request for the new link: what is named, and the rest as the old link has it.
    pub fn over(&self, old: &PaymentLink, now: Timestamp, problems: &mut Problems) -> Request {
        let (terms, mut request) = (old.terms(), self.request.clone());
        let keeps = |term| self.keeps(term);
        self.check_whose(terms, problems);
        (request.contact, request.item) = (None, None);
        request.contact_id = Field::Value(terms.contact.id.clone());
        request.item_id = as_field(terms.item.as_ref().map(|item| item.id.clone()));
        if matches!(request.account_id, Field::Absent) {
            request.account_id = Field::Value(terms.account.id.clone());
        }
        // An amount that stays is what is left of it, in the currency in which it was asked for.
        if keeps(ReplacedTerm::Amount) && matches!(request.currency, Field::Absent) {
            request.amount = Field::Value(old.amount_due().minor_units());
            request.currency = Field::Value(terms.amount.currency());
        }
        let mut last_part = None;
        if keeps(ReplacedTerm::PaymentPlan) {
            let amount = request.amount.as_ref().value().copied();
            (request.payment_plan, last_part) = rest_of_plan(old, amount);
        }
        if keeps(ReplacedTerm::ExpiresAt) && keeps(ReplacedTerm::ExpiresInDays) && terms.expires_at > now {
            request.expires_at = Field::Value(Expiry::At(terms.expires_at));
        }
        let has_parts = matches!(request.payment_plan, Field::Value(PlanRequest::Parts(_)));
        if keeps(ReplacedTerm::DueAt) && !has_parts {
            let was_due = terms.plan.as_ref().is_none_or(|plan| plan.parts().is_empty()).then_some(terms.due_at);
            request.due_at = Field::Value(was_due.unwrap_or(last_part).map(DueDate::at));
        }
        if keeps(ReplacedTerm::Description) {
            request.description = as_field(terms.description.clone());
        }
        if keeps(ReplacedTerm::InternalNote) {
            request.internal_note = as_field(terms.internal_note.clone());
        }
        if keeps(ReplacedTerm::Recipients) {
            request.recipients.former.clone_from(&terms.recipients);
        }
        if keeps(ReplacedTerm::AfterPayment) {
            request.after_payment = after_payment_of(terms);
        }
        // A text of the old link's own is for those who were told of that.
        let tells_nobody = request.recipients.former.is_empty() && request.recipients.selection().is_empty();
        if keeps(ReplacedTerm::Message) && !tells_nobody {
            request.message = message_of(&terms.message);
        }
        if keeps(ReplacedTerm::Reminders) {
            request.reminders = as_field(terms.reminders.clone());
        }
        if keeps(ReplacedTerm::ReferenceId) {
            request.reference_id = as_field(terms.reference_id.clone());
        }
        if keeps(ReplacedTerm::ReturnUrl) {
            request.return_url = as_field(terms.return_url.clone());
        }
        if keeps(ReplacedTerm::Locale) {
            request.locale = as_field(terms.locale.clone());
        }
        if keeps(ReplacedTerm::WhenPaidElsewhere) {
            request.when_paid_elsewhere = when_paid_elsewhere(terms);
        }
        if keeps(ReplacedTerm::Metadata) {
            request.metadata = Field::Value(terms.metadata.clone());
        }
        request
    }

    /// The terms with where the amount came from, where it stays as it was.
    pub fn with_source(&self, terms: Terms, old: &PaymentLink) -> Terms {
        let is_same = self.keeps(ReplacedTerm::Amount) && terms.amount == old.terms().amount;
        let amount_source = if is_same { old.terms().amount_source } else { terms.amount_source };
        Terms { amount_source, ..terms }
    }

    /// Refuses another contact or item than the old link's. To name the same ones changes nothing.
    fn check_whose(&self, terms: &Terms, problems: &mut Problems) {
        let detail = "A link is replaced for the same contact and item; make another link instead.";
        let Request { contact_id, item_id, contact, item, .. } = &self.request;
        let at = |is_inline: bool, name: &str| format!("/{name}{}", if is_inline { "" } else { "_id" });
        if contact.is_some() || contact_id.as_ref().value().is_some_and(|id| *id != terms.contact.id) {
            problems.refuse(at(contact.is_some(), "contact"), "read_only", detail);
        }
        let own = terms.item.as_ref().map(|item| &item.id);
        if item.is_some() || item_id.as_ref().value().is_some_and(|id| Some(id) != own) {
            problems.refuse(at(item.is_some(), "item"), "read_only", detail);
        }
    }
}

fn as_field<T>(value: Option<T>) -> Field<T> {
    value.map_or(Field::Absent, Field::Value)
}

/// What is left of the plan of a link, where a new one asks for so much. Where one dated part is left there is no plan, and its
/// date is that of all that is left.
fn rest_of_plan(old: &PaymentLink, amount: Option<i64>) -> (Field<PlanRequest>, Option<Timestamp>) {
    match &old.terms().plan {
        None => (Field::Absent, None),
        Some(PaymentPlan::Minimum(minimum)) => {
            let is_part = amount.is_some_and(|amount| *minimum < amount);
            (if is_part { Field::Value(PlanRequest::Minimum(*minimum)) } else { Field::Absent }, None)
        }
        Some(PaymentPlan::Parts(_)) => {
            let open = |(part, paid): (Part, i64)| (paid < part.amount).then_some((part.due_at, part.amount - paid));
            let parts: Vec<(Timestamp, i64)> = old.paid_of_parts().into_iter().filter_map(open).collect();
            if let [(due_at, rest)] = parts.as_slice() {
                return (Field::Absent, Some(*due_at).filter(|_| amount == Some(*rest)));
            }
            let part = |(due_at, amount): (Timestamp, i64)| PartRequest { amount, due_at: DueDate::at(due_at) };
            (Field::Value(PlanRequest::Parts(parts.into_iter().map(part).collect())), None)
        }
    }
}

fn after_payment_of(terms: &Terms) -> AfterPaymentRequest {
    let after = &terms.after_payment;
    let send_receipt = Field::Value(after.send_receipt);
    if !after.register_receipt {
        let register_receipt = Field::Value(false);
        return AfterPaymentRequest { register_receipt, send_receipt, ..AfterPaymentRequest::default() };
    }
    AfterPaymentRequest {
        register_receipt: Field::Value(true),
        receipt_type_id: Field::Value(after.receipt_type_id.clone()),
        receipt_field: Field::Value(after.receipt_field.clone()),
        send_receipt,
    }
}

/// What the old link's guard says of it.
fn when_paid_elsewhere(terms: &Terms) -> Field<WhenPaidElsewhere> {
    let guard = terms.item.as_ref().and_then(|item| item.guard);
    let is_ignored = guard.is_some_and(|guard| guard.most.is_none());
    if is_ignored { Field::Value(WhenPaidElsewhere::Ignore) } else { Field::Absent }
}

fn message_of(message: &MessageChoice) -> MessageRequest {
    let mode = match message {
        MessageChoice::Default { .. } => MessageMode::Default,
        MessageChoice::Custom { .. } => MessageMode::Custom,
    };
    let texts = match message {
        MessageChoice::Default { .. } => None,
        MessageChoice::Custom { texts } => Some(texts),
    };
    let texts = texts.into_iter().flatten().map(|(channel, text)| (*channel, Field::Value(text.clone())));
    MessageRequest { mode: Field::Value(mode), channels: Field::Value(message.channels()), texts: texts.collect() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::gateway::{GatewayKind, Mode};
    use crate::ids::{AccountId, BusinessId, ContactId, CredentialsVersion, ItemId, PayToken, ReferenceId, ReturnKey};
    use crate::link::{AccountTerms, AfterPayment, ContactTerms, ItemTerms, PaymentRecord, ReceivedBy};
    use crate::messages::channel::Channel;
    use crate::money::Currency;
    use crate::records::account::LatePayment;
    use crate::records::item_payments::ItemGuard;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
    }

    fn link(plan: Option<PaymentPlan>) -> PaymentLink {
        let terms = Terms {
            mode: Mode::Live,
            account: AccountTerms {
                id: AccountId::parse("main").unwrap(),
                name: "Main".to_owned(),
                gateway: GatewayKind::Zarinpal,
                credentials: CredentialsVersion::parse("v1").unwrap(),
                late_payment: LatePayment::Refund,
                summary_page: false,
            },
            contact: ContactTerms { id: ContactId::parse("c-1").unwrap(), name: "N".to_owned(), profile_url: None },
            item: Some(ItemTerms { id: ItemId::parse("inv-1").unwrap(), title: "Invoice".to_owned(), guard: None }),
            amount: Money::new(1_500_000, Currency::IRR).unwrap(),
            amount_source: AmountSource::Item,
            plan,
            expires_at: at(100),
            due_at: Some(at(50)),
            description: Some("Flowers".to_owned()),
            internal_note: None,
            after_payment: AfterPayment {
                register_receipt: true,
                receipt_type_id: None,
                receipt_field: None,
                send_receipt: false,
            },
            message: MessageChoice::Default { channels: vec![Channel::Email] },
            recipients: Vec::new(),
            unreached: Vec::new(),
            reminders: None,
            reference_id: ReferenceId::parse("order-1").ok(),
            return_url: None,
            locale: None,
            metadata: BTreeMap::from([("k".to_owned(), "v".to_owned())]),
        };
        let (business, token) = (BusinessId::parse("shop").unwrap(), PayToken::from_random([1; 16]));
        PaymentLink::new(business, token, "https://pay.example", "h".to_owned(), terms, at(0))
    }

    fn with_cash(link: &PaymentLink, amount: i64) -> PaymentLink {
        let record = PaymentRecord {
            key: ReturnKey::from_random([9; 16]),
            amount: Some(amount),
            by: ReceivedBy::Cash,
            reference: None,
            received_at: at(1),
            note: None,
            recorded_by: None,
            request: None,
            account: None,
            force: false,
        };
        link.record_payment(record, at(1)).unwrap().link
    }

    fn over(old: &PaymentLink, replacement: &Replacement, now: Timestamp) -> Request {
        let mut problems = Problems::default();
        let request = replacement.over(old, now, &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        request
    }

    fn parts() -> PaymentPlan {
        let part = |amount, minute| Part { amount, due_at: at(minute) };
        PaymentPlan::Parts(vec![part(500_000, 10), part(400_000, 20), part(600_000, 30)])
    }

    #[test]
    fn what_is_left_out_stays_as_the_old_link_has_it_and_what_is_null_is_as_if_nothing_were_said() {
        let old = link(None);
        let same = over(&old, &Replacement::default(), at(1));
        assert_eq!((same.amount, same.currency), (Field::Value(1_500_000), Field::Value(Currency::IRR)));
        assert_eq!(same.description, Field::Value("Flowers".to_owned()));
        assert_eq!(same.expires_at, Field::Value(Expiry::At(at(100))));
        assert_eq!(same.due_at, Field::Value(Some(DueDate::at(at(50)))));
        assert_eq!(same.reference_id, as_field(ReferenceId::parse("order-1").ok()));
        assert_eq!(same.metadata, Field::Value(old.terms().metadata.clone()));
        let whose = (same.account_id.value().unwrap(), same.contact_id.value().unwrap(), same.item_id.value().unwrap());
        assert_eq!((whose.0.as_str(), whose.1.as_str(), whose.2.as_str()), ("main", "c-1", "inv-1"));
        let named = ReplacedTerm::ALL.into();
        let nothing = over(&old, &Replacement { request: Request::default(), named }, at(1));
        assert_eq!((nothing.amount, nothing.expires_at), (Field::Absent, Field::Absent));
        assert_eq!((nothing.description, nothing.due_at), (Field::Absent, Field::Absent));
        // The end of a link that is over is no end of a new one.
        assert_eq!(over(&old, &Replacement::default(), at(100)).expires_at, Field::Absent);
    }

    #[test]
    fn a_part_paid_link_is_replaced_for_its_rest_and_for_what_is_left_of_its_plan() {
        let rest = over(&with_cash(&link(None), 200_000), &Replacement::default(), at(2));
        assert_eq!(rest.amount, Field::Value(1_300_000));
        let planned = over(&with_cash(&link(Some(parts())), 700_000), &Replacement::default(), at(2));
        let Field::Value(PlanRequest::Parts(left)) = planned.payment_plan else { panic!("it has no parts") };
        let left: Vec<_> = left.into_iter().map(|part| (part.amount, part.due_at)).collect();
        assert_eq!(left, [(200_000, DueDate::at(at(20))), (600_000, DueDate::at(at(30)))]);
        assert_eq!(planned.due_at, Field::Absent, "each part has its own date");
        let last = over(&with_cash(&link(Some(parts())), 1_000_000), &Replacement::default(), at(2));
        assert!(matches!(last.payment_plan, Field::Absent), "one part is no plan");
        assert_eq!((last.amount, last.due_at), (Field::Value(500_000), Field::Value(Some(DueDate::at(at(30))))));
        let minimum = link(Some(PaymentPlan::Minimum(400_000)));
        let small = over(&with_cash(&minimum, 1_200_000), &Replacement::default(), at(2));
        assert!(matches!(small.payment_plan, Field::Absent), "less is left than the smallest part");
        let large = over(&with_cash(&minimum, 200_000), &Replacement::default(), at(2));
        assert!(matches!(large.payment_plan, Field::Value(PlanRequest::Minimum(400_000))));
    }

    #[test]
    fn whose_a_link_is_cannot_be_changed_and_can_be_said() {
        let refused = |request: Request| {
            let mut problems = Problems::default();
            Replacement { request, named: BTreeSet::new() }.over(&link(None), at(1), &mut problems);
            problems.into_vec().into_iter().map(|problem| (problem.pointer, problem.code)).collect::<Vec<_>>()
        };
        let contact = |id: &str| Field::Value(ContactId::parse(id).unwrap());
        let item = |id: &str| Field::Value(ItemId::parse(id).unwrap());
        let same = Request { contact_id: contact("c-1"), item_id: item("inv-1"), ..Request::default() };
        assert_eq!(refused(same), []);
        let others = Request { contact_id: contact("c-2"), item_id: item("inv-2"), ..Request::default() };
        let both = [("/contact_id".to_owned(), "read_only"), ("/item_id".to_owned(), "read_only")];
        assert_eq!(refused(others), both);
    }

    #[test]
    fn a_link_that_was_to_be_paid_whatever_was_paid_otherwise_stays_so() {
        for (most, expected) in
            [(None, Field::Value(WhenPaidElsewhere::Ignore)), (Some(5), Field::Absent::<WhenPaidElsewhere>)]
        {
            let mut terms = link(None).terms().clone();
            terms.item = terms.item.map(|item| ItemTerms { guard: Some(ItemGuard { most }), ..item });
            let old = link(None).amended(terms, at(1)).unwrap();
            assert_eq!(over(&old, &Replacement::default(), at(1)).when_paid_elsewhere, expected);
        }
    }

    #[test]
    fn an_amount_that_stays_comes_from_where_it_came_from() {
        let (old, new) = (link(None), Terms { amount_source: AmountSource::Request, ..link(None).terms().clone() });
        assert_eq!(Replacement::default().with_source(new.clone(), &old).amount_source, AmountSource::Item);
        let named = Replacement { named: [ReplacedTerm::Amount].into(), ..Replacement::default() };
        assert_eq!(named.with_source(new.clone(), &old).amount_source, AmountSource::Request);
        let rest = Terms { amount: new.amount.with(5), ..new };
        assert_eq!(Replacement::default().with_source(rest, &old).amount_source, AmountSource::Request);
    }
}
