//! The headers that say what a record has to be (RFC 9110, section 13.1), and the one that says what it is.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::Rejection;
use domain::precondition::{Expected, Precondition, PreconditionFailed, Tag};

use crate::problem::ApiProblem;

/// What `If-Match` and `If-None-Match` of a call say.
#[derive(Clone, Debug, Default)]
pub struct Conditions(pub Precondition);

impl<S: Send + Sync> FromRequestParts<S> for Conditions {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiProblem> {
        let headers = &parts.headers;
        let is = read(headers, &header::IF_MATCH, "If-Match", |tag| (!tag.is_weak).then_some(tag.opaque))?;
        let is_not = read(headers, &header::IF_NONE_MATCH, "If-None-Match", |tag| Some(tag.opaque))?;
        Ok(Self(Precondition { is, is_not }))
    }
}

/// A tag as it stands in a header.
struct Given {
    is_weak: bool,
    opaque: String,
}

/// Reads all fields of one name. A list may be spread over several of them. Tags of which nothing is `kept` are none that
/// could match.
fn read(
    headers: &HeaderMap,
    header: &HeaderName,
    name: &'static str,
    kept: impl Fn(Given) -> Option<String>,
) -> Result<Option<Expected>, ApiProblem> {
    let malformed = || {
        let detail = "Give * or tags as an ETag has them, in quotation marks and with commas between them.";
        ApiProblem::bad_parameter(name, &Rejection::new("invalid_entity_tag", detail))
    };
    let mut fields = Vec::new();
    for field in headers.get_all(header) {
        fields.push(field.to_str().map_err(|_| malformed())?.trim());
    }
    match fields[..] {
        [] => Ok(None),
        ["*"] => Ok(Some(Expected::Anything)),
        _ => {
            let given = tags(&fields.join(",")).ok_or_else(malformed)?;
            Ok(Some(Expected::OneOf(given.into_iter().filter_map(kept).collect())))
        }
    }
}

/// The tags of a list. A tag may have commas in it; places of the list may be empty, and all of it not.
fn tags(list: &str) -> Option<Vec<Given>> {
    let (mut rest, mut tags) = (list, Vec::new());
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return Some(tags).filter(|tags| !tags.is_empty());
        }
        let (is_weak, quoted) = rest.strip_prefix("W/").map_or((false, rest), |strong| (true, strong));
        let (opaque, behind) = quoted.strip_prefix('"')?.split_once('"')?;
        if !opaque.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        tags.push(Given { is_weak, opaque: opaque.to_owned() });
        rest = behind.trim_start_matches([' ', '\t']);
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
}

/// The answer with the tag of what it shows.
#[must_use]
pub fn tagged(mut response: Response, tag: &Tag) -> Response {
    // A tag is made of letters, digits and a dot.
    if let Ok(value) = HeaderValue::try_from(format!("\"{tag}\"")) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

/// That the caller has this answer already.
#[must_use]
pub fn not_modified(tag: &Tag) -> Response {
    let headers = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    tagged((StatusCode::NOT_MODIFIED, headers).into_response(), tag)
}

impl From<PreconditionFailed> for ApiProblem {
    fn from(why: PreconditionFailed) -> Self {
        let detail = match why {
            PreconditionFailed::NothingThere => "If-Match names a state of it, and there is none; nothing was changed.",
            PreconditionFailed::IsAnother => {
                "Somebody changed it since it had the tag that If-Match names; nothing was changed. Read it again, and \
                 decide on what it is now."
            }
            PreconditionFailed::IsThere => "There is one already, and If-None-Match wants none; nothing was changed.",
        };
        Self::new(StatusCode::PRECONDITION_FAILED, "precondition_failed", detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_match(fields: &[&str]) -> Result<Option<Expected>, ApiProblem> {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(header::IF_MATCH, HeaderValue::from_str(field).unwrap());
        }
        read(&headers, &header::IF_MATCH, "If-Match", |tag| (!tag.is_weak).then_some(tag.opaque))
    }

    fn one_of(tags: &[&str]) -> Option<Expected> {
        Some(Expected::OneOf(tags.iter().map(|tag| (*tag).to_owned()).collect()))
    }

    #[test]
    fn lists_of_tags_are_read_and_weak_ones_match_nothing() {
        assert_eq!(read_match(&[]).unwrap(), None);
        assert_eq!(read_match(&["*"]).unwrap(), Some(Expected::Anything));
        assert_eq!(read_match(&[r#""a""#]).unwrap(), one_of(&["a"]));
        assert_eq!(read_match(&[r#"  "a" ,, "b,c""#, r#""d""#]).unwrap(), one_of(&["a", "b,c", "d"]));
        assert_eq!(read_match(&[r#"W/"a", "b""#]).unwrap(), one_of(&["b"]));
        assert_eq!(read_match(&[r#"W/"a""#]).unwrap(), one_of(&[]));
        assert_eq!(read_match(&[r#""""#]).unwrap(), one_of(&[""]));
    }

    #[test]
    fn what_is_no_tag_is_refused() {
        for bad in ["", "a", r#""a"#, r#"a""#, r#""a" "b""#, r#"w/"a""#, r#"*, "a""#, ",", r#""a b""#] {
            assert!(read_match(&[bad]).is_err(), "{bad}");
        }
        assert!(read_match(&["*", "*"]).is_err());
    }
}
