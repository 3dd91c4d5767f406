//! Feeds any text to every kind of id and token. What parses must print back to the very same text, also by way of the
//! table; an event's id must lead to its link and its number and be made of them again; and a secret token must not show
//! when it is printed for a log.

#![no_main]

use domain::ids::{
    AccountId, AttemptId, BusinessId, ContactId, CredentialsVersion, EndpointId, EventId, EventSubject, FieldKey,
    ItemId, LinkId, MessageId, PayToken, ReceiptId, ReceiptTypeId, ReferenceId, ReturnKey, Role,
};
use libfuzzer_sys::fuzz_target;
use serde_json::{from_value, json, to_value};

macro_rules! prints_back {
    ($text:expr, $($kind:ident),+) => {
        $(
            let stored = from_value::<$kind>(json!($text));
            match $kind::parse($text) {
                Ok(id) => {
                    assert_eq!(id.as_str(), $text);
                    assert_eq!(to_value(&id).unwrap(), json!($text));
                    assert_eq!(stored.unwrap(), id);
                }
                Err(_) => assert!(stored.is_err(), "the table gives back what {} refuses", stringify!($kind)),
            }
        )+
    };
}

fuzz_target!(|data: &[u8]| {
    if let Some(bits) = data.first_chunk::<16>() {
        let token = PayToken::from_random(*bits);
        assert_eq!(PayToken::parse(token.expose()).unwrap(), token);
        let link = LinkId::of(&token);
        assert_eq!(LinkId::parse(link.as_str()).unwrap(), link);
    }
    let Ok(text) = str::from_utf8(data) else { return };
    prints_back!(text, LinkId, AttemptId, ReceiptId, MessageId, EventId, AccountId, ContactId, ItemId, ReceiptTypeId);
    prints_back!(text, FieldKey, Role, ReferenceId, EndpointId, CredentialsVersion, BusinessId);
    if let Ok(event) = EventId::parse(text) {
        let again = match event.subject().expect("an event is about something") {
            EventSubject::Link(link, sequence) => EventId::of(&link, sequence),
            EventSubject::Entry(entry) => EventId::of_entry(&entry),
        };
        assert_eq!(again, event);
    }
    if let Ok(token) = PayToken::parse(text) {
        assert_eq!(token.expose(), text);
        assert!(!format!("{token:?}").contains(text));
    }
    if let Ok(key) = ReturnKey::parse(text) {
        assert_eq!(key.expose(), text);
        assert!(!format!("{key:?}").contains(text));
    }
});
