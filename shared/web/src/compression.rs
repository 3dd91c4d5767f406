//! Answers in `gzip` where the caller asks for it.
//!
//! Compression can give away a secret that stands in an answer beside what a stranger chose, to whoever sees how long the
//! answers are (BREACH). It needs somebody else's credentials sent along, which browsers do with cookies: the API has none,
//! and its keys travel in a header that no other site can set. Pages of customers carry what may not be seen in their
//! addresses and forms, and are never compressed; nor is an answer so short that it gains nothing, which is what shows a
//! new signing secret.

use std::io::Write;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;

/// A shorter body stays as it is, in bytes: it fits one packet either way.
const LEAST: usize = 1_400;

/// What is text and written for programs, and the page that shows the document.
const COMPRESSED: [&str; 4] = ["application/json", "application/problem+json", "text/html", "image/svg+xml"];

/// Compresses the answer of a function of the API, where its caller reads `gzip`.
pub async fn compressed(request: Request, next: Next) -> Response {
    let reads_gzip = request.method() != Method::HEAD && accepts_gzip(request.headers());
    let mut response = next.run(request).await;
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !COMPRESSED.contains(&kind) || response.headers().contains_key(header::CONTENT_ENCODING) {
        return response;
    }
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept-encoding"));
    if !reads_gzip {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // What a handler answers lies in memory already.
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    match gzip(&bytes).filter(|_| bytes.len() >= LEAST) {
        Some(smaller) => {
            parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            parts.headers.remove(header::CONTENT_LENGTH);
            Response::from_parts(parts, Body::from(smaller))
        }
        None => Response::from_parts(parts, Body::from(bytes)),
    }
}

fn gzip(bytes: &Bytes) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

/// Whether the caller names `gzip`, or anything, and does not say that it takes none of it (RFC 9110, section 12.5.3).
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let fields = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|field| field.to_str().ok());
    let mut anything = false;
    for coding in fields.flat_map(|field| field.split(',')) {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let weight = weight.trim().split_once('=').map_or("1", |(_, weight)| weight.trim());
        let is_wanted = weight.parse::<f32>().is_ok_and(|weight| weight > 0.0);
        match name.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => return is_wanted,
            "*" => anything = is_wanted,
            _ => {}
        }
    }
    anything
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_to_those_who_read_it() {
        let accepts = |field: &'static str| {
            accepts_gzip(&HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(field))]))
        };
        for yes in ["gzip", "br, GZIP;q=0.5", "*", "deflate, *;q=0.1", "identity;q=0, gzip; q=1"] {
            assert!(accepts(yes), "{yes}");
        }
        for no in ["", "br", "identity", "gzip;q=0", "gzip;q=0, *", "*;q=0", "gzip;q=x"] {
            assert!(!accepts(no), "{no}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
