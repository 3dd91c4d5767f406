//! The AWS Query protocol, as far as SNS and SES v1 speak it: a form in, XML out.
//!
//! This is the wire only. What a service accepts and what it does is in [`super::sns`] and [`super::ses`].
//! Signatures are not checked: on one machine there is no account that they could belong to.

use std::collections::BTreeMap;

use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;

const FORM: &str = "application/x-www-form-urlencoded";

/// A simulated service: its names in the protocol and the actions that Paylink uses of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Service {
    /// The XML namespace of its answers.
    pub(crate) namespace: &'static str,
    /// The API version that requests must name.
    pub(crate) version: &'static str,
    /// The actions that requests may name.
    pub(crate) actions: &'static [&'static str],
}

impl Service {
    /// Reads a request, lets `act` do the action that it names, and answers with the result's XML or the refusal.
    pub(crate) fn answer(
        self,
        headers: &HeaderMap,
        body: &[u8],
        act: impl FnOnce(&str, &Parameters) -> Result<String, Refusal>,
    ) -> Response {
        let done = self.parse(headers, body).and_then(|parameters| {
            let action = parameters.get("Action").unwrap_or_default();
            Ok((action.to_owned(), act(action, &parameters)?))
        });
        let request_id = random_id();
        let (status, xml) = match done {
            Ok((action, result)) => (StatusCode::OK, self.success(&action, &result, &request_id)),
            Err(refusal) => (refusal.status, self.failure(&refusal, &request_id)),
        };
        let headers =
            [(CONTENT_TYPE, "text/xml".to_owned()), (HeaderName::from_static("x-amzn-requestid"), request_id)];
        (status, headers, xml).into_response()
    }

    fn parse(self, headers: &HeaderMap, body: &[u8]) -> Result<Parameters, Refusal> {
        let parameters = Parameters::parse(headers, body)?;
        let action = parameters
            .get("Action")
            .ok_or_else(|| Refusal::sender("MissingAction", "The request is missing an Action parameter."))?;
        let version = parameters.get("Version").unwrap_or_default();
        if !self.actions.contains(&action) || version != self.version {
            let text = format!("Could not find operation {action} for version {version}");
            return Err(Refusal::sender("InvalidAction", text));
        }
        Ok(parameters)
    }

    fn success(self, action: &str, result: &str, request_id: &str) -> String {
        let Service { namespace, .. } = self;
        format!(
            "<{action}Response xmlns=\"{namespace}\">\
             <{action}Result>{result}</{action}Result>\
             <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>\
             </{action}Response>"
        )
    }

    fn failure(self, refusal: &Refusal, request_id: &str) -> String {
        let namespace = self.namespace;
        let code = refusal.code;
        let blamed = if refusal.status.is_client_error() { "Sender" } else { "Receiver" };
        let message = escaped(&refusal.message);
        format!(
            "<ErrorResponse xmlns=\"{namespace}\">\
             <Error><Type>{blamed}</Type><Code>{code}</Code><Message>{message}</Message></Error>\
             <RequestId>{request_id}</RequestId>\
             </ErrorResponse>"
        )
    }
}

/// The parameters of one request, by name.
#[derive(Debug)]
pub(crate) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Parameters, Refusal> {
        let malformed = |text: &str| Refusal::sender("MalformedQueryString", text);
        let media_type = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .unwrap_or_default();
        if !media_type.trim().eq_ignore_ascii_case(FORM) {
            return Err(malformed("The request body must be a form."));
        }
        let pairs: Vec<(String, String)> =
            serde_urlencoded::from_bytes(body).map_err(|_| malformed("The form contains a syntax error."))?;
        let mut parameters = BTreeMap::new();
        for (name, value) in pairs {
            // Which of the two would count is nowhere promised: a client that sends both has a fault worth seeing.
            if parameters.insert(name, value).is_some() {
                return Err(malformed("The form names a parameter twice."));
            }
        }
        Ok(Parameters(parameters))
    }

    /// Parameters as a test has them.
    #[cfg(test)]
    pub(crate) fn of(pairs: Vec<(String, String)>) -> Parameters {
        Parameters(pairs.into_iter().collect())
    }

    /// The value of a parameter that is there.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The values of a list, `{name}.member.1` onwards, up to the first number that is missing.
    pub(crate) fn members(&self, name: &str) -> Vec<&str> {
        (1_u32..).map_while(|number| self.get(&format!("{name}.member.{number}"))).collect()
    }
}

/// The result of sending one message.
pub(crate) fn message_id(id: &str) -> String {
    format!("<MessageId>{id}</MessageId>")
}

/// A map of texts in the form in which results have them.
pub(crate) fn entries<'a>(entries: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let entry = |(key, value): (&str, &str)| {
        format!("<entry><key>{}</key><value>{}</value></entry>", escaped(key), escaped(value))
    };
    entries.map(entry).collect()
}

/// Why a service did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub(crate) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    /// The caller may not: 403.
    pub(crate) fn denied(code: &'static str, message: impl Into<String>) -> Refusal {
        Refusal { status: StatusCode::FORBIDDEN, code, message: message.into() }
    }

    /// The caller's fault: 400.
    pub(crate) fn sender(code: &'static str, message: impl Into<String>) -> Refusal {
        Refusal { status: StatusCode::BAD_REQUEST, code, message: message.into() }
    }

    /// The service's own fault: 500, and worth another try.
    pub(crate) fn internal() -> Refusal {
        Refusal {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: "InternalFailure",
            message: "The request processing has failed because of an unknown error.".to_owned(),
        }
    }
}

impl From<std::io::Error> for Refusal {
    /// A message that the inbox could not keep was not delivered, and the caller must know.
    fn from(error: std::io::Error) -> Refusal {
        tracing::error!(%error, "The inbox could not be written.");
        Refusal::internal()
    }
}

/// What all tries of one call of the SDK have in common.
pub(crate) fn call_of(headers: &HeaderMap) -> Option<&str> {
    headers.get("amz-sdk-invocation-id").and_then(|id| id.to_str().ok())
}

/// A fresh id in the shape of a UUID, for messages and requests.
pub(crate) fn random_id() -> String {
    let mut bytes = [0_u8; 16];
    if getrandom::fill(&mut bytes).is_err() {
        // These ids only tell messages apart, and for that the clock is good enough.
        bytes = Timestamp::now().as_nanosecond().to_be_bytes();
    }
    let hex = hex::encode(bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// Text that may stand in XML: an answer repeats what a client sent, which may hold what no XML can.
fn escaped(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    maud::html! { (text) }.into_string()
}

#[cfg(test)]
pub(crate) mod tests {
    use axum::Router;
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use axum::http::header::HeaderValue;
    use tower::ServiceExt as _;

    use super::*;
    use crate::providers::inbox::tests::Outcome;

    /// Posts a form to a router, as the SDK does, and answers with the status and the XML.
    pub(crate) async fn post(router: &Router, uri: &str, fields: &[(&str, &str)]) -> Outcome<(StatusCode, String)> {
        let request = Request::builder()
            .method("POST")
            .uri(uri)
            .header(CONTENT_TYPE, FORM)
            .body(Body::from(serde_urlencoded::to_string(fields)?))?;
        let response = router.clone().oneshot(request).await?;
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await?;
        Ok((status, String::from_utf8(body.to_vec())?))
    }

    /// Whether an answer is a 400 with this code.
    pub(crate) fn refuses(answer: &(StatusCode, String), code: &str) -> bool {
        answer.0 == StatusCode::BAD_REQUEST
            && answer.1.contains("<Type>Sender</Type>")
            && answer.1.contains(&format!("<Code>{code}</Code>"))
    }

    const SERVICE: Service =
        Service { namespace: "http://service.example/doc/", version: "2010-03-31", actions: &["Publish"] };

    fn refusal_of(media_type: &'static str, body: &str) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        SERVICE.parse(&headers, body.as_bytes()).err().map(|refusal| refusal.code)
    }

    #[test]
    fn requests_are_read_strictly() {
        let good = "Action=Publish&Version=2010-03-31";
        assert_eq!(refusal_of(FORM, good), None);
        assert_eq!(refusal_of("application/x-www-form-urlencoded; charset=utf-8", good), None);
        assert_eq!(refusal_of("application/json", good), Some("MalformedQueryString"));
        assert_eq!(refusal_of(FORM, "Action=Publish&Action=Publish"), Some("MalformedQueryString"));
        assert_eq!(refusal_of(FORM, ""), Some("MissingAction"));
        assert_eq!(refusal_of(FORM, "Action=Subscribe&Version=2010-03-31"), Some("InvalidAction"));
        assert_eq!(refusal_of(FORM, "Action=Publish"), Some("InvalidAction"));
    }

    #[test]
    fn lists_are_read_in_their_order() {
        let names = ["A.member.2", "A.member.1", "A.member.4", "B.member.1"];
        let parameters = names.map(|name| (name.to_owned(), name.to_owned()));
        let parameters = Parameters(parameters.into_iter().collect());
        assert_eq!(parameters.members("A"), ["A.member.1", "A.member.2"]);
    }

    #[test]
    fn an_error_cannot_break_the_xml() {
        let refusal = Refusal::sender("InvalidAction", "<a> & \u{1}\"b\"");
        let xml = SERVICE.failure(&refusal, "1");
        assert!(xml.contains("<Message>&lt;a&gt; &amp; &quot;b&quot;</Message>"));
    }

    #[test]
    fn ids_look_like_uuids_and_differ() {
        let id = random_id();
        let lengths: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_ne!(id, random_id());
    }
}
