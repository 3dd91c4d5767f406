//! The steps of a life of a link as events of Lambda, the same for the functions and for their peers.

use reqwest::redirect::Policy;
use serde_json::{Value, json};
use tests::{NAVIGATION, api_gateway_event};

/// The CRM makes a link: one recipient on one channel, an item with a receipt field.
pub(crate) fn create() -> Value {
    create_of(&body(&json!({ "contact": true })))
}

/// The CRM makes a link that nobody is told of.
pub(crate) fn create_quietly() -> Value {
    create_of(&body(&json!({})))
}

/// The same for the business whose key this is.
pub(crate) fn create_quietly_as(api_key: &str) -> Value {
    create_with(api_key, &body(&json!({})), None)
}

/// The CRM makes a link and names a number as a person types it, which is read by the rules of its country.
pub(crate) fn create_with_a_number() -> Value {
    create_of(&body(&json!({ "contact": true, "mobiles": ["0912 345 67 89"] })))
}

/// An item with a receipt field and without an amount, of which nobody has to know what was paid.
pub(crate) const FORM: &str = "form-77";

/// The body of a create request.
pub(crate) fn body(recipients: &Value) -> Value {
    let mut body = json!({
        "account_id": "main", "contact_id": "c-1042", "amount": 1_500_000, "item_id": FORM, "description": "Invoice 77",
        "recipients": recipients, "after_payment": { "receipt_field": "payment" },
    });
    if recipients["contact"] == true {
        // An email is no more than a message: no number of a provider's is kept, and no provider is asked what became of it.
        body["message"] = json!({ "channels": ["email"] });
    }
    body
}

/// A link of an account whose gateway has taken the money by itself when it sends the customer back, with an item.
pub(crate) fn euro_body() -> Value {
    json!({
        "account_id": "euro", "contact_id": "c-1042", "amount": 1999, "recipients": {},
        "item": {
            "id": "inv-euro", "kind": "invoice", "title": "Invoice", "contact_id": "c-1042",
            "receipt_fields": [{ "key": "payment", "label": "Payment" }],
        },
        "after_payment": { "receipt_field": "payment" },
    })
}

/// A create request without a key of its own.
pub(crate) fn create_of(body: &Value) -> Value {
    create_under(body, None)
}

/// A create request under an idempotency key.
pub(crate) fn create_under(body: &Value, key: Option<&str>) -> Value {
    create_with(paylink_local::seed::API_KEY, body, key)
}

fn create_with(api_key: &str, body: &Value, key: Option<&str>) -> Value {
    let authorization = format!("Bearer {api_key}");
    let mut headers = vec![("authorization", authorization.as_str()), ("content-type", "application/json")];
    headers.extend(key.map(|key| ("idempotency-key", key)));
    api_gateway_event("POST", "/v1/payment-links", &headers, Some(&body.to_string()), false)
}

/// The CRM looks through links, such as those of a contact.
pub(crate) fn list(of: &str, cursor: Option<&str>) -> Value {
    let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
    asked(&format!("/v1/payment-links?{of}&limit=50{cursor}"))
}

/// The CRM of another business reads a contact.
pub(crate) fn read_contact_as(api_key: &str, contact_id: &str) -> Value {
    asked_with(api_key, &format!("/v1/contacts/{contact_id}"))
}

/// The CRM reads a link.
pub(crate) fn read(link_id: &str) -> Value {
    asked(&format!("/v1/payment-links/{link_id}"))
}

/// The CRM asks what links of the sandbox and their money add up to.
pub(crate) fn totals(of: &str) -> Value {
    asked(&format!("/v1/totals?mode=sandbox&{of}"))
}

fn asked(path: &str) -> Value {
    asked_with(paylink_local::seed::API_KEY, path)
}

fn asked_with(api_key: &str, path: &str) -> Value {
    let authorization = format!("Bearer {api_key}");
    api_gateway_event("GET", path, &[("authorization", authorization.as_str())], None, false)
}

/// A person opens an address of ours.
pub(crate) fn open(url: &str) -> Value {
    let path = url.splitn(4, '/').nth(3).map(|path| format!("/{path}")).unwrap_or_default();
    api_gateway_event("GET", &path, &NAVIGATION, None, false)
}

/// What an invocation of an HTTP function answered.
pub(crate) fn status(answer: &Value) -> u64 {
    answer["statusCode"].as_u64().unwrap_or_default()
}

/// The pay URL that making a link answered.
pub(crate) fn made_url(answer: &Value) -> String {
    assert_eq!(status(answer), 201, "{answer}");
    let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    body["url"].as_str().unwrap().to_owned()
}

/// Where an answer redirects to.
pub(crate) fn location(answer: &Value) -> String {
    assert_eq!(status(answer), 303, "{answer}");
    let found = ["headers", "multiValueHeaders"].iter().find_map(|at| {
        let headers = answer[*at].as_object()?;
        headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("location")).map(|(_, value)| value)
    });
    let value = found.unwrap_or_else(|| panic!("no location in {answer}"));
    value.as_str().or_else(|| value[0].as_str()).unwrap().to_owned()
}

/// A customer who pays on the simulated gateway's page.
#[derive(Clone, Debug)]
pub(crate) struct Customer(reqwest::Client);

impl Customer {
    pub(crate) fn new() -> Self {
        Self(reqwest::Client::builder().redirect(Policy::none()).build().unwrap())
    }

    /// Pays, and answers where the gateway sends the browser back to.
    pub(crate) async fn pay(&self, page: &str) -> String {
        self.choose(page, "paid").await
    }

    pub(crate) async fn choose(&self, page: &str, outcome: &str) -> String {
        let form = ("content-type", "application/x-www-form-urlencoded");
        let paid = self.0.post(page).header(form.0, form.1).body(format!("outcome={outcome}")).send().await.unwrap();
        paid.headers()["location"].to_str().unwrap().to_owned()
    }
}
