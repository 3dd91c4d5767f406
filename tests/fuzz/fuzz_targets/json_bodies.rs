//! Feeds any bytes as the JSON body of a call to the API, read as a contact, as an item and as the fields that making and
//! changing a link share. A body is read only if it is a JSON object; every problem must point to where it is in the
//! body, unless the body lacks what is missed; a body without problems must make a record that the table gives back as
//! the same; and nothing is read under another media type.

#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use domain::Problems;
use domain::address::Region;
use domain::ids::{ContactId, ItemId};
use domain::records::contact::Contact;
use domain::records::item::Item;
use http::{HeaderMap, HeaderValue, header};
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use serde_json::Value;
use web::JsonBody;
use web::body::{Given, Unknown, refuse_unknown};
use web::fields::{AfterPaymentBody, nested, read_description, read_metadata};
use web::records::{ContactBody, ItemBody};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Shared {
    description: Given<String>,
    metadata: Given<BTreeMap<String, String>>,
    after_payment: Given<AfterPaymentBody>,
    #[serde(flatten)]
    unknown: Unknown,
}

fn of_kind(kind: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))])
}

static JSON: LazyLock<HeaderMap> = LazyLock::new(|| of_kind("application/json; charset=utf-8"));
static TEXT: LazyLock<HeaderMap> = LazyLock::new(|| of_kind("text/plain"));
static REGION: LazyLock<Region> = LazyLock::new(|| Region::parse("IR").unwrap());

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
    let is_object = serde_json::from_slice::<Value>(data).is_ok_and(|value| value.is_object());
    let shared = JsonBody::<Shared>::read(&JSON, data);
    assert_eq!(shared.is_ok(), is_object);
    let Ok(JsonBody { fields, value }) = shared else { return };

    let mut problems = Problems::default();
    let description = read_description(fields.description, &mut problems);
    assert!(description.value().is_none_or(|text| text.chars().count() <= 500 && text.trim() == text));
    let metadata = read_metadata(fields.metadata, &mut problems);
    assert!(metadata.value().is_none_or(|pairs| pairs.len() <= 20));
    nested(fields.after_payment, "/after_payment", &mut problems, |body, problems| {
        body.read(problems);
    });
    refuse_unknown("", fields.unknown, &mut problems);
    check_pointers(&problems, &value);

    let mut problems = Problems::default();
    let body = JsonBody::<ContactBody>::read(&JSON, data).expect("an object is read").fields;
    let change = body.read("", &REGION, &mut problems);
    let contact = change.apply(ContactId::parse("c-1").unwrap(), None, "", &mut problems);
    check_pointers(&problems, &value);
    assert!(contact.is_some() || !problems.is_empty());
    if let Some(contact) = contact {
        stays::<Contact>(&contact);
    }

    let mut problems = Problems::default();
    let body = JsonBody::<ItemBody>::read(&JSON, data).expect("an object is read").fields;
    let change = body.read("", &mut problems);
    let item = change.apply(ItemId::parse("i-1").unwrap(), None, "", &mut problems);
    check_pointers(&problems, &value);
    assert!(item.is_some() || !problems.is_empty());
    if let Some(item) = item {
        stays::<Item>(&item);
    }
});
