//! What each simulator is: its routes, and what it is opened with.

use std::fmt;
use std::path::Path;

use axum::Router;
use runtime::Clock;

use super::webhook::Notify;

/// One simulated gateway.
pub trait Simulator: fmt::Debug + Send + Sync {
    /// Everything under its paths.
    fn router(&self) -> Router;

    /// Tells `url` of what happens to the sessions of a key, signed with `secret`, where the merchant orders that once
    /// and not with each session.
    fn register_webhook(&self, _key: &str, _url: &str, _secret: &str) {}
}

/// What a simulator is opened with.
pub struct Opening<'a> {
    pub(super) base: &'a str,
    pub(super) books: Option<&'a Path>,
    pub(super) notify: Notify,
    pub(super) clock: Clock,
}

impl fmt::Debug for Opening<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Opening").field("base", &self.base).finish_non_exhaustive()
    }
}
