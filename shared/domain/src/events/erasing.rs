//! What an event of a business's log holds up, for whoever is about to delete it with all that its business has.

use jiff::Timestamp;

use super::delivery::{Delivery, DeliveryState};
use super::record::EventRecord;

impl EventRecord {
    /// When an endpoint is told of it for the first time. `None` where each was told, or tried to be.
    ///
    /// Leaving writes such events itself, and the CRM of a business that left is often switched off. So what is tried again
    /// holds up nothing.
    pub fn first_try_at(&self) -> Option<Timestamp> {
        let is_untried = |one: &Delivery| one.tries.is_empty() && matches!(one.state(), DeliveryState::Waiting { .. });
        let has_first_try = self.is_unaddressed || self.deliveries.iter().any(is_untried);
        self.due_at().filter(|_| has_first_try)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::super::delivery::PostOutcome;
    use super::*;
    use crate::ids::EndpointId;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    /// An event for which the endpoints were chosen.
    fn event(deliveries: Vec<Delivery>) -> EventRecord {
        let known = json!({
            "id": format!("evt_{}", "1".repeat(22)), "business": "shop", "sequence": 1, "type": "audit_entry.created",
            "happened_at": at(0), "recorded_at": at(0), "version": 1,
        });
        EventRecord { deliveries, ..serde_json::from_value(known).unwrap() }
    }

    #[test]
    fn an_event_of_the_log_holds_up_erasing_until_each_endpoint_was_tried() {
        let unaddressed = EventRecord { is_unaddressed: true, ..event(Vec::new()) };
        assert_eq!(unaddressed.first_try_at(), Some(at(0)));
        let held = EventRecord { held_until: Some(at(60)), ..unaddressed };
        assert_eq!(held.first_try_at(), Some(at(60)), "somebody tries it at this moment");
        assert_eq!(event(Vec::new()).first_try_at(), None, "nobody wants it");

        let crm = |id: &str| Delivery::due(EndpointId::parse(id).unwrap(), at(0));
        let mut dead = crm("dead");
        dead.note(&PostOutcome::Failed { outcome: "503".to_owned(), wait: None }, 0, at(1));
        assert!(matches!(dead.state(), DeliveryState::Waiting { .. }), "it is tried again");
        assert_eq!(event(vec![dead.clone()]).first_try_at(), None);
        let mut paused = crm("paused");
        paused.postpone(at(1));
        assert!(event(vec![dead.clone(), paused]).first_try_at().is_some(), "leaving an endpoint alone is no try");
        let mut gone = crm("gone");
        gone.give_up("the endpoint is switched off", at(1));
        assert_eq!(event(vec![dead, gone]).first_try_at(), None);
    }
}
