//! What goes to an address of the CRM's own is signed as Standard Webhooks, events and messages alike.

use domain::Timestamp;
use domain::records::signing::SigningSecret;
use domain::trace::Trace;
use http::request::Builder;
use jiff::SignedDuration;
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook};

/// A POST of a JSON body, signed with each of the secrets, as part of the trace that its link belongs to. `id` is the
/// same however often the same thing is sent. `None` where it cannot be signed: without a signature nothing is sent.
pub(crate) fn signed_post(
    url: &str,
    secrets: &[SigningSecret],
    id: &str,
    body: &str,
    trace: Option<&Trace>,
    now: Timestamp,
) -> Option<Builder> {
    let request = http::Request::post(url)
        .header(http::header::CONTENT_TYPE, "application/json")
        .header(HEADER_WEBHOOK_ID, id)
        .header(HEADER_WEBHOOK_TIMESTAMP, now.as_second())
        .header(HEADER_WEBHOOK_SIGNATURE, sign(secrets, id, body, now)?);
    Some(match trace {
        Some(trace) => request.header("traceparent", trace.traceparent()),
        None => request,
    })
}

/// One signature for each secret that is in use, so that the CRM can change over from one to the next.
fn sign(secrets: &[SigningSecret], id: &str, body: &str, now: Timestamp) -> Option<String> {
    let signatures: Option<Vec<String>> = secrets
        .iter()
        .map(|secret| Webhook::new(secret.expose()).ok()?.sign(id, now.as_second(), body.as_bytes()).ok())
        .collect();
    signatures.filter(|signatures| !signatures.is_empty()).map(|signatures| signatures.join(" "))
}

/// The pause that an answer asks for by its header `Retry-After`, as seconds or as a date.
pub(crate) fn retry_after(header: Option<&str>, now: Timestamp) -> Option<SignedDuration> {
    let text = header?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(SignedDuration::from_secs(i64::from(seconds)));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(at.duration_since(now)).filter(|wait| wait.is_positive())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_signed_with_each_secret_and_without_one_or_with_an_unreadable_one_not_at_all() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let secret = |value: &str| SigningSecret::new(value.to_owned());
        let (old, new) =
            (secret("whsec_b25lIHNlY3JldCBvZiAyNCBieXRlcyE="), secret("whsec_YW5vdGhlciBzZWNyZXQgb2YgMjQgYnk="));
        let each = [&new, &old].map(|one| sign(std::slice::from_ref(one), "id", "{}", now).unwrap());
        assert_ne!(each[0], each[1]);
        assert_eq!(sign(&[new.clone(), old], "id", "{}", now), Some(each.join(" ")));
        assert_eq!(sign(&[], "id", "{}", now), None);
        assert_eq!(sign(&[new, secret("nonsense!")], "id", "{}", now), None);
    }

    #[test]
    fn whoever_is_called_can_ask_for_time_in_seconds_or_until_a_date() {
        let now: Timestamp = "2026-10-21T07:28:00Z".parse().unwrap();
        let wait = |text: &str| retry_after(Some(text), now);
        assert_eq!(wait("120"), Some(SignedDuration::from_secs(120)));
        assert_eq!(wait("Wed, 21 Oct 2026 07:30:00 GMT"), Some(SignedDuration::from_secs(120)));
        assert_eq!(wait("Wed, 21 Oct 2026 07:00:00 GMT"), None);
        assert_eq!([wait("soon"), retry_after(None, now)], [None, None]);
    }
}
