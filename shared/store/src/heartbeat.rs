//! When the functions of the schedules last ended a run well. That no work is late tells nothing where there is none, and
//! a new stack has none: this tells whether anybody would come for it.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use domain::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::error::StoreError;
use crate::item::to_item;
use crate::keys;

/// A process writes at most this often, although its schedule comes every minute: what it is read for can wait longer.
const WRITTEN_EVERY: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);

/// A schedule of the template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Schedule {
    Sweep,
    Retries,
}

impl Schedule {
    pub const ALL: [Self; 2] = [Self::Sweep, Self::Retries];

    /// The folder of the function that it runs.
    pub fn function(self) -> &'static str {
        match self {
            Self::Sweep => "expire-links",
            Self::Retries => "deliver-messages",
        }
    }
}

/// What this process wrote last.
pub(crate) type Beats = BTreeMap<Schedule, Timestamp>;

#[derive(Serialize, Deserialize)]
struct Heartbeat {
    ran_at: Timestamp,
}

impl Store {
    /// Notes that a run of a schedule ended well, unless this process did so shortly before. Where that cannot be written
    /// the run was a good one all the same.
    pub async fn beat(&self, schedule: Schedule, now: Timestamp) {
        let is_recent = |last: &Timestamp| now.duration_since(*last).abs() < WRITTEN_EVERY;
        if self.beats.lock().unwrap_or_else(PoisonError::into_inner).get(&schedule).is_some_and(is_recent) {
            return;
        }
        match self.write_beat(schedule, now).await {
            Ok(()) => {
                self.beats.lock().unwrap_or_else(PoisonError::into_inner).insert(schedule, now);
            }
            Err(error) => tracing::warn!(error = %error, "It could not be noted that a schedule ran."),
        }
    }

    async fn write_beat(&self, schedule: Schedule, now: Timestamp) -> Result<(), StoreError> {
        let item = to_item(keys::heartbeat(schedule.function()), &Heartbeat { ran_at: now })?;
        self.put("note that a schedule ran", item).await
    }

    /// When a run of a schedule last ended well, to within a few minutes.
    pub async fn last_beat(&self, schedule: Schedule) -> Result<Option<Timestamp>, StoreError> {
        let at = keys::heartbeat(schedule.function());
        let beat: Option<Heartbeat> = self.read("find out when a schedule ran", at).await?;
        Ok(beat.map(|beat| beat.ran_at))
    }
}
