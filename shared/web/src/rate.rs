//! How often a caller may call, as answers tell it in the fields of [the draft of the IETF][draft], version 10.
//!
//! [draft]: https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/10/

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

/// A bound that calls count against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// What is bounded: `integration` or `business`.
    pub name: &'static str,
    /// As many calls are allowed at once.
    pub quota: u32,
    /// In seconds: after them as many are allowed again.
    pub window: u32,
    /// As many are left.
    pub remaining: u32,
    /// In seconds, rounded up: when all of them are left again, or where none is, the next one.
    pub reset: u64,
}

/// Which bounds a call was counted against, found out where its caller is known and told in its answer.
#[derive(Clone, Debug, Default)]
pub struct CountedAgainst(Arc<Mutex<Vec<Rate>>>);

impl CountedAgainst {
    pub(crate) fn note(&self, rate: Rate) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(rate);
    }

    fn tell(&self, headers: &mut HeaderMap) {
        let rates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut insert = |header, one: fn(&Rate) -> String| {
            let told: Vec<String> = rates.iter().map(one).collect();
            if let (false, Ok(told)) = (told.is_empty(), HeaderValue::try_from(told.join(", "))) {
                headers.insert(header, told);
            }
        };
        insert("ratelimit-policy", |Rate { name, quota, window, .. }| format!("\"{name}\";q={quota};w={window}"));
        insert("ratelimit", |Rate { name, remaining, reset, .. }| format!("\"{name}\";r={remaining};t={reset}"));
    }
}

/// Tells the caller what its call was counted against, also where the call was refused or took too long.
pub async fn told(mut request: Request, next: Next) -> Response {
    let counted = CountedAgainst::default();
    request.extensions_mut().insert(counted.clone());
    let mut response = next.run(request).await;
    counted.tell(response.headers_mut());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_name_each_bound_and_are_left_out_where_nothing_was_counted() {
        let counted = CountedAgainst::default();
        let mut headers = HeaderMap::new();
        counted.tell(&mut headers);
        assert!(headers.is_empty());
        counted.note(Rate { name: "integration", quota: 40, window: 2, remaining: 39, reset: 1 });
        counted.note(Rate { name: "business", quota: 6, window: 2, remaining: 0, reset: 1 });
        counted.tell(&mut headers);
        assert_eq!(headers["ratelimit-policy"], r#""integration";q=40;w=2, "business";q=6;w=2"#);
        assert_eq!(headers["ratelimit"], r#""integration";r=39;t=1, "business";r=0;t=1"#);
    }
}
