//! The business's own line reports what became of a message that it was handed.

use domain::Rejection;
use domain::ids::{LinkId, MessageId};
use domain::link::PaymentLink;
use domain::messages::delivery::MessageState;
use domain::messages::report::{MessageReport, ReportRefused as Refused};
use store::{BusinessStore, LinkMessage, RecordWritten, StoreError};

use crate::Now;
use crate::contended::{KeepsChanging, Tries};

/// A message as it is after a report.
#[derive(Clone, Debug)]
pub struct ReportedMessage {
    pub link: PaymentLink,
    pub state: Option<MessageState>,
    /// Whether it is this report by which the message has failed.
    pub has_failed_now: bool,
}

/// Why a report was not noted.
#[derive(Debug, thiserror::Error)]
pub enum ReportRefused {
    #[error("there is no such message")]
    NoSuchMessage,
    /// The time of the report cannot be.
    #[error("the time of the report is refused")]
    Time(Rejection),
    #[error("the message is not to be reported so")]
    Refused(Refused),
    #[error(transparent)]
    KeepsChanging(#[from] KeepsChanging),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Notes a report. One that says nothing new, or that something final stands against, changes nothing and is no error:
/// the answer is the message as it is.
pub async fn report(
    store: &BusinessStore,
    now: Now<'_>,
    (link, message): (&LinkId, &MessageId),
    report: &MessageReport,
) -> Result<ReportedMessage, ReportRefused> {
    let mut tries = Tries::default();
    loop {
        tries.another()?;
        let read = store.link_message(link, message).await?.ok_or(ReportRefused::NoSuchMessage)?;
        let at = now();
        if let Some((reported, tried)) = report.at.zip(read.tried()) {
            MessageReport::check_time(reported, tried.since, at).map_err(ReportRefused::Time)?;
        }
        let next = report.applied(read.state.as_ref(), read.tried(), at).map_err(ReportRefused::Refused)?;
        let Some(next) = next else {
            let LinkMessage { link, state, .. } = read;
            return Ok(ReportedMessage { link, state, has_failed_now: false });
        };
        let is_failure = |state: &MessageState| matches!(state, MessageState::Failed { .. });
        let has_failed_now = is_failure(&next) && !read.state.as_ref().is_some_and(is_failure);
        let told = if has_failed_now { read.link.message_failed(message, at) } else { None };
        if store.note_reported(&read, next.clone(), told.as_ref()).await? == RecordWritten::Applied {
            let state = next.name();
            tracing::info!(link_id = %link, message_id = %message, state, "A line reported about a message.");
            let link = told.unwrap_or(read.link);
            return Ok(ReportedMessage { link, state: Some(next), has_failed_now });
        }
    }
}
