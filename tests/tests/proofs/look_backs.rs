//! A thousand looks at accounts' own lists, with trouble in between: people refund in dashboards, banks send refunds back and
//! take money after disputes, no gateway ever calls, and whatever can go wrong with a call does, by chance. Every ten days
//! there is one without trouble, after which the books of each business say what the gateways hold.
//!
//! `make test-look-backs` makes a thousand, `LOOKS=5000` more, `PAYLINK_SECONDS=60` as many as there is time for. Each seed is
//! another story; `FIRST_SEED=…` tells one again.

use std::time::Duration;

use paylink_local::seed::{BAZAAR, DEMO};
use serde_json::{Value, json};
use tests::fault_proxy::Fault;
use tests::faulty_world::{FaultyWorld, Made, key_of};
use tests::invariants::Stage;
use tests::seeded::Seeded;
use tests::time_box::TimeBox;

/// The number of looks unless `LOOKS` names another.
const FEW: usize = 40;

/// A third of what two processors make in a minute, or less.
const LEAST_IN_A_MINUTE: usize = 100;

/// The accounts whose gateways show what happened. At Stripe both businesses are one merchant.
const ACCOUNTS: [(&str, &str); 4] = [(DEMO, "euro"), (DEMO, "mollie"), (DEMO, "rupee"), (BAZAAR, "main")];

/// Payments of each account.
const PAYMENTS: usize = 3;

const HOUR: Duration = Duration::from_secs(3_600);

/// A link that is paid, of which no gateway's server tells.
async fn paid(world: &FaultyWorld, (business, account): (&'static str, &'static str), number: usize) -> Made {
    let body = json!({ "account_id": account, "contact_id": "c-1042", "amount": 20_000, "expires_in_days": 7 });
    let link = world.make_link_as(key_of(business), &body, &format!("{account}-{number}")).await;
    let page = world.go_to_gateway(&link).await;
    let back = world.choose(&page, "paid_no_webhook").await.unwrap();
    world.open(&back).await.unwrap();
    link
}

/// Calls of the sweep go wrong, as often as chance has it on this day.
fn plan_trouble(world: &FaultyWorld, chance: &mut Seeded) {
    let once_in = chance.one_of(&[0_usize, 60, 20, 8]);
    let mut of_calls = Seeded::new(u64::try_from(chance.below(usize::MAX)).unwrap());
    world.proxy.decide(move |_, call| {
        // The sixteen questions of every run for what is due would take all the faults.
        let is_rare = call.operation == "Query" && !of_calls.once_in(10);
        let is_hit = once_in > 0 && !is_rare && of_calls.once_in(once_in);
        is_hit.then(|| of_calls.one_of(&Fault::ALL))
    });
}

/// A run of the schedule, and how many accounts it looked at.
async fn sweep(world: &FaultyWorld) -> usize {
    let swept = world.sweep().await.and_then(Result::ok).unwrap_or(Value::Null);
    swept["looked_back"].as_u64().map_or(0, |looks| usize::try_from(looks).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_no_gateway_calls_about_is_in_the_books_once() {
    let _alone = crate::ONE_AT_A_TIME.lock().await;
    let time = TimeBox::from_environment();
    let named = |variable: &str| std::env::var(variable).ok().and_then(|number| number.parse::<usize>().ok());
    let drawn = || time.as_ref().map_or(1, |time| time.chance().below(1_000_000_000));
    let seed = named("FIRST_SEED").unwrap_or_else(drawn);
    let wanted = if time.is_some() { usize::MAX } else { named("LOOKS").unwrap_or(FEW) };
    let mut chance = Seeded::new(u64::try_from(seed).unwrap());
    let (mut looks, mut happened, mut day) = (0, 0, 0_usize);
    let mut world = FaultyWorld::start(3600).await;
    let mut links = Vec::new();
    // It ends with a day without trouble.
    let is_over = |looks| looks >= wanted || time.as_ref().is_some_and(TimeBox::is_over);
    while day % 10 != 0 || !is_over(looks) {
        // What a link has room for is used up after some months.
        if day % 100 == 0 {
            world = FaultyWorld::start(3600).await;
            links.clear();
            for account in ACCOUNTS {
                for number in 0..PAYMENTS {
                    links.push(paid(&world, account, number).await);
                }
            }
        }
        for _ in 0..2 + chance.below(4) {
            let link = &links[chance.below(links.len())];
            happened += usize::from(world.happen_at_gateway(link, &mut chance).await.is_some());
        }
        plan_trouble(&world, &mut chance);
        world.turn_time(25 * HOUR);
        for _ in 0..1 + chance.below(3) {
            looks += sweep(&world).await;
            world.turn_time(HOUR + HOUR / 60);
        }
        day += 1;
        let wrong = world.look();
        assert!(wrong.is_empty(), "seed {seed}, day {day}: {wrong:#?}");
        world.proxy.record();
        world.bring_stream().await;
        if day % 10 == 0 {
            world.turn_time(25 * HOUR);
            looks += sweep(&world).await;
            world.confirm().await;
            let wrong = world.check(Stage::CaughtUp).await.0;
            assert!(wrong.is_empty(), "seed {seed}, day {day}: {wrong:#?}");
        }
    }
    assert!(happened > 0);
    println!("{looks} looks found {happened} things that no gateway called about, from seed {seed} on.");
    if let Some(time) = time {
        time.close("looks", looks, None, LEAST_IN_A_MINUTE);
    }
}
