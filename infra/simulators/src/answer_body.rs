//! Bodies of answers that a client had better not wait for.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};

/// What comes behind the status of an answer and cannot be read to its end.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerBody {
    /// Two megabytes.
    Large,
    /// Fewer bytes than its length says; then the connection is closed.
    CutShort,
    /// A few bytes at a time, for ever.
    Endless,
    /// Its length is told, and nothing comes.
    Silent,
}

impl AnswerBody {
    pub fn respond(self, status: StatusCode) -> Response {
        let announced = [(header::CONTENT_LENGTH, "1000000")];
        let drops = |first: Duration| {
            stream::unfold(first, |wait| async move {
                tokio::time::sleep(wait).await;
                Some((Ok::<_, Infallible>(Bytes::from_static(b"thanks ")), Duration::from_millis(50)))
            })
        };
        match self {
            Self::Large => (status, vec![b'x'; 2 * 1024 * 1024]).into_response(),
            Self::CutShort => {
                // What was said leaves before the connection is closed.
                let little = stream::unfold(Some(b"thanks"), |left| async move {
                    if left.is_none() {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                    Some((Ok::<_, Infallible>(Bytes::from_static(left?)), None))
                });
                (status, announced, Body::from_stream(little)).into_response()
            }
            Self::Endless => (status, Body::from_stream(drops(Duration::ZERO))).into_response(),
            Self::Silent => (status, announced, Body::from_stream(drops(Duration::from_secs(3600)))).into_response(),
        }
    }
}
