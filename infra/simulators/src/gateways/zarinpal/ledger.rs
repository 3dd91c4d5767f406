//! The books: every session by its authority, and who may get at which.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::fields::{AuthorityRef, is_authority};
use super::mode::Mode;
use super::refusal::{MALFORMED_AUTHORITY, OTHER_MERCHANT, Refusal, UNKNOWN_AUTHORITY};
use super::session::{Session, SessionState};

/// Everything this simulator knows: its sessions by their authority.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Ledger {
    pub(super) sessions: BTreeMap<String, Session>,
}

/// Why a payment page cannot be used.
#[derive(Debug, Clone, Copy)]
pub(super) enum DeadEnd {
    Unknown,
    Finished,
    TimedOut,
}

impl Ledger {
    /// The session that `authority_ref` names, if it is this host's and this merchant's.
    pub(super) fn find(&self, mode: Mode, authority_ref: &AuthorityRef) -> Result<&Session, Refusal> {
        if !is_authority(&authority_ref.authority) {
            return Err(MALFORMED_AUTHORITY);
        }
        let session = self.of_host(mode, &authority_ref.authority).ok_or(UNKNOWN_AUTHORITY)?;
        if session.is_archived {
            return Err(MALFORMED_AUTHORITY);
        }
        if session.merchant == authority_ref.merchant { Ok(session) } else { Err(OTHER_MERCHANT) }
    }

    pub(super) fn find_mut(&mut self, mode: Mode, authority_ref: &AuthorityRef) -> Result<&mut Session, Refusal> {
        self.find(mode, authority_ref)?;
        self.sessions.get_mut(&authority_ref.authority).ok_or(UNKNOWN_AUTHORITY)
    }

    fn of_host(&self, mode: Mode, authority: &str) -> Option<&Session> {
        self.sessions.get(authority).filter(|_| authority.starts_with(mode.letter()))
    }

    /// The session that a customer can pay now.
    pub(super) fn payable(&self, mode: Mode, authority: &str, now: Timestamp) -> Result<&Session, DeadEnd> {
        let session = self.of_host(mode, authority).ok_or(DeadEnd::Unknown)?;
        match session.state {
            SessionState::InBank if session.is_timed_out(now) => Err(DeadEnd::TimedOut),
            SessionState::InBank => Ok(session),
            SessionState::Paid { .. }
            | SessionState::Verified { .. }
            | SessionState::Failed { .. }
            | SessionState::Reversed { .. } => Err(DeadEnd::Finished),
        }
    }

    pub(super) fn payable_mut(&mut self, mode: Mode, authority: &str, now: Timestamp) -> Result<&mut Session, DeadEnd> {
        self.payable(mode, authority, now)?;
        self.sessions.get_mut(authority).ok_or(DeadEnd::Unknown)
    }
}
