//! Reminding: when a link is looked at, what stands against it, and who gets which message.

use super::*;
use crate::business::reminders::{ReminderAnchor, ReminderDistance, ReminderMoment, ReminderSettings};
use crate::business::settings::Settings;

const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;

fn moment(when: ReminderAnchor, hours: i64) -> ReminderMoment {
    ReminderMoment { when, distance: ReminderDistance::Hours(hours) }
}

/// Reminds an hour after the making and three hours before the end; the zone is UTC, and the hours the usual ones.
fn settings() -> Settings {
    let at = vec![moment(ReminderAnchor::AfterCreation, 1), moment(ReminderAnchor::BeforeExpiry, 3)];
    Settings { reminders: Some(ReminderSettings { at, ..ReminderSettings::default() }), ..Settings::default() }
}

fn rules(settings: &Settings) -> ReminderRules<'_> {
    ReminderRules { settings, why_not: None, room: None }
}

/// A link that ends in some days, of which one address is told, made at ten in the morning.
fn told(settings: &Settings, days: i64) -> (PaymentLink, i64) {
    let ten = (0..DAY).find(|minute| jiff::tz::TimeZone::UTC.to_datetime(at(*minute)).hour() == 10).unwrap();
    let recipient = recipient_at("one@example.com", 1);
    let expires_at = at(ten + days * DAY);
    let terms = Terms { recipients: vec![recipient], expires_at, ..terms(GatewayKind::Zarinpal, LatePayment::Refund) };
    let token = PayToken::from_random([1; 16]);
    let link = PaymentLink::new(business(), token, "https://pay.example", "h".to_owned(), terms, at(ten));
    (link.reminding(settings, false), ten)
}

fn recipient_at(to: &str, round: u32) -> Recipient {
    Recipient {
        id: MessageId::of(&LinkId::of(&PayToken::from_random([1; 16])), round, "email", to),
        channel: Channel::Email,
        network: None,
        to: to.to_owned(),
        people: vec![],
        stands_in_for: vec![],
    }
}

fn swept(link: &PaymentLink, settings: &Settings, minute: i64) -> PaymentLink {
    link.lease_due(Some(rules(settings)), at(minute)).map_or_else(|| link.clone(), |(link, _)| link)
}

#[test]
fn a_link_is_looked_at_when_its_next_reminder_is_due_and_its_end_comes_first() {
    let settings = settings();
    let (link, ten) = told(&settings, 3);
    assert_eq!((link.reminder_due_at(), link.due_at()), (Some(at(ten + HOUR)), Some(at(ten + HOUR))));
    assert_eq!(link.lease_due(Some(rules(&settings)), at(ten + HOUR - 1)), None);
    assert_eq!(link.lease_due(None, at(ten + HOUR)), None, "without rules nobody is reminded");
    let once = swept(&link, &settings, ten + HOUR);
    assert_eq!(once.reminders().len(), 1);
    assert!(once.needs_delivery(), "the stream brings it to who sends");
    // Three hours before the end it is seven: it waits for nine.
    assert_eq!(once.reminder_due_at(), Some(at(ten + 3 * DAY - HOUR)));
    let over = swept(&once, &settings, ten + 3 * DAY);
    assert_eq!((over.reminders().len(), over.due_at()), (1, None));
}

#[test]
fn a_link_with_its_own_moments_and_with_reminders_is_read_as_it_was_written() {
    let settings = settings();
    let (link, ten) = told(&settings, 3);
    let own = Some(vec![moment(ReminderAnchor::AfterDue, 2)]);
    let link = swept(&link, &settings, ten + HOUR);
    let link = link.amended(Terms { reminders: own, ..link.terms().clone() }, at(ten + HOUR)).unwrap();
    assert_eq!((link.reminders().len(), link.terms().reminders.as_ref().map(Vec::len)), (1, Some(1)));
    assert_eq!(serde_json::from_value::<PaymentLink>(serde_json::to_value(&link).unwrap()).unwrap(), link);
}

#[test]
fn what_stands_against_a_reminder_puts_it_off_or_ends_it() {
    let settings = settings();
    let (link, ten) = told(&settings, 3);
    let asked = |why_not| {
        let rules = ReminderRules { settings: &settings, why_not: Some(why_not), room: None };
        link.lease_due(Some(rules), at(ten + HOUR)).unwrap().0
    };
    for over in [NotReminded::ItemPaid, NotReminded::NotWanted] {
        let link = asked(over);
        assert_eq!((link.reminders().len(), link.reminder_due_at()), (0, Some(at(ten + 3 * DAY - HOUR))));
    }
    let suspended = asked(NotReminded::Suspended);
    assert_eq!((suspended.reminders().len(), suspended.reminder_due_at()), (0, Some(at(ten + HOUR + DAY))));
    assert_eq!(swept(&suspended, &settings, ten + HOUR + DAY).reminders().len(), 1, "it is not suspended any more");
    // Somebody is paying, and then nobody paid.
    let (paying, id) = begun(&link, 1, ten + HOUR - 1);
    let put_off = swept(&paying, &settings, ten + HOUR);
    // What was paid in the last moment of the session is known by then.
    let known = later(put_off.attempt(&id).unwrap().deadline, LEASE);
    assert_eq!((put_off.reminders().len(), put_off.reminder_due_at()), (0, Some(known)));
    let reported = paying.apply_answer(&id, &GatewayAnswer::Processing, Hint::Paid, at(ten + HOUR - 1)).unwrap().link;
    assert_eq!(swept(&reported, &settings, ten + HOUR).reminders(), []);
    let reminder = swept(&link, &settings, ten + HOUR).reminders()[0].clone();
    assert!(!reported.may_remind(&reminder, at(ten + HOUR)) && link.may_remind(&reminder, at(ten + HOUR)));
}

#[test]
fn a_reminder_goes_to_whom_it_was_decided_for_and_to_each_address_once() {
    let settings = settings();
    let (link, ten) = told(&settings, 3);
    let once = swept(&link, &settings, ten + HOUR);
    let ids = |link: &PaymentLink| {
        let reminds = |message: &MessageOfLink<'_>| matches!(message.about, MessageAbout::Reminds(_));
        let reminding: Vec<_> = link.messages().filter(reminds).map(|message| message.recipient.into_owned()).collect();
        reminding.into_iter().map(|one| (one.to, one.id)).collect::<Vec<_>>()
    };
    let first = ids(&once);
    assert_eq!(first.iter().map(|(to, _)| to.as_str()).collect::<Vec<_>>(), ["one@example.com"]);
    let asked: Vec<&MessageId> = once.recipients().map(|recipient| &recipient.id).collect();
    assert!(!asked.contains(&&first[0].1), "it is a message of its own");
    let round = MessageRound {
        version: 0,
        at: at(0),
        message: MessageChoice::Default { channels: vec![Channel::Email] },
        recipients: vec![recipient_at("one@example.com", 2), recipient_at("two@example.com", 2)],
        unreached: vec![],
    };
    let again = once.resend(round, at(ten + 2 * HOUR)).unwrap();
    assert_eq!(ids(&again), first, "who was told later was not reminded before");
    let second = swept(&again, &settings, ten + 3 * DAY - HOUR);
    let told: Vec<String> = ids(&second).into_iter().map(|(to, _)| to).collect();
    assert_eq!(told, ["one@example.com", "one@example.com", "two@example.com"]);
}

#[test]
fn a_reminder_asks_for_what_is_due_by_its_date_and_for_no_more_than_the_item_has_left() {
    let settings = settings();
    let (link, ten) = told(&settings, 10);
    let part = |amount, day: i64| Part { amount, due_at: at(ten + day * DAY) };
    let plan = PaymentPlan::Parts(vec![part(500_000, 4), part(1_000_000, 8)]);
    let link = link.amended(Terms { plan: Some(plan), ..link.terms().clone() }, at(ten)).unwrap();
    let rules = ReminderRules { settings: &settings, why_not: None, room: Some(300_000) };
    let (guarded, _) = link.lease_due(Some(rules), at(ten + HOUR)).unwrap();
    let said = |link: &PaymentLink| {
        let context = link.reminder_context(&link.reminders()[0], "https://pay.example/p/1");
        (context.amount, context.expires_at, context.due_at)
    };
    assert_eq!(said(&guarded), (rial(300_000), at(ten + 4 * DAY), Some(at(ten + 4 * DAY))));
    let plain = swept(&link, &settings, ten + HOUR);
    assert_eq!(said(&plain).0, rial(500_000));
    // What is overdue is asked for until when the link can be paid.
    let late = swept(&link, &settings, ten + 5 * DAY);
    assert_eq!(said(&late), (rial(500_000), at(ten + 10 * DAY), Some(at(ten + 4 * DAY))));
    let reminder = late.reminders()[0].clone();
    assert!(late.may_remind(&reminder, at(ten + 5 * DAY)));
    let paid = {
        let money = rial(500_000);
        let attempt = Attempt { money, ..attempt(&late, 1, ten + 5 * DAY) };
        let id = attempt.id.clone();
        let begun = late.begin_attempt(attempt, at(ten + 5 * DAY)).unwrap();
        begun.apply_answer(&id, &GatewayAnswer::Paid(payment(500_000)), Hint::Paid, at(ten + 5 * DAY)).unwrap().link
    };
    assert!(!paid.may_remind(&reminder, at(ten + 5 * DAY + 1)), "that part is paid, and the next is not due");
}

proptest! {
    #[test]
    fn however_runs_come_nobody_is_reminded_twice_a_day_outside_open_hours_or_after_paying(
        moments in prop::collection::vec((0_usize..4, 1_i64..60), 1..6),
        due in -2_i64..6,
        pauses in prop::collection::vec(1_i64..2000, 1..30),
        pays_at in 0_i64..8 * DAY,
    ) {
        let at_each = |(when, hours): (usize, i64)| moment(ReminderAnchor::ALL[when], hours);
        let reminders = ReminderSettings { at: moments.into_iter().map(at_each).collect(), ..ReminderSettings::default() };
        let settings = Settings { reminders: Some(reminders.clone()), ..Settings::default() };
        let (link, ten) = told(&settings, 5);
        let terms = Terms { due_at: Some(at(ten + due * DAY)), ..link.terms().clone() };
        let mut link = link.amended(terms, at(ten)).unwrap().reminding(&settings, false);
        let (mut minute, mut paid) = (ten, None);
        for pause in pauses {
            minute += pause;
            if paid.is_none() && minute >= ten + pays_at && link.is_payable(at(minute)) {
                let (begun, id) = begun(&link, 1, minute);
                link = begun.apply_answer(&id, &self::paid(), Hint::Paid, at(minute)).unwrap().link;
                paid = Some(minute);
            }
            link = swept(&link, &settings, minute);
            prop_assert!(link.reminder_due_at().is_none_or(|due| due > at(minute)), "it is due for ever");
        }
        let utc = jiff::tz::TimeZone::UTC;
        for reminder in link.reminders() {
            prop_assert_eq!(reminders.first_open(reminder.at, &utc), Some(reminder.at));
            prop_assert!(reminder.at < link.terms().expires_at);
            prop_assert!(paid.is_none_or(|minute| reminder.at < at(minute)));
            prop_assert_eq!(reminder.is_overdue, at(ten + due * DAY) <= reminder.at);
        }
        for two in link.reminders().windows(2) {
            prop_assert!(utc.to_datetime(two[0].at).date() < utc.to_datetime(two[1].at).date());
        }
    }
}
