use serde_json::json;

use super::*;
use crate::gateway::Mode;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn batch() -> Batch {
    let business = BusinessId::parse("shop").unwrap();
    let defaults =
        json!({ "account_id": "main", "recipients": { "contact": true }, "expires_in_days": 3, "contact_id": "c-1" });
    let id = BatchId::of(&business, "k-1");
    Batch::begun(id, business, wish(defaults.as_object().unwrap().clone()), None, at("2026-12-01T08:00:00Z"))
}

fn wish(defaults: Map<String, Value>) -> BatchWish {
    BatchWish {
        work: BatchWork::Create,
        source: None,
        defaults,
        format: ExportFormat::Xlsx,
        locale: Locale::parse("fa").unwrap(),
        per_minute: USUALLY_PER_MINUTE,
        integration: "crm".to_owned(),
        base: "https://pay.example".to_owned(),
        requested_by: CreatedBy::parse("crm").unwrap(),
    }
}

fn row(number: u32, outcome: Outcome, amount: i64) -> CheckedRow {
    let problem = RowProblem {
        row: Some(number),
        column: Some("Amount (EUR)".to_owned()),
        cell: Some(format!("C{number}")),
        pointer: "/amount".to_owned(),
        code: "invalid_amount".to_owned(),
        detail: "no amount".to_owned(),
    };
    CheckedRow {
        key: format!("k-{number}"),
        outcome,
        amount: Some(amount),
        currency: Some("EUR".to_owned()),
        mode: Some(Mode::Live),
        messages: MessageCounts { sms: 1, sms_segments: 2, ..MessageCounts::default() },
        problems: if outcome == Outcome::Wrong { vec![problem] } else { Vec::new() },
        ..CheckedRow::blank(number)
    }
}

fn plainly() -> BatchRun {
    BatchRun::default()
}

fn without_the_wrong() -> BatchRun {
    BatchRun { skips_wrong: true, ..plainly() }
}

fn at_a_rate(per_minute: u32) -> BatchRun {
    BatchRun { per_minute: Some(per_minute), ..plainly() }
}

/// A batch of two slices that was checked.
fn checked(outcomes: [Outcome; 2]) -> Batch {
    let now = at("2026-12-01T08:05:00Z");
    let checking = batch().to_check(now).unwrap();
    let report = BatchReport::of_file(2, Vec::new(), vec!["Remark".to_owned()]);
    let read = checking.leased(now).unwrap().read(2, report, now);
    let first = read.looked_through(&[row(2, outcomes[0], 500)], now);
    first.looked_through(&[row(3, outcomes[1], 700)], now).checked(1_000, now)
}

#[test]
fn a_batch_is_read_back_as_it_was_written_at_every_step() {
    let now = at("2026-12-01T09:00:00Z");
    let ready = checked([Outcome::Ready, Outcome::Ready]);
    let running = ready.to_run(at_a_rate(60), now).unwrap();
    let waiting = running.left(now, Some(BatchWait::QuotaReached));
    let paused = running.paused(now).unwrap();
    let closing = running.cancelled(now).unwrap();
    let failed = batch().to_check(now).unwrap().failed(BatchFailure::OpenQuote, Some(3), now);
    let mut seen = Vec::new();
    for batch in [batch(), ready, running, waiting, paused, closing.clone(), closing.over(Some(9), now), failed] {
        let written = serde_json::to_value(&batch).unwrap();
        assert!(written["wish"]["defaults"].is_string());
        assert_eq!(serde_json::from_value::<Batch>(written).unwrap(), batch);
        seen.push(batch.status());
    }
    assert_eq!(seen, ["awaiting_file", "checked", "running", "waiting", "paused", "closing", "cancelled", "failed"]);
}

#[test]
fn a_row_says_more_than_what_is_said_of_all_and_nothing_is_said_twice() {
    let batch = batch();
    let row = |row: Value| Value::Object(batch.body_of(row.as_object().unwrap()));
    assert_eq!(
        row(json!({ "contact": { "id": "c-2" }, "expires_at": "2026-12-31", "amount": 5 })),
        json!({
            "account_id": "main", "recipients": { "contact": true }, "contact": { "id": "c-2" },
            "expires_at": "2026-12-31", "amount": 5,
        })
    );
    assert_eq!(row(json!({ "contact_id": null, "account_id": "rial" }))["account_id"], "rial");
    assert_eq!(row(json!({ "item_id": "i-1" }))["contact_id"], "c-1");
}

#[test]
fn a_row_of_a_source_has_one_key_in_whichever_batch_it_comes() {
    let (one, mut other) = (batch(), batch());
    other.id = BatchId::of(&other.business, "k-2");
    assert_ne!(one.key_of_row("7"), other.key_of_row("7"));
    let named = |batch: &Batch| Batch {
        wish: BatchWish { source: Some("December".to_owned()), ..batch.wish.clone() },
        ..batch.clone()
    };
    assert_eq!(named(&one).key_of_row("7"), named(&other).key_of_row("7"));
}

#[test]
fn what_is_wrong_stands_in_the_way_until_somebody_says_that_the_rest_is_made() {
    let now = at("2026-12-01T09:00:00Z");
    let batch = checked([Outcome::Ready, Outcome::Wrong]);
    assert_eq!((batch.report.checked, batch.report.wrong, batch.report.right()), (2, 1, 1));
    assert_eq!(batch.report.problems[0].cell.as_deref(), Some("C3"));
    assert_eq!(batch.report.sums, [SumOfRows { currency: "EUR".to_owned(), mode: Mode::Live, rows: 1, amount: 500 }]);
    assert_eq!(batch.report.messages.sms_segments, 2);
    assert_eq!(batch.to_run(plainly(), now), Err(BatchRefused::RowsWrong { wrong: 1 }));
    assert_eq!(batch.to_run(without_the_wrong(), now).unwrap().status(), "running");
    let hopeless = checked([Outcome::Wrong, Outcome::AlreadyMade]);
    assert_eq!(hopeless.to_run(without_the_wrong(), now), Err(BatchRefused::NothingToMake));
    let late = at("2026-12-08T08:00:00Z");
    assert_eq!(batch.to_run(without_the_wrong(), late), Err(BatchRefused::RowsGone));
}

#[test]
fn a_slice_that_was_made_counts_whatever_somebody_said_meanwhile() {
    let now = at("2026-12-01T09:00:00Z");
    let running = checked([Outcome::Ready, Outcome::Ready]).to_run(plainly(), now).unwrap();
    let one = Tally { made: 1, ..Tally::default() };
    assert_eq!(running.made(&one, now, now).status(), "running");
    assert_eq!(running.made(&one, now, now).made(&one, now, now).status(), "closing", "it was the last");
    let paused = running.paused(now).unwrap().made(&one, now, now);
    assert_eq!((paused.status(), paused.next_slice, paused.tally.made), ("paused", 1, 1));
    let gone_on = paused.to_run(plainly(), now).unwrap();
    assert_eq!((gone_on.status(), gone_on.next_slice, gone_on.started_at), ("running", 1, Some(now)));
    let cancelled = running.cancelled(now).unwrap().made(&one, now, now);
    assert_eq!((cancelled.status(), cancelled.tally.made), ("closing", 1));
    assert_eq!(cancelled.over(Some(1), now).status(), "cancelled");
}

#[test]
fn nothing_becomes_of_a_batch_that_its_state_does_not_lead_to() {
    let now = at("2026-12-01T09:00:00Z");
    let awaiting = batch();
    assert_eq!(awaiting.to_run(plainly(), now), Err(BatchRefused::NotNow { status: "awaiting_file" }));
    assert_eq!(awaiting.paused(now), Err(BatchRefused::NotNow { status: "awaiting_file" }));
    let over = awaiting.cancelled(now).unwrap();
    assert_eq!((over.status(), over.table(now)), ("cancelled", None));
    assert_eq!(over.to_check(now), Err(BatchRefused::NotNow { status: "cancelled" }));
    assert_eq!(over.cancelled(now), Err(BatchRefused::NotNow { status: "cancelled" }));
    let running = checked([Outcome::Ready, Outcome::Ready]).to_run(plainly(), now).unwrap();
    assert_eq!(running.to_check(now), Err(BatchRefused::NotNow { status: "running" }));
    for batch in [awaiting, over, running.paused(now).unwrap()] {
        assert_eq!((batch.leased(now), batch.run_at(), batch.phase()), (None, None, None), "{}", batch.status());
    }
}

#[test]
fn another_check_forgets_what_the_one_before_found_and_reads_other_places() {
    let now = at("2026-12-01T09:00:00Z");
    let first = checked([Outcome::Ready, Outcome::Wrong]);
    let again = first.to_check(now).unwrap();
    assert_eq!((&again.report, again.slices, again.next_slice), (&BatchReport::default(), None, 0));
    assert_ne!(again.rows_key(0), first.rows_key(0));
    assert_eq!(again.upload_key(), first.upload_key());
    let (phase, bytes, until) = first.table(now).unwrap();
    assert_eq!((phase, bytes, until), (Phase::Check, 1_000, at("2026-12-08T08:05:00Z")));
    assert_eq!(first.table_name(phase, &TimeZone::UTC), "batch-check-2026-12-01.xlsx");
}

#[test]
fn the_largest_amounts_are_named_and_no_more_problems_than_an_answer_has_room_for() {
    let mut report = BatchReport::of_file(200, vec![AlikeRows { row: 3, same_as: 2 }; 30], vec!["x".to_owned(); 80]);
    assert_eq!((report.alike_count, report.alike.len(), report.ignored_columns.len()), (30, 20, 50));
    report.add(&(1..=60).map(|number| row(number, Outcome::Ready, i64::from(number) * 10)).collect::<Vec<_>>());
    report.add(&(61..=130).map(|number| row(number, Outcome::Wrong, 0)).collect::<Vec<_>>());
    let largest: Vec<u32> = report.largest.iter().map(|large| large.row).collect();
    assert_eq!(largest, [60, 59, 58, 57, 56]);
    assert_eq!((report.problem_count, report.problems.len(), report.right()), (70, 50, 60));
}

#[test]
fn a_rate_is_within_its_bounds_and_a_slice_takes_its_time() {
    assert_eq!(parse_per_minute(60), Ok(60));
    for wrong in [0, -1, 9, 6_001, i64::MAX] {
        assert_eq!(parse_per_minute(wrong).unwrap_err().code, "out_of_range");
    }
    let at_rate = |per_minute: u32| Batch { wish: BatchWish { per_minute, ..batch().wish }, ..batch() };
    let of = |per_minute: u32| at_rate(per_minute).rows_in_a_slice();
    assert_eq!(
        [10, 60, 600, 6_000].map(of),
        [1, 10, 100, 100],
        "ten seconds' worth, and no more than are worked off together"
    );
    assert_eq!(batch().time_of(100), SignedDuration::from_secs(5));
    assert_eq!(at_rate(10).time_of(1), SignedDuration::from_secs(6));
}

#[test]
fn a_batch_that_never_gets_on_is_given_up_and_one_that_does_is_not() {
    let now = at("2026-12-01T09:00:00Z");
    let hold = |batch: Batch, times: u32| (0..times).fold(batch, |batch, _| batch.leased(now).unwrap());
    let checking = batch().to_check(now).unwrap();
    assert_eq!(hold(checking.clone(), MOST_HOLDS - 1).given_up(now), None);
    assert_eq!(hold(checking.clone(), MOST_HOLDS).given_up(now).unwrap().status(), "failed");
    let got_on = hold(checking, MOST_HOLDS - 1).read(1, BatchReport::default(), now);
    assert_eq!(hold(got_on, MOST_HOLDS - 2).given_up(now), None);
    let running = checked([Outcome::Ready, Outcome::Ready]).to_run(plainly(), now).unwrap();
    let closing = hold(running, MOST_HOLDS).given_up(now).unwrap();
    assert_eq!(closing.status(), "closing");
    assert_eq!(hold(closing, MOST_HOLDS).given_up(now).unwrap().status(), "cancelled");
}

#[test]
fn who_changes_the_rate_of_a_batch_takes_it_from_nobody() {
    let now = at("2026-12-01T09:00:00Z");
    let running = checked([Outcome::Ready, Outcome::Ready]).to_run(plainly(), now).unwrap().leased(now).unwrap();
    let faster = running.to_run(at_a_rate(6_000), now).unwrap();
    assert_eq!((faster.wish.per_minute, faster.run_at()), (6_000, running.run_at()));
    let paused = running.paused(now).unwrap();
    assert_eq!(paused.cancelled(now).unwrap().run_at(), running.run_at(), "a run may be at a slice");
    let waiting = running.left(at("2026-12-02T00:00:00Z"), Some(BatchWait::QuotaReached));
    assert_eq!(waiting.cancelled(now).unwrap().run_at(), Some(now), "nobody holds it");
}

/// A batch about the overdue links of a list.
fn about_a_list() -> Batch {
    let business = BusinessId::parse("shop").unwrap();
    let chosen = ChosenLinks {
        list: "/v1/payment-links?status=active".to_owned(),
        filter: Box::default(),
        is_newest_first: false,
    };
    let wish = BatchWish { work: BatchWork::Remind(chosen), ..wish(Map::new()) };
    Batch::begun(BatchId::of(&business, "k-2"), business, wish, None, at("2026-12-01T08:00:00Z"))
}

#[test]
fn a_batch_of_a_list_waits_for_no_file_and_its_list_is_read_on_from_where_it_was() {
    let now = at("2026-12-01T08:00:00Z");
    let batch = about_a_list();
    assert_eq!((batch.status(), batch.run_at(), batch.awaits_upload()), ("checking", Some(now), false));
    let reading = ListReading { slices: 3, rows: 250, goes_on_at: "cursor".to_owned() };
    let read_on = batch.leased(now).unwrap().read_on(reading.clone(), now);
    assert_eq!((&read_on.reading, read_on.slices, read_on.status()), (&Some(reading), None, "checking"));
    assert_eq!(serde_json::from_value::<Batch>(serde_json::to_value(&read_on).unwrap()).unwrap(), read_on);
    let read = read_on.read(4, BatchReport::of_file(320, vec![], vec![]), now);
    assert_eq!((&read.reading, read.slices), (&None, Some(4)));
    let again = read.checked(1, now).to_check(now).unwrap();
    assert_eq!((again.check, &again.reading, again.slices), (2, &None, None));
}

#[test]
fn what_is_run_is_what_somebody_says_they_have_read() {
    let now = at("2026-12-01T09:00:00Z");
    let batch = checked([Outcome::Ready, Outcome::Ready]);
    let of = |check| BatchRun { of_check: Some(check), ..plainly() };
    assert_eq!(batch.to_run(of(batch.check + 1), now), Err(BatchRefused::CheckedAgain { check: batch.check }));
    assert_eq!(batch.to_run(of(batch.check), now).unwrap().status(), "running");
}

#[test]
fn a_slice_is_taken_for_begun_since_the_one_before_it_or_since_somebody_had_it_go_on() {
    let at_nine = at("2026-12-01T09:00:00Z");
    let (at_ten, at_noon) = (at("2026-12-01T10:00:00Z"), at("2026-12-01T12:00:00Z"));
    let ready = Batch { wish: about_a_list().wish, ..checked([Outcome::Ready, Outcome::Ready]) };
    let running = ready.to_run(plainly(), at_nine).unwrap();
    assert_eq!(running.slice_from, Some(at_nine));
    let one = Tally { made: 1, ..Tally::default() };
    let next = running.made(&one, at_ten, at_ten);
    assert_eq!(next.slice_from, Some(at_ten));
    assert_eq!(next.left(at_noon, Some(BatchWait::QuotaReached)).slice_from, Some(at_ten), "it may be half done");
    let idle = next.paused(at_ten).unwrap().to_run(plainly(), at_noon).unwrap();
    assert_eq!(idle.slice_from, Some(at_noon), "nobody had begun it");
    let held = next.leased(at_ten).unwrap().paused(at_ten).unwrap().to_run(plainly(), at_noon).unwrap();
    assert_eq!(held.slice_from, Some(at_ten));
}
