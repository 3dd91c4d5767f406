//! What totals of a business with very many links take of the function that adds them up: how many calls, how much of a
//! processor, and how much memory.
//!
//! Only what the index of lists shows is put into the table, in the shape of a link and of a receipt that functions made.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue as Value;
use domain::Timestamp;
use dynoxide::{AttributeValue, ImportOptions, Item};
use jiff::SignedDuration;
use paylink_local::seed::DEMO;
use tests::engine::id_of_copy;

use crate::growth::turn_stream_off;
use crate::steps;
use crate::world::World;
use tests::lambda::Lambda;

/// The numbers of links that are over, of which each was paid, and of links that are live.
const LINKS: usize = 365_000;
const LIVE: usize = 100_000;

const BATCH: usize = 5000;
const YEAR: i64 = 365;

/// Lambda gives a function so many megabytes' share of a processor as the template gives it of this.
const MEGABYTES_OF_A_PROCESSOR: f64 = 1769.0;
const MEGABYTES: f64 = 256.0;

pub(crate) async fn measure() {
    let of = |name: &str, count| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(count);
    let (links, live) = (of("LINKS", LINKS), of("LIVE", LIVE));
    let world = World::start().await;
    turn_stream_off(&world).await;
    let began = Timestamp::now() - SignedDuration::from_hours((YEAR + 1) * 24);
    world
        .table
        .update_item()
        .table_name(world.cloud.store.table())
        .key("pk", Value::S(format!("config#{DEMO}")))
        .key("sk", Value::S("business".to_owned()))
        .update_expression("SET created_at = :at")
        .expression_attribute_values(":at", Value::S(began.to_string()))
        .condition_expression("attribute_exists(created_at)")
        .send()
        .await
        .expect("the business is there");
    let at = |number: usize, of: usize| {
        let seconds = (YEAR - 2) * 86_400 * i64::try_from(number).unwrap() / i64::try_from(of).unwrap();
        began + SignedDuration::from_hours(24) + SignedDuration::from_secs(seconds)
    };
    fill(&world, live, |number| entry("link", &format!("live#{DEMO}"), "aos", number, at(number, live), false));
    fill(&world, links, |number| {
        let (number, at) = (number + live, at(number, links));
        entry("link", &format!("over#{DEMO}#{}", at.strftime("%Y-%m")), "pobs", number, at, false)
    });
    fill(&world, links, |number| {
        let (number, at) = (number + live, at(number, links));
        entry("receipt", &format!("receipts#{DEMO}#{}", at.strftime("%Y-%m")), "", number, at, true)
    });
    println!("{links} links that are over, as many receipts, and {live} links that are live");
    let from = began.strftime("%Y-%m-%d");
    println!("| call | answer | ms | ms of a processor | seconds of Lambda's share of one | peak memory, MiB |");
    println!("|---|---|---|---|---|---|");
    for round in ["first", "again"] {
        for grouping in ["month", "day", "account", "created_by"] {
            let mut function = Lambda::start(&world.program("crm-api", &world.endpoint())).await;
            let mut spent = function.processor_time();
            for call in 1.. {
                let (answer, took) = function.invoke(steps::totals(&format!("from={from}&group_by={grouping}"))).await;
                let now = function.processor_time();
                print(&format!("{round}, {grouping}, {call}"), &answer, took, now - spent, function.peak_memory());
                spent = now;
                match steps::status(&answer) {
                    200 => break,
                    409 if answer.to_string().contains("totals_not_ready") => {}
                    _ => panic!("{answer}"),
                }
            }
        }
    }
}

fn print(what: &str, answer: &serde_json::Value, took: Duration, processor: Duration, memory: u64) {
    let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
    let of_lambda = processor.as_secs_f64() * MEGABYTES_OF_A_PROCESSOR / MEGABYTES;
    let memory = f64::from(u32::try_from(memory / 1024).unwrap()) / 1024.0;
    let (took, status) = (milliseconds(took), steps::status(answer));
    println!("| {what} | {status} | {took:.0} | {:.0} | {of_lambda:.1} | {memory:.1} |", milliseconds(processor));
}

/// The item of a link or of a receipt, as far as the index shows it.
fn entry(kind: &str, list: &str, flags: &str, number: usize, at: Timestamp, is_receipt: bool) -> Item {
    let (id, seconds, amount) = (id_of_copy(number), at.as_second(), 10_000 + number);
    let facts = if is_receipt {
        format!("sandbox {amount:x} IRR zarinpal main ~ {seconds:x} ~")
    } else {
        format!("{flags}Z {:x} {:x} {amount:x} IRR main 5b2f1c", seconds + 800 * 86_400, seconds + 30 * 86_400)
    };
    let texts = [
        ("pk", format!("{kind}#{id}")),
        ("sk", kind.to_owned()),
        ("by_state", list.to_owned()),
        ("listed_at", format!("{:013}#{id}", at.as_millisecond())),
        ("facts", facts),
    ];
    texts.map(|(name, text)| (name.to_owned(), AttributeValue::S(text))).into()
}

fn fill(world: &World, count: usize, entry: impl Fn(usize) -> Item) {
    let numbers: Vec<usize> = (0..count).collect();
    for numbers in numbers.chunks(BATCH) {
        let items: Vec<Item> = numbers.iter().map(|number| entry(*number)).collect();
        let table = world.cloud.store.table();
        let imported = world.database.import_items(table, items, ImportOptions::default()).unwrap();
        assert_eq!(imported.items_imported, numbers.len());
    }
}
