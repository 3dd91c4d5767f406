//! Heartbeats: when the function of each schedule last ended a run well. On a stack without due work no work is ever
//! late, so only a heartbeat shows that its schedules run.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use domain::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::error::StoreError;
use crate::item::to_item;
use crate::keys;

/// A process writes a heartbeat at most this often, although its schedule runs every minute: the alarms that read it
/// wait longer.
const WRITE_EVERY: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);

/// A schedule of the template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Schedule {
    Sweep,
    Retries,
    Batches,
}

impl Schedule {
    pub const ALL: [Self; 3] = [Self::Sweep, Self::Retries, Self::Batches];

    /// The folder of the function that it runs.
    pub fn function(self) -> &'static str {
        match self {
            Self::Sweep => "expire-links",
            Self::Retries => "deliver-messages",
            Self::Batches => "run-batches",
        }
    }
}

/// The heartbeats that this process wrote last.
pub(crate) type Heartbeats = BTreeMap<Schedule, Timestamp>;

#[derive(Serialize, Deserialize)]
struct Heartbeat {
    ran_at: Timestamp,
}

impl Store {
    /// Notes that a run of a schedule ended well, unless this process noted one shortly before. Where the note cannot
    /// be written, the run counts as good all the same.
    pub async fn record_heartbeat(&self, schedule: Schedule, now: Timestamp) {
        let is_recent = |last: &Timestamp| now.duration_since(*last).abs() < WRITE_EVERY;
        if self.memory.heartbeats.lock().unwrap_or_else(PoisonError::into_inner).get(&schedule).is_some_and(is_recent) {
            return;
        }
        match self.write_heartbeat(schedule, now).await {
            Ok(()) => {
                self.memory.heartbeats.lock().unwrap_or_else(PoisonError::into_inner).insert(schedule, now);
            }
            Err(error) => tracing::warn!(error = %error, "It could not be noted that a schedule ran."),
        }
    }

    async fn write_heartbeat(&self, schedule: Schedule, now: Timestamp) -> Result<(), StoreError> {
        let item = to_item(keys::heartbeat(schedule.function()), &Heartbeat { ran_at: now })?;
        self.put("note that a schedule ran", item).await
    }

    /// When a run of a schedule last ended well, to within a few minutes.
    pub async fn last_heartbeat(&self, schedule: Schedule) -> Result<Option<Timestamp>, StoreError> {
        let at = keys::heartbeat(schedule.function());
        let heartbeat: Option<Heartbeat> = self.read("find out when a schedule ran", at).await?;
        Ok(heartbeat.map(|heartbeat| heartbeat.ran_at))
    }
}
