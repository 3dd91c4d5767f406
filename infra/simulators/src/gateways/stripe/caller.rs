//! The caller of a call: its key, and what every call has to say.

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;

use super::answer::Refusal;
use super::parameters::Parameters;
use crate::content_type::has_content_type;
use crate::gateways::credential::Credential;
use crate::gateways::digest::sha256;
use crate::gateways::replays::IdempotentCall;

/// A call as it came in. The parameters are the body of a POST or the query of a GET.
pub(super) struct Incoming<'a> {
    pub(super) path: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) parameters: &'a [u8],
}

/// A call by a known key.
pub(super) struct Call {
    /// As misbehaviour is ordered by.
    pub(super) name: &'static str,
    pub(super) owner: Credential,
    pub(super) livemode: bool,
    pub(super) request_id: String,
    pub(super) idempotency_key: Option<String>,
    /// Of the path and the parameters: an idempotency key stands for one of these.
    pub(super) fingerprint: String,
    pub(super) parameters: Parameters,
    pub(super) now: Timestamp,
}

impl Call {
    pub(super) fn read(
        name: &'static str,
        incoming: &Incoming<'_>,
        request_id: &str,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let key = api_key(incoming.headers)?;
        check_version(incoming.headers)?;
        check_content_type(incoming)?;
        let idempotency_key = idempotency_key(incoming.headers)?;
        let parameters = Parameters::parse(incoming.parameters);
        Ok(Self {
            name,
            owner: Credential::of(key),
            livemode: is_live(key),
            request_id: request_id.to_owned(),
            idempotency_key,
            fingerprint: sha256(format!("{}\n{:?}", incoming.path, parameters.0).as_bytes()),
            parameters,
            now,
        })
    }

    /// The call as its idempotency key is asked about, where it has one.
    pub(super) fn idempotent(&self) -> Option<IdempotentCall<'_>> {
        let key = self.idempotency_key.as_deref()?;
        Some(IdempotentCall { owner: &self.owner, key, fingerprint: &self.fingerprint })
    }
}

fn api_key(headers: &HeaderMap) -> Result<&str, Refusal> {
    let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(key) = given.and_then(|value| value.strip_prefix("Bearer ")).map(str::trim) else {
        return Err(Refusal::new(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using \
             Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
        )
        .status(StatusCode::UNAUTHORIZED));
    };
    if is_api_key(key) {
        Ok(key)
    } else {
        let last4 = Credential::of(key).last4;
        Err(Refusal::new(format!("Invalid API Key provided: ****{last4}")).status(StatusCode::UNAUTHORIZED))
    }
}

/// A secret or restricted key with something after its prefix.
pub(super) fn is_api_key(key: &str) -> bool {
    ["sk_test_", "sk_live_", "rk_test_", "rk_live_"].iter().any(|prefix| {
        key.strip_prefix(prefix).is_some_and(|rest| {
            !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        })
    })
}

fn is_live(key: &str) -> bool {
    key.starts_with("sk_live_") || key.starts_with("rk_live_")
}

/// A version is a date, since 2024 followed by a name.
fn check_version(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(version) = headers.get("stripe-version") else {
        return Ok(());
    };
    let version = version.to_str().unwrap_or_default();
    let date = version.split('.').next().unwrap_or_default();
    match date.parse::<jiff::civil::Date>() {
        Ok(_) => Ok(()),
        Err(_) => Err(Refusal::new(format!("Invalid Stripe API version: {version}"))),
    }
}

fn check_content_type(incoming: &Incoming<'_>) -> Result<(), Refusal> {
    let is_given = incoming.headers.contains_key(CONTENT_TYPE) && !incoming.parameters.is_empty();
    if is_given && !has_content_type(incoming.headers, "application/x-www-form-urlencoded") {
        return Err(Refusal::new(
            "Invalid request (check that your POST content type is application/x-www-form-urlencoded).",
        ));
    }
    Ok(())
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    match headers.get("idempotency-key").map(|value| value.to_str().unwrap_or_default()) {
        None => Ok(None),
        Some(key) if key.is_empty() || key.len() > 255 => {
            Err(Refusal::new("Idempotency keys must have between 1 and 255 characters.").kind("idempotency_error"))
        }
        Some(key) => Ok(Some(key.to_owned())),
    }
}
