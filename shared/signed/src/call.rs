//! A call that may be made several times, because the first and the last of it do the same.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::Method;
use outbound::{Answer, Http, TOO_LARGE};
use tokio::time::Instant;

use crate::sign::{Caller, NotSigned};

/// The pause before the second try. Each later one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// A call before it is signed. All tries of it have the same body.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    pub(crate) url: &'a str,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: Bytes,
}

/// How often a call is made, and how long all its tries and pauses may take together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Persistence {
    pub(crate) tries: u32,
    pub(crate) patience: Duration,
}

/// Why a call has no answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    NotSigned,
    /// It has more bytes than are read.
    TooLarge,
    /// No connection, or none for long enough. The reason has no address.
    Failed(String),
}

impl From<NotSigned> for NoAnswer {
    fn from(NotSigned: NotSigned) -> Self {
        Self::NotSigned
    }
}

/// Makes a call until there is an answer that will stay the same, or the tries or the patience are used up. What comes
/// last is what came of it.
pub(crate) async fn persistently(
    http: &Http,
    caller: Caller<'_>,
    call: &Call<'_>,
    persistence: Persistence,
    is_passing: fn(&Answer) -> bool,
) -> Result<Answer, NoAnswer> {
    let begun = Instant::now();
    let mut tried = 0;
    let mut pause = FIRST_PAUSE;
    loop {
        // Each try has a signature of its own, because the one before it may be too old by then.
        let request = caller.request(&call.method, call.url, call.headers, &call.body, SystemTime::now())?;
        let left = persistence.patience.saturating_sub(begun.elapsed());
        let answered = http.send(request, call.body.clone(), left).await;
        tried += 1;
        let may_change = match &answered {
            Ok(answer) => is_passing(answer),
            Err(reason) => reason != TOO_LARGE,
        };
        let left = persistence.patience.saturating_sub(begun.elapsed());
        if !may_change || tried >= persistence.tries || left <= pause {
            return answered
                .map_err(|reason| if reason == TOO_LARGE { NoAnswer::TooLarge } else { NoAnswer::Failed(reason) });
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}
