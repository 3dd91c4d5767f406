//! What every answer of the API has, whichever function gives it and whatever becomes of the call.

use std::time::Duration;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};

use crate::{compression, rate, request_id, time};

/// A router of the API whose calls are answered within `time`, with an id, with what they were counted against, and
/// compressed where the caller reads that.
pub fn of_api(router: Router, time: Duration) -> Router {
    // The last one is the outermost.
    router
        .layer(from_fn_with_state(time, time::in_time))
        .layer(from_fn(rate::told))
        .layer(from_fn(compression::compressed))
        .layer(from_fn(request_id::identified))
}
