//! Events in the OpenAPI document: a union by `type`, in which each type says what it carries.

use std::borrow::Cow;

use domain::events::EventType;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    ArrayBuilder, KnownFormat, ObjectBuilder, OneOfBuilder, Ref, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::{PartialSchema, ToSchema};

use super::{DeliveryView, EventView, LoggedEventView};
use crate::audit::AuditView;
use crate::look_back::LookBackView;
use crate::schema::ModeName;
use crate::{LinkView, ReceiptView};

/// The shape of [`EventView`], and of [`LoggedEventView`], which has two fields more.
#[derive(Debug)]
pub enum EventShape {}

/// What an event's `data` is.
enum Carried {
    Link,
    Receipt,
    AuditEntry,
    LookBack,
}

/// What an event is about beside its link.
#[derive(PartialEq, Eq)]
enum About {
    Link,
    Attempt,
    /// An attempt, and a refund of its money where there is one.
    Refund,
    Message,
    /// The business, and no link of it.
    Business,
}

/// What an event of this type tells, what it is about and what it carries.
fn of(kind: EventType) -> (&'static str, About, Carried) {
    match kind {
        EventType::LinkCreated => ("A link was made.", About::Link, Carried::Link),
        EventType::LinkOpened => ("A person opened the link for the first time.", About::Link, Carried::Link),
        EventType::LinkHeld => (
            "The link is held for a while, by the business or because its customer says to have paid.",
            About::Link,
            Carried::Link,
        ),
        EventType::LinkReleased => ("The link is not held any more.", About::Link, Carried::Link),
        EventType::LinkPartPaid => ("A part of the link was paid, and not all of it.", About::Attempt, Carried::Link),
        EventType::LinkPaid => ("The link was paid.", About::Attempt, Carried::Link),
        EventType::LinkExpired => ("The link ended without a payment.", About::Link, Carried::Link),
        EventType::LinkCancelled => ("The link was cancelled.", About::Link, Carried::Link),
        EventType::LinkReplaced => ("Another link took the place of this one.", About::Link, Carried::Link),
        EventType::RenewalRequested => {
            ("A customer asks for a new link, because this one is over.", About::Link, Carried::Link)
        }
        EventType::AttemptFailed => ("An attempt to pay the link failed.", About::Attempt, Carried::Link),
        EventType::AttemptNeedsReview => ("A person has to decide about an attempt.", About::Attempt, Carried::Link),
        EventType::RefundCreated => {
            let told = "Money begins to go back: what the link cannot keep, or what somebody wants returned.";
            (told, About::Refund, Carried::Link)
        }
        EventType::RefundSucceeded => {
            let told = "Money of an attempt went back, by a refund, or by the gateway alone where none is named.";
            (told, About::Refund, Carried::Link)
        }
        EventType::RefundFailed => (
            "Money of an attempt could not be sent back, or came back after it had gone.",
            About::Refund,
            Carried::Link,
        ),
        EventType::RefundNeedsReview => {
            ("A person has to find out what became of a refund of a payment.", About::Refund, Carried::Link)
        }
        EventType::DisputeOpened => {
            ("The payer, or their bank, disputes the payment of an attempt.", About::Attempt, Carried::Link)
        }
        EventType::DisputeWon => (
            "A dispute about the payment of an attempt is won: the money is the business's.",
            About::Attempt,
            Carried::Link,
        ),
        EventType::DisputeLost => (
            "A dispute about the payment of an attempt is lost: the payer has the money.",
            About::Attempt,
            Carried::Link,
        ),
        EventType::ReceiptRegistered => {
            let told = "A receipt was registered: of a payment, or of a refund of one, which is named then.";
            (told, About::Refund, Carried::Receipt)
        }
        EventType::ReceiptVoided => {
            let told =
                "A receipt is void: what was written down never came, or a refund, which is named then, did not last.";
            (told, About::Refund, Carried::Receipt)
        }
        EventType::MessageFailed => ("A message failed for good.", About::Message, Carried::Link),
        EventType::AuditEntryCreated => (
            "Somebody changed what the business's money depends on, or decided about money.",
            About::Business,
            Carried::AuditEntry,
        ),
        EventType::LookBackFailed => (
            "For three days the lists of an account's gateway could not be read, which show refunds and disputes that nobody \
             called about.",
            About::Business,
            Carried::LookBack,
        ),
    }
}

/// How clients call an event of this type: `PaymentLinkPaidEvent`.
fn name(kind: EventType) -> String {
    let words = kind.as_str().split(['.', '_']).map(|word| {
        let (first, rest) = word.split_at(1);
        format!("{}{rest}", first.to_uppercase())
    });
    format!("{}Event", words.collect::<String>())
}

fn text(description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).description(Some(description))
}

/// A text, or what says that there is none.
fn text_or_null(is_there: bool, description: &str) -> ObjectBuilder {
    let kinds = vec![Type::String, Type::Null];
    if is_there { text(description) } else { text(description).schema_type(SchemaType::Array(kinds)) }
}

fn instant(description: &str) -> ObjectBuilder {
    text(description).format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
}

/// The one word that a text always is. It is written as a pattern, and the document says it as a `const`.
fn word(word: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).pattern(Some(format!("^{word}$")))
}

fn shape(kind: EventType) -> Schema {
    let (told, about, carried) = of(kind);
    let is_of_link = about != About::Business;
    let is_of_attempt = matches!(about, About::Attempt | About::Refund);
    let refund_id = if about == About::Refund && kind != EventType::RefundCreated {
        text_or_null(false, "The refund that it is about, where it is about one.")
    } else {
        text_or_null(about == About::Refund, "The refund that it is about.")
    };
    let data = match carried {
        Carried::Link => Ref::from_schema_name(LinkView::name()),
        Carried::Receipt => Ref::from_schema_name(ReceiptView::name()),
        Carried::AuditEntry => Ref::from_schema_name(AuditView::name()),
        Carried::LookBack => Ref::from_schema_name(LookBackView::name()),
    };
    let mode: RefOr<Schema> = if is_of_link {
        Ref::from_schema_name(ModeName::name()).into()
    } else {
        text_or_null(false, "Null: it is about no link.").into()
    };
    ObjectBuilder::new()
        .description(Some(told))
        .property("id", text("The same however often the event is sent."))
        .property("object", word("event"))
        .property("type", word(kind.as_str()))
        .property("created_at", instant("When it happened."))
        .property(
            "sequence",
            ObjectBuilder::new().schema_type(SchemaType::Type(Type::Integer)).minimum(Some(1)).description(Some(
                "Counts the events of one payment link, so that their order can be told. What is about no link has one event.",
            )),
        )
        .property("mode", mode)
        .property("payment_link_id", text_or_null(is_of_link, "The link that it is about."))
        .property("attempt_id", text_or_null(is_of_attempt, "The attempt that it is about."))
        .property("refund_id", refund_id)
        .property("message_id", text_or_null(about == About::Message, "The message that it is about."))
        .property("data", data)
        .property(
            "recorded_at",
            instant(
                "When it was recorded, a moment after it happened, which is what the list is in the order of. Only where the \
                 API is asked for it: what is sent to endpoints does not have it.",
            ),
        )
        .property(
            "deliveries",
            ArrayBuilder::new()
                .items(Ref::from_schema_name(DeliveryView::name()))
                .description(Some("What became of sending it to each endpoint. Only where the API is asked for it.")),
        )
        .required("id")
        .required("object")
        .required("type")
        .required("created_at")
        .required("sequence")
        .required("mode")
        .required("payment_link_id")
        .required("attempt_id")
        .required("refund_id")
        .required("message_id")
        .required("data")
        .into()
}

impl PartialSchema for EventShape {
    fn schema() -> RefOr<Schema> {
        let sides = EventType::ALL
            .into_iter()
            .fold(OneOfBuilder::new(), |sides, kind| sides.item(Ref::from_schema_name(name(kind))));
        let told = "Something that happened. `type` says what, and which `data` comes along: the whole link, receipt, entry \
                    of the log or look back, as it is when the event is sent or read.";
        sides.description(Some(told)).into()
    }
}

impl ToSchema for EventShape {
    fn name() -> Cow<'static, str> {
        "Event".into()
    }

    fn schemas(found: &mut Vec<(String, RefOr<Schema>)>) {
        found.extend(EventType::ALL.map(|kind| (name(kind), shape(kind).into())));
        for of in [
            LinkView::schemas,
            ReceiptView::schemas,
            AuditView::schemas,
            LookBackView::schemas,
            ModeName::schemas,
            DeliveryView::schemas,
        ] {
            of(found);
        }
        found.push((LinkView::name().into_owned(), LinkView::schema()));
        found.push((ReceiptView::name().into_owned(), ReceiptView::schema()));
        found.push((AuditView::name().into_owned(), AuditView::schema()));
        found.push((LookBackView::name().into_owned(), LookBackView::schema()));
        found.push((ModeName::name().into_owned(), ModeName::schema()));
        found.push((DeliveryView::name().into_owned(), DeliveryView::schema()));
    }
}

/// What is shaped as an event.
macro_rules! is_event {
    ($name:ident) => {
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                EventShape::schema()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                EventShape::name()
            }

            fn schemas(found: &mut Vec<(String, RefOr<Schema>)>) {
                EventShape::schemas(found);
            }
        }
    };
}

is_event!(EventView);
is_event!(LoggedEventView);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_called_as_their_types_are() {
        assert_eq!(name(EventType::LinkPaid), "PaymentLinkPaidEvent");
        assert_eq!(name(EventType::AttemptNeedsReview), "AttemptNeedsReviewEvent");
        assert_eq!(name(EventType::AuditEntryCreated), "AuditEntryCreatedEvent");
    }
}
