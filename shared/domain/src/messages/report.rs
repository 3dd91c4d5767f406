//! What the business's own line reports about a message that it was handed, and what the message is then.
//!
//! Whom a message was handed to was noted when it was: who serves its address by now does not matter.
//!
//! Reports come when they like: before our own note of the handover, twice, in another order than it happened, days
//! later. What is final stays: a message that arrived has not failed, and one that failed is not sent again, because
//! another one may have gone out in its place.

use jiff::{SignedDuration, Timestamp};

use crate::messages::delivery::{Handover, MessageState, REPORTED_WITHIN, Tried};
use crate::messages::provider_profile::{ProviderKind, Reporting};
use crate::problem::Rejection;

/// Clocks differ by this much at most. A time beyond it is a mistake, such as a date of another calendar.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(5);

/// What a line can report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reported {
    /// The line took the message over, and it is on its way.
    Sent,
    /// It arrived at the phone.
    Delivered,
    /// It did not arrive, and never will.
    Failed { reason: ReasonCode },
}

impl Reported {
    pub const NAMES: [&'static str; 3] = ["sent", "delivered", "failed"];
}

/// A report about one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageReport {
    pub what: Reported,
    /// When that happened, by the line's clock, where it says so.
    pub at: Option<Timestamp>,
    /// What the line, or whom it hands messages to, calls the message.
    pub provider_id: Option<ProviderMessageId>,
}

/// Why a report changes nothing and never will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportRefused {
    /// The line was never handed this message.
    NotHandedOver,
    /// Another provider was.
    OtherProvider,
    /// Nobody waits for reports about it any more.
    TooLate,
}

/// A reason in one word, in the form of ours: small letters and underscores. A phone number does not fit, so that none
/// gets into a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReasonCode(String);

impl ReasonCode {
    const LONGEST: usize = 64;

    pub fn parse(text: &str) -> Result<Self, Rejection> {
        let fits = (1..=Self::LONGEST).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
            && !text.starts_with('_');
        let detail = "Give a word such as number_blocked: 1 to 64 small letters and underscores, a letter first.";
        if fits { Ok(Self(text.to_owned())) } else { Err(Rejection::new("invalid_reason", detail)) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A line's own id of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderMessageId(String);

impl ProviderMessageId {
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        let fits = (1..=100).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        let detail = "An id of a message has 1 to 100 visible ASCII characters.";
        if fits { Ok(Self(text.to_owned())) } else { Err(Rejection::new("invalid_id", detail)) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl MessageReport {
    /// Refuses a time that no report can have: before the line was handed the message, which `since` says, or in the
    /// future.
    pub fn check_time(at: Timestamp, since: Timestamp, now: Timestamp) -> Result<Timestamp, Rejection> {
        let (earliest, latest) = (since.checked_sub(CLOCKS_DIFFER), now.checked_add(CLOCKS_DIFFER));
        if at < earliest.unwrap_or(Timestamp::MIN) || at > latest.unwrap_or(Timestamp::MAX) {
            let detail =
                "A report is about something that happened since you were handed the message, and not in the future.";
            return Err(Rejection::new("out_of_range", detail));
        }
        Ok(at)
    }

    /// What the message is after this report, or `None` where nothing changes. `tried` says whom it was handed to last:
    /// that decides for a message of which no handover was noted.
    pub fn applied(
        &self,
        state: Option<&MessageState>,
        tried: Option<&Tried>,
        now: Timestamp,
    ) -> Result<Option<MessageState>, ReportRefused> {
        match state {
            None | Some(MessageState::Queued { .. }) => Err(ReportRefused::NotHandedOver),
            // The answer to the handover is on its way, or it was lost.
            Some(MessageState::Sending { .. } | MessageState::Waiting { .. }) => {
                let handover = self.handover(tried, now)?;
                Ok(Some(self.of_sent(handover, now)))
            }
            // The link ended before the message would have been sent once more: it was paid by that very message, it may
            // be. What did not arrive is of no use any more, and nobody has to be told.
            Some(MessageState::Skipped { at, reason: _ }) => {
                let handover = self.handover(tried, now)?;
                check_in_time(*at, now)?;
                Ok(match &self.what {
                    Reported::Sent | Reported::Delivered => Some(self.of_sent(handover, now)),
                    Reported::Failed { .. } => None,
                })
            }
            Some(MessageState::Sent(handover)) => {
                check_reporter(handover, now)?;
                let known = handover.clone();
                let next = match handover.delivered_at {
                    Some(_) => MessageState::Sent(self.with_id(known)),
                    None => self.of_sent(self.with_id(known), now),
                };
                Ok(Some(next).filter(|next| Some(next) != state))
            }
            Some(MessageState::Failed { at, reason, sent }) => {
                let sent = match (sent, &self.what) {
                    (Some(handover), _) => {
                        check_reporter(handover, now)?;
                        Some(self.of_failed(self.with_id(handover.clone()), now))
                    }
                    // No handover was noted, and the line says that there was one.
                    (None, Reported::Sent | Reported::Delivered) => {
                        let handover = self.handover(tried, now)?;
                        check_in_time(*at, now)?;
                        Some(self.of_failed(handover, now))
                    }
                    (None, Reported::Failed { .. }) => {
                        self.handover(tried, now)?;
                        check_in_time(*at, now)?;
                        None
                    }
                };
                let next = MessageState::Failed { at: *at, reason: reason.clone(), sent };
                Ok(Some(next).filter(|next| Some(next) != state))
            }
        }
    }

    /// When it happened, as far as that can be: not before this, and not in the future.
    fn time(&self, since: Timestamp, now: Timestamp) -> Timestamp {
        self.at.map_or(now, |at| at.max(since).min(now))
    }

    /// The handover of which only this report tells. It counts from now on.
    fn handover(&self, tried: Option<&Tried>, now: Timestamp) -> Result<Handover, ReportRefused> {
        let tried = tried.ok_or(ReportRefused::NotHandedOver)?;
        if !reports_by_the_api(tried.metered.provider) {
            return Err(ReportRefused::OtherProvider);
        }
        let at = self.time(tried.since, now);
        let counts_since = Some(now).filter(|now| *now != at);
        let handover = Handover::new(at, String::new());
        Ok(self.with_id(Handover { metered: Some(tried.metered), counts_since, ..handover }))
    }

    /// An id that the line gave when it took the message over stays.
    fn with_id(&self, handover: Handover) -> Handover {
        match &self.provider_id {
            Some(id) if handover.provider_id.is_empty() => Handover { provider_id: id.as_str().to_owned(), ..handover },
            Some(_) | None => handover,
        }
    }

    fn of_sent(&self, handover: Handover, now: Timestamp) -> MessageState {
        match &self.what {
            Reported::Sent => MessageState::Sent(handover),
            Reported::Delivered => MessageState::Sent(self.arrived(handover, now)),
            Reported::Failed { reason } => {
                MessageState::Failed { at: now, reason: reason.as_str().to_owned(), sent: Some(handover) }
            }
        }
    }

    fn of_failed(&self, handover: Handover, now: Timestamp) -> Handover {
        match &self.what {
            Reported::Delivered => self.arrived(handover, now),
            Reported::Sent | Reported::Failed { .. } => handover,
        }
    }

    fn arrived(&self, handover: Handover, now: Timestamp) -> Handover {
        let at = self.time(handover.at, now).max(handover.at);
        handover.arrived(at)
    }
}

/// Refuses a report about a message that a provider took over which does not report so, and one that comes too late.
fn check_reporter(handover: &Handover, now: Timestamp) -> Result<(), ReportRefused> {
    if !handover.metered.is_some_and(|metered| reports_by_the_api(metered.provider)) {
        return Err(ReportRefused::OtherProvider);
    }
    check_in_time(handover.at, now)
}

fn check_in_time(since: Timestamp, now: Timestamp) -> Result<(), ReportRefused> {
    if now.duration_since(since) > REPORTED_WITHIN { Err(ReportRefused::TooLate) } else { Ok(()) }
}

/// Whether a provider reports by a call of the API.
pub fn reports_by_the_api(provider: ProviderKind) -> bool {
    matches!(provider.profile().reports, Some(Reporting::ByTheApi))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::messages::channel::Channel;
    use crate::messages::delivery::{Metered, SkipReason};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn by(provider: ProviderKind) -> Metered {
        Metered { channel: Channel::Sms, provider, segments: 2 }
    }

    fn taken_over(provider_id: &str) -> Handover {
        let handover = Handover::new(at(0), provider_id.to_owned());
        Handover { metered: Some(by(ProviderKind::Webhook)), ..handover }
    }

    fn report(what: Reported) -> MessageReport {
        MessageReport { what, at: None, provider_id: None }
    }

    fn failed(reason: &str) -> Reported {
        Reported::Failed { reason: ReasonCode::parse(reason).unwrap() }
    }

    fn waiting() -> MessageState {
        MessageState::Waiting { until: at(60), reason: "no_answer".to_owned() }
    }

    /// That a message was handed to this provider at the beginning.
    fn tried(provider: ProviderKind) -> Tried {
        Tried::after(None, None, by(provider), at(0))
    }

    fn told(what: Reported, state: &MessageState, second: i64) -> Result<Option<MessageState>, ReportRefused> {
        report(what).applied(Some(state), Some(&tried(ProviderKind::Webhook)), at(second))
    }

    #[test]
    fn what_arrived_stays_sent_and_what_did_not_has_failed() {
        let sent = MessageState::Sent(taken_over("a"));
        assert_eq!(told(Reported::Sent, &sent, 5), Ok(None));
        let arrived = MessageState::Sent(taken_over("a").arrived(at(5)));
        assert_eq!(told(Reported::Delivered, &sent, 5), Ok(Some(arrived.clone())));
        let lost = MessageState::Failed { at: at(5), reason: "no_route".to_owned(), sent: Some(taken_over("a")) };
        assert_eq!(told(failed("no_route"), &sent, 5), Ok(Some(lost.clone())));
        // Each comes twice, and each comes after the other.
        assert_eq!(told(Reported::Delivered, &arrived, 9), Ok(None));
        assert_eq!(told(failed("no_route"), &arrived, 9), Ok(None), "a phone that has it has it");
        assert_eq!([told(failed("other"), &lost, 9), told(Reported::Sent, &lost, 9)], [Ok(None), Ok(None)]);
        let both = MessageState::Failed {
            at: at(5),
            reason: "no_route".to_owned(),
            sent: Some(taken_over("a").arrived(at(9))),
        };
        assert_eq!(told(Reported::Delivered, &lost, 9), Ok(Some(both)), "another message may be out already");
    }

    #[test]
    fn a_report_that_is_faster_than_the_answer_tells_of_the_handover_too() {
        for state in [MessageState::Sending { until: at(90) }, waiting()] {
            let told = |what| told(what, &state, 5).unwrap().unwrap();
            let handover = Handover { metered: Some(by(ProviderKind::Webhook)), ..Handover::new(at(5), String::new()) };
            assert_eq!(told(Reported::Sent), MessageState::Sent(handover.clone()));
            assert_eq!(told(Reported::Delivered), MessageState::Sent(handover.clone().arrived(at(5))));
            let lost = MessageState::Failed { at: at(5), reason: "x".to_owned(), sent: Some(handover) };
            assert_eq!(told(failed("x")), lost);
        }
    }

    #[test]
    fn a_message_that_we_gave_up_may_have_been_taken_over_all_the_same() {
        let given_up = MessageState::Failed { at: at(0), reason: "no_answer".to_owned(), sent: None };
        let Ok(Some(MessageState::Failed { reason, sent: Some(sent), .. })) = told(Reported::Delivered, &given_up, 5)
        else {
            panic!("it stays failed, and what is known of it is kept")
        };
        assert_eq!((reason.as_str(), sent.delivered_at), ("no_answer", Some(at(5))));
        assert_eq!(told(failed("x"), &given_up, 5), Ok(None));
    }

    #[test]
    fn a_message_that_was_not_sent_once_more_because_its_link_had_ended_may_have_arrived() {
        let skipped = MessageState::Skipped { at: at(10), reason: SkipReason::LinkNotActive };
        let handover = Handover {
            metered: Some(by(ProviderKind::Webhook)),
            counts_since: Some(at(60)),
            ..Handover::new(at(4), String::new())
        };
        let told_at_four = |what| {
            let report = MessageReport { at: Some(at(4)), ..report(what) };
            report.applied(Some(&skipped), Some(&tried(ProviderKind::Webhook)), at(60))
        };
        assert_eq!(told_at_four(Reported::Sent), Ok(Some(MessageState::Sent(handover.clone()))));
        assert_eq!(told_at_four(Reported::Delivered), Ok(Some(MessageState::Sent(handover.arrived(at(4))))));
        assert_eq!(told_at_four(failed("x")), Ok(None), "nobody needs another message");
    }

    #[test]
    fn what_only_a_report_tells_of_counts_from_the_report_on() {
        let report = MessageReport { at: Some(at(2)), ..report(Reported::Delivered) };
        for state in [
            waiting(),
            MessageState::Sending { until: at(90) },
            MessageState::Skipped { at: at(50), reason: SkipReason::LinkNotActive },
            MessageState::Failed { at: at(50), reason: "no_answer".to_owned(), sent: None },
        ] {
            let next = report.applied(Some(&state), Some(&tried(ProviderKind::Webhook)), at(3_600)).unwrap().unwrap();
            assert_eq!(next.metered(), Some((at(3_600), by(ProviderKind::Webhook))), "{state:?}");
            let (MessageState::Sent(handover) | MessageState::Failed { sent: Some(handover), .. }) = next else {
                panic!("{next:?}")
            };
            assert_eq!((handover.at, handover.delivered_at), (at(2), Some(at(2))));
        }
    }

    #[test]
    fn only_a_message_that_the_line_was_handed_is_reported_and_only_for_a_week() {
        let given_up = MessageState::Failed { at: at(0), reason: "x".to_owned(), sent: None };
        let skipped = MessageState::Skipped { at: at(0), reason: SkipReason::LinkNotActive };
        let untried = [None, Some(MessageState::Queued { until: at(0) })];
        for state in untried.into_iter().chain([&skipped, &given_up, &waiting()].map(|state| Some(state.clone()))) {
            for what in [Reported::Sent, Reported::Delivered, failed("y")] {
                let told = report(what).applied(state.as_ref(), None, at(5));
                assert_eq!(told, Err(ReportRefused::NotHandedOver), "{state:?}");
            }
        }
        let others = Handover { metered: Some(by(ProviderKind::Kavenegar)), ..taken_over("a") };
        for state in [
            MessageState::Sent(others.clone()),
            MessageState::Sent(Handover { metered: None, ..others.clone() }),
            MessageState::Failed { at: at(0), reason: "x".to_owned(), sent: Some(others) },
            MessageState::Sending { until: at(90) },
            waiting(),
            given_up.clone(),
            skipped.clone(),
        ] {
            for what in [Reported::Sent, Reported::Delivered, failed("y")] {
                let told = report(what).applied(Some(&state), Some(&tried(ProviderKind::Kavenegar)), at(5));
                assert_eq!(told, Err(ReportRefused::OtherProvider), "{state:?}");
            }
        }
        let (week, later) = (7 * 24 * 3_600, 7 * 24 * 3_600 + 1);
        for state in [MessageState::Sent(taken_over("a")), given_up, skipped] {
            assert!(told(Reported::Delivered, &state, week).is_ok());
            assert_eq!(told(Reported::Delivered, &state, later), Err(ReportRefused::TooLate));
        }
    }

    #[test]
    fn a_time_is_the_lines_own_within_what_can_be() {
        let of = |second: i64| {
            let report = MessageReport { at: Some(at(second)), ..report(Reported::Delivered) };
            match report.applied(Some(&MessageState::Sent(taken_over("a"))), None, at(100)) {
                Ok(Some(MessageState::Sent(handover))) => handover.delivered_at.unwrap(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!([of(50), of(-2), of(130)], [at(50), at(0), at(100)], "a clock that is a little off does no harm");
        let check = |second: i64| MessageReport::check_time(at(second), at(0), at(1_000)).map_err(|why| why.code);
        assert_eq!([check(-300), check(1_300)], [Ok(at(-300)), Ok(at(1_300))]);
        assert_eq!([check(-301), check(1_301)], [Err("out_of_range"); 2]);
    }

    #[test]
    fn the_id_of_the_handover_stays_and_a_missing_one_is_filled_in() {
        let named = |id: &str| MessageReport {
            provider_id: Some(ProviderMessageId::parse(id).unwrap()),
            ..report(Reported::Sent)
        };
        let unnamed = MessageState::Sent(taken_over(""));
        let filled = MessageState::Sent(taken_over("b"));
        assert_eq!(named("b").applied(Some(&unnamed), None, at(5)), Ok(Some(filled.clone())));
        assert_eq!(named("c").applied(Some(&filled), None, at(5)), Ok(None));
        for bad in ["", " ", "a b", "شناسه", &"x".repeat(101)] {
            assert_eq!(ProviderMessageId::parse(bad).unwrap_err().code, "invalid_id", "{bad}");
        }
    }

    #[test]
    fn a_reason_is_a_word_and_no_phone_number() {
        for good in ["number_blocked", "x"] {
            assert_eq!(ReasonCode::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "Blocked", "number blocked", "_x", "error_4", "n_989121234567", "رد", &"x".repeat(65)] {
            assert_eq!(ReasonCode::parse(bad).unwrap_err().code, "invalid_reason", "{bad}");
        }
    }

    fn any_report() -> impl Strategy<Value = MessageReport> {
        let what = prop_oneof![
            Just(Reported::Sent),
            Just(Reported::Delivered),
            "[a-z]{1,3}".prop_map(|reason| failed(&reason))
        ];
        let id = proptest::option::of("[a-z]{1,2}".prop_map(|id| ProviderMessageId::parse(&id).unwrap()));
        let when = proptest::option::of((-100_i64..1_000).prop_map(at));
        (what, when, id).prop_map(|(what, at, provider_id)| MessageReport { what, at, provider_id })
    }

    fn any_state() -> impl Strategy<Value = MessageState> {
        prop_oneof![
            Just(MessageState::Sending { until: at(90) }),
            Just(waiting()),
            Just(MessageState::Sent(taken_over("a"))),
            Just(MessageState::Sent(taken_over(""))),
            Just(MessageState::Failed { at: at(0), reason: "x".to_owned(), sent: None }),
            Just(MessageState::Skipped { at: at(0), reason: SkipReason::LinkNotActive }),
        ]
    }

    proptest! {
        #[test]
        fn in_whatever_order_reports_come_what_is_known_stays_known(
            first in any_state(), reports in proptest::collection::vec(any_report(), 1..8),
        ) {
            let mut state = first;
            for (number, report) in reports.iter().enumerate() {
                let now = at(i64::try_from(number).unwrap());
                let line = tried(ProviderKind::Webhook);
                let next = report.applied(Some(&state), Some(&line), now).unwrap().unwrap_or_else(|| state.clone());
                prop_assert_eq!(report.applied(Some(&next), Some(&line), now), Ok(None), "it is told once");
                let handover = |state: &MessageState| match state {
                    MessageState::Sent(handover) => Some(handover.clone()),
                    MessageState::Failed { sent, .. } => sent.clone(),
                    MessageState::Queued { .. }
                    | MessageState::Sending { .. }
                    | MessageState::Waiting { .. }
                    | MessageState::Skipped { .. } => None,
                };
                if let MessageState::Failed { at, reason, .. } = &state {
                    let MessageState::Failed { at: then, reason: why, .. } = &next else {
                        panic!("a failure stays one: {next:?}")
                    };
                    prop_assert_eq!((at, reason), (then, why));
                }
                if let Some(known) = handover(&state) {
                    let then = handover(&next).unwrap();
                    prop_assert_eq!((known.at, known.metered), (then.at, then.metered));
                    prop_assert_eq!(known.counts_since, then.counts_since, "usage that is settled stays");
                    prop_assert!(known.delivered_at.is_none() || known.delivered_at == then.delivered_at);
                    prop_assert!(known.provider_id.is_empty() || known.provider_id == then.provider_id);
                    let is_failed = |state: &MessageState| matches!(state, MessageState::Failed { .. });
                    prop_assert!(known.delivered_at.is_none() || is_failed(&state) == is_failed(&next));
                }
                prop_assert_eq!(next.due_at(), None, "nobody sends it again");
                state = next;
            }
        }
    }
}
