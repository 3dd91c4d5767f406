//! Gives deliver-messages again what providers reported while it could not note it: where it failed three times, and
//! where it was stopped, because Lambda then puts what it is invoked with aside at once.

use serde_json::Value;

use crate::aws::{LAMBDA, in_path};
use crate::{Admin, AdminError};

/// The output that names the function.
pub(crate) const DELIVER_MESSAGES: &str = "DeliverMessagesName";

/// What became of the queue of reports that could not be noted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplayedReports {
    /// Reports that the function was given again.
    pub reports: usize,
    /// Runs of the schedule, which are not needed: the next one finds the same work.
    pub runs: usize,
    /// Messages of which nobody knows what they are. They stay in the queue.
    pub unreadable: usize,
}

/// What waits in the queue.
enum PutAside {
    Run,
    Report(Value),
    Unreadable,
}

impl PutAside {
    /// Lambda writes down what it could not hand over beside what it knows about that.
    fn read(body: &str) -> Self {
        let mut body: Value = serde_json::from_str(body).unwrap_or_default();
        match body["requestPayload"].take() {
            event if event["source"] == "schedule" => Self::Run,
            event if event.is_object() => Self::Report(event),
            _ => Self::Unreadable,
        }
    }
}

impl Admin {
    /// The number of messages in the queue, or `None` where the queue is not known.
    pub(crate) async fn unnoted_reports(&self) -> Result<Option<u64>, AdminError> {
        match &self.unnoted {
            Some(queue) => Ok(Some(self.waiting_in(queue).await?)),
            None => Ok(None),
        }
    }

    /// Invokes deliver-messages with each report that waits, and takes it out of the queue when Lambda has it. One that
    /// cannot be noted once more comes back there. A report may come twice, as from its provider.
    pub async fn replay_reports(&self) -> Result<ReplayedReports, AdminError> {
        let function = self.stack().and_then(|stack| stack.outputs.get(DELIVER_MESSAGES)).ok_or_else(|| {
            AdminError::Usage("Only a stack that is deployed has such reports: say --stack NAME.".to_owned())
        })?;
        let Some(queue) = &self.unnoted else {
            return Err(AdminError::refused("set PAYLINK_UNNOTED_REPORTS to the stack's output"));
        };
        let path = format!("/2019-09-30/functions/{}/concurrency", in_path(function));
        if self.aws.get(LAMBDA, &path).await?["ReservedConcurrentExecutions"] == 0 {
            return Err(AdminError::refused(
                "deliver-messages is stopped, and what it is given now would come back at once. `health` says what \
                 starts it.",
            ));
        }
        let mut done = ReplayedReports::default();
        for message in self.receive_all(queue).await? {
            match PutAside::read(message.body().unwrap_or_default()) {
                PutAside::Run => done.runs += 1,
                PutAside::Report(event) => {
                    self.aws.invoke(function, &event).await?;
                    done.reports += 1;
                }
                PutAside::Unreadable => {
                    done.unreadable += 1;
                    continue;
                }
            }
            self.delete_message(queue, message.receipt_handle().unwrap_or_default()).await?;
        }
        Ok(done)
    }
}
