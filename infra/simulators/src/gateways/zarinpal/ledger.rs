//! The books: every session by its authority, and who may get at which.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::fields::{Claim, is_authority};
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
    /// The session that `claim` names, if it is this host's and this merchant's.
    pub(super) fn claimed(&self, mode: Mode, claim: &Claim) -> Result<&Session, Refusal> {
        if !is_authority(&claim.authority) {
            return Err(MALFORMED_AUTHORITY);
        }
        let session = self.of_host(mode, &claim.authority).ok_or(UNKNOWN_AUTHORITY)?;
        if session.merchant == claim.merchant { Ok(session) } else { Err(OTHER_MERCHANT) }
    }

    pub(super) fn claimed_mut(&mut self, mode: Mode, claim: &Claim) -> Result<&mut Session, Refusal> {
        self.claimed(mode, claim)?;
        self.sessions.get_mut(&claim.authority).ok_or(UNKNOWN_AUTHORITY)
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
