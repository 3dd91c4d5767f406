//! What is posted to the CRM, for the OpenAPI document: events to its endpoints, and messages to a line of its own. Nothing
//! here sends anything.

use utoipa::ToSchema;
use views::event::EventView;
use views::schema::{ChannelName, ModeName};
use web::openapi::Webhook;

/// A message that a line of the business's own is to send. Within a version, fields are only added.
#[derive(ToSchema)]
#[schema(as = MessageHandover)]
#[expect(dead_code, reason = "this is only the shape of what deliver-messages posts")]
pub(crate) struct HandoverShape {
    /// 1. Refuse another one with 400 and a `reason`.
    #[schema(minimum = 1)]
    version: u32,
    /// Refuse another one likewise.
    #[schema(rename = "type", pattern = "^message.send$")]
    kind_of_call: String,
    /// The id of the message, the same on each try. One that was sent already is not sent again.
    id: String,
    business_id: String,
    payment_link_id: String,
    mode: ModeName,
    /// What the message is about: `link_created`.
    kind: String,
    channel: ChannelName,
    /// In E.164.
    to: String,
    /// The message as it is to be sent.
    text: String,
    /// The language of the text, as a BCP 47 tag.
    locale: String,
    sms: SmsLengthShape,
    #[schema(format = DateTime)]
    created_at: String,
    /// From then on the link cannot be paid: do not send the message any more.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// How long an SMS is.
#[derive(ToSchema)]
#[schema(as = SmsLength)]
#[expect(dead_code, reason = "this is only the shape of the domain's own type")]
struct SmsLengthShape {
    /// `GSM-7` or `UCS-2`.
    encoding: String,
    characters: u32,
    segments: u32,
}

/// What a line says that took a message over.
#[derive(ToSchema)]
#[schema(as = MessageAcceptance)]
#[expect(dead_code, reason = "this is only the shape of what is read")]
struct AcceptanceShape {
    /// What the line calls the message, 1 to 100 visible ASCII characters. It is shown with the message.
    #[schema(nullable = false, min_length = 1, max_length = 100)]
    provider_id: Option<String>,
}

/// Why a line does not take a message over.
#[derive(ToSchema)]
#[schema(as = MessageRefusal)]
#[expect(dead_code, reason = "this is only the shape of what is read")]
struct RefusalShape {
    /// A word of small letters and `_`, such as `number_blocked`. Anything else is kept as `message_refused`.
    #[schema(nullable = false)]
    reason: Option<String>,
}

pub fn webhooks() -> Vec<Webhook> {
    vec![
        Webhook::new::<EventView>(
            "event",
            "receive_event",
            "An event, sent to each webhook endpoint that wants its type",
            "Answer within five seconds; what follows the status is not read. The same event can come more than once, under \
             the same id.",
        )
        .counts("2XX", "The event was taken.")
        .counts("410", "The endpoint is gone: it is switched off, and on again by writing it.")
        .counts(
            "default",
            "Anything else, or no answer: the event is sent again after half a minute, 5 and 30 minutes, 2, 5, 10, 14, 20 \
             and 24 hours, and later where `Retry-After` asks for it.",
        ),
        Webhook::new::<HandoverShape>(
            "message",
            "receive_message",
            "An SMS for a line of your own, the message provider of the kind `webhook`",
            "Keep the message and answer within ten seconds; send it afterwards, and report what became of it.",
        )
        .reads::<AcceptanceShape>("200", "The message was taken over. The body is an object, be it an empty one.")
        .counts("2XX", "The message was taken over, whatever follows the status.")
        .counts("401", "The signature was refused. The message waits, so that a wrong secret can be mended.")
        .reads::<RefusalShape>("410", "The message failed for good, as with 422.")
        .reads::<RefusalShape>("422", "The message failed for good.")
        .reads::<RefusalShape>(
            "4XX",
            "With a `reason` the message failed for good; without, it waits. With 408, 409, 425 and 429 it always waits.",
        )
        .counts("default", "The message waits for another try, as long as `Retry-After` says, up to a day."),
    ]
}
