//! What a call says that its body is.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

/// Whether a call has this content type. It compares the media type only; parameters such as `charset` do not matter.
pub(crate) fn has_content_type(headers: &HeaderMap, expected: &str) -> bool {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.split(';').next().is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case(expected))
}
