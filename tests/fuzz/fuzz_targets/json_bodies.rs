//! Feeds any bytes as the JSON body of a call to the API, read as a contact, as an item and as the fields that making
//! and changing a link share. A body is read only if it is a JSON object in which no name stands twice, and as serde
//! reads it; every problem must point to where it is in the body, unless the body lacks what is missed; a body without
//! problems must make a record that the table gives back as the same; and nothing is read under another media type.

#![no_main]

use std::sync::LazyLock;

use domain::address::Region;
use domain::business::settings::Settings;
use domain::ids::{ContactId, ItemId};
use domain::messages::provider::{MessageProvider, MessageProviders};
use domain::messages::routing::MessageRouter;
use domain::records::contact::Contact;
use domain::records::item::Item;
use domain::{Problems, Timestamp};
use http::{HeaderMap, HeaderValue, header};
use libfuzzer_sys::fuzz_target;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use web::JsonBody;
use web::body::{Given, GivenTexts, Unknown, refuse_unknown};
use web::fields::{AfterPaymentBody, nested, read_description, read_metadata};
use web::records::{ContactBody, ItemBody};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Shared {
    description: Given<String>,
    metadata: GivenTexts,
    after_payment: Given<AfterPaymentBody>,
    #[serde(flatten)]
    unknown: Unknown,
}

/// How many names a text of JSON has, each as often as it stands there.
struct Names(usize);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counting;
        impl<'de> Visitor<'de> for Counting {
            type Value = Names;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Names, E> {
                Ok(Names(0))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Names, E> {
                Ok(Names(0))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Names, E> {
                Ok(Names(0))
            }

            fn visit_u64<E>(self, _: u64) -> Result<Names, E> {
                Ok(Names(0))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Names, E> {
                Ok(Names(0))
            }

            fn visit_str<E>(self, _: &str) -> Result<Names, E> {
                Ok(Names(0))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Names, A::Error> {
                let mut sum = 0;
                while let Some(Names(below)) = list.next_element()? {
                    sum += below;
                }
                Ok(Names(sum))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Names, A::Error> {
                let mut sum = 0;
                while object.next_key::<IgnoredAny>()?.is_some() {
                    let Names(below) = object.next_value()?;
                    sum += 1 + below;
                }
                Ok(Names(sum))
            }
        }
        deserializer.deserialize_any(Counting)
    }
}

/// How many names a value has.
fn names(value: &Value) -> usize {
    match value {
        Value::Object(fields) => fields.values().map(|below| 1 + names(below)).sum(),
        Value::Array(list) => list.iter().map(names).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

fn of_kind(kind: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))])
}

static JSON: LazyLock<HeaderMap> = LazyLock::new(|| of_kind("application/json; charset=utf-8"));
static TEXT: LazyLock<HeaderMap> = LazyLock::new(|| of_kind("text/plain"));
static SETTINGS: LazyLock<Settings> =
    LazyLock::new(|| Settings { default_region: Region::parse("IR").unwrap(), ..Settings::default() });
static PROVIDERS: LazyLock<MessageProviders> = LazyLock::new(|| {
    let whatsapp: MessageProvider = serde_json::from_value(json!({ "id": "whatsapp", "kind": "whatsapp" })).unwrap();
    MessageProviders::from([(whatsapp.id.clone(), whatsapp)])
});

fn check_pointers(problems: &Problems, value: &Value) {
    for problem in problems.as_slice() {
        let there = value.pointer(&problem.pointer);
        if problem.code == "required" {
            assert!(there.is_none_or(Value::is_null), "{problem:?} is there");
        } else {
            assert!(there.is_some(), "{problem:?} is not there");
        }
    }
}

fn stays<T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug>(record: &T) {
    let stored = serde_json::to_string(record).expect("a record can be written down");
    assert_eq!(&serde_json::from_str::<T>(&stored).expect("what was written down can be read"), record);
}

fuzz_target!(|data: &[u8]| {
    assert!(JsonBody::<Shared>::read(&TEXT, data).is_err());
    let known = serde_json::from_slice::<Value>(data)
        .ok()
        .filter(Value::is_object)
        .filter(|value| serde_json::from_slice::<Names>(data).is_ok_and(|Names(written)| written == names(value)));
    let shared = JsonBody::<Shared>::read(&JSON, data);
    assert_eq!(shared.as_ref().ok().map(|body| &body.value), known.as_ref());
    let Ok(JsonBody { fields, value }) = shared else { return };

    let mut problems = Problems::default();
    let description = read_description(fields.description, &mut problems);
    assert!(description.value().is_none_or(|text| text.chars().count() <= 500 && text.trim() == text));
    let metadata = read_metadata(fields.metadata, &mut problems);
    assert!(metadata.value().is_none_or(|pairs| pairs.len() <= 20));
    nested(fields.after_payment, "/after_payment", &mut problems, |body, problems| {
        body.read(problems);
    });
    refuse_unknown::<AfterPaymentBody>("", fields.unknown, &mut problems);
    check_pointers(&problems, &value);

    let mut problems = Problems::default();
    let body = JsonBody::<ContactBody>::read(&JSON, data).expect("an object is read").fields;
    let router = MessageRouter { settings: &SETTINGS, providers: &PROVIDERS };
    let change = body.read("", "c-1", router, &mut problems);
    let contact = change.apply(ContactId::parse("c-1").unwrap(), None, "", &mut problems);
    check_pointers(&problems, &value);
    assert!(contact.is_some() || !problems.is_empty());
    if let Some(contact) = contact {
        stays::<Contact>(&contact);
    }

    let mut problems = Problems::default();
    let body = JsonBody::<ItemBody>::read(&JSON, data).expect("an object is read").fields;
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let change = body.read("", "i-1", &SETTINGS, now, &mut problems);
    let item = change.apply(ItemId::parse("i-1").unwrap(), None, "", &mut problems);
    check_pointers(&problems, &value);
    assert!(item.is_some() || !problems.is_empty());
    if let Some(item) = item {
        stays::<Item>(&item);
    }
});
