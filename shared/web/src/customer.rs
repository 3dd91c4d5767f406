//! What every answer to a customer's browser has in common, whichever function gives it.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Keeps an answer out of caches, other sites' frames and search engines, and its address out of the next request.
#[must_use]
pub fn guard(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex"));
    response
}

/// Sends the browser on with GET, whatever method it came with. `None` where no browser can be sent to the address.
pub fn see_other(address: &str) -> Option<Response> {
    let location = HeaderValue::try_from(address).ok()?;
    Some(guard((StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()))
}
