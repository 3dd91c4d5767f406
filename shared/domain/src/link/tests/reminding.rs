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

#[test]
fn who_wants_a_reminder_now_gets_it_in_hours_once_a_day_and_whatever_the_moments_say() {
    let nothing_said = Settings::default();
    let (link, ten) = told(&nothing_said, 3);
    assert_eq!(link.reminder_due_at(), None);
    let now = |link: &PaymentLink, minute| link.remind_now(rules(&nothing_said), at(minute));
    let once = now(&link, ten + HOUR).unwrap();
    assert_eq!((once.reminders().len(), once.reminders()[0].at), (1, at(ten + HOUR)));
    assert!(once.needs_delivery() && once.version() == link.version() + 1);
    assert_eq!(now(&once, ten + 2 * HOUR), Err(RemindRefused::AlreadyToday));
    assert_eq!(now(&once, ten + DAY).unwrap().reminders().len(), 2);
    let opens = RemindRefused::NotBefore { at: Some(at(ten + DAY - HOUR)), why: ReminderWait::OpenHours };
    assert_eq!(now(&link, ten + 12 * HOUR), Err(opens), "at ten in the evening it waits for nine");
    let never = RemindRefused::NotBefore { at: None, why: ReminderWait::OpenHours };
    let (short, _) = told(&nothing_said, 1);
    let at_night = short.amended(Terms { expires_at: at(ten + 14 * HOUR), ..short.terms().clone() }, at(ten)).unwrap();
    assert_eq!(now(&at_night, ten + 12 * HOUR), Err(never), "it ends before nine");
    // One that reminds of itself does so on another day.
    let settings = settings();
    let by_itself = told(&settings, 3).0;
    let asked = by_itself.remind_now(rules(&settings), at(ten + HOUR - 1)).unwrap();
    assert_eq!(asked.reminder_due_at(), Some(at(ten + 3 * DAY - HOUR)));
}

#[test]
fn nobody_is_reminded_because_somebody_wants_it_who_pays_paid_or_wants_none() {
    let settings = settings();
    let (link, ten) = told(&settings, 3);
    let now = at(ten + HOUR);
    let with = |why_not| {
        let rules = ReminderRules { settings: &settings, why_not: Some(why_not), room: None };
        link.remind_now(rules, now).unwrap_err()
    };
    assert_eq!(with(NotReminded::ItemPaid), RemindRefused::NothingToPay);
    assert_eq!(with(NotReminded::NotWanted), RemindRefused::NotWanted);
    let until = at(ten + DAY);
    let quota = RemindRefused::NotBefore { at: Some(until), why: ReminderWait::QuotaReached };
    assert_eq!(with(NotReminded::QuotaReached { until }), quota);
    let suspended = RemindRefused::NotBefore { at: None, why: ReminderWait::Suspended };
    assert_eq!(with(NotReminded::Suspended), suspended);
    let refused = |link: &PaymentLink| link.remind_now(rules(&settings), now).unwrap_err();
    let without = |terms: Terms| link.amended(terms, at(ten)).unwrap();
    assert_eq!(refused(&without(Terms { reminders: Some(vec![]), ..link.terms().clone() })), RemindRefused::NotWanted);
    let (paying, id) = begun(&link, 1, ten + HOUR - 1);
    assert_eq!(refused(&paying), RemindRefused::MayBePaid);
    let money = payment(paying.amount_due().minor_units());
    let paid = paying.apply_answer(&id, &GatewayAnswer::Paid(money), Hint::Paid, now).unwrap().link;
    assert_eq!(refused(&paid), RemindRefused::NothingToPay);
    let nobody = PaymentLink::new(
        business(),
        PayToken::from_random([2; 16]),
        "https://pay.example",
        "h".to_owned(),
        Terms { recipients: vec![], ..link.terms().clone() },
        at(ten),
    );
    assert_eq!(refused(&nobody), RemindRefused::NobodyTold);
    let ended = link.remind_now(rules(&settings), at(ten + 3 * DAY));
    assert_eq!(ended.unwrap_err(), RemindRefused::NothingToPay);
}

#[test]
fn a_reminder_waits_where_the_business_has_sent_as_much_as_it_may() {
    let settings = settings();
    let (link, ten) = told(&settings, 3);
    let until = at(ten + 14 * HOUR);
    let rules = ReminderRules { settings: &settings, why_not: Some(NotReminded::QuotaReached { until }), room: None };
    let waits = link.lease_due(Some(rules), at(ten + HOUR)).unwrap().0;
    // It may again at midnight, and its hours begin at nine.
    assert_eq!((waits.reminders().len(), waits.reminder_due_at()), (0, Some(at(ten + DAY - HOUR))));
}
