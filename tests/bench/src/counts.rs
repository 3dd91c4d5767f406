//! What each operation asks of DynamoDB, of the built functions, and what all of it comes to in the life of a link.

use std::collections::BTreeMap;

use serde_json::json;
use tests::meter::{Meter, Usage};

use crate::lambda::Lambda;
use crate::report::Count;
use crate::steps::{self, Customer};
use crate::warm::{make_due, news_of};
use crate::world::World;

/// So many links expire at once.
const DUE: usize = 100;

pub(crate) async fn measure(world: &World) -> BTreeMap<String, Count> {
    let meter = Meter::start(&world.endpoint(), &world.table, world.cloud.store.table()).await;
    let program = |name: &str| world.program(name, &meter.endpoint());
    let mut create = Lambda::start(&program("create-link")).await;
    let mut pay = Lambda::start(&program("pay-redirect")).await;
    let mut settle = Lambda::start(&program("gateway-webhook")).await;
    let mut deliver = Lambda::start(&program("deliver-messages")).await;
    let mut sweep = Lambda::start(&program("expire-links")).await;
    let mut stream = world.cloud.stream("deliver-messages").unwrap();
    let customer = Customer::new();
    let schedule = json!({ "source": "schedule" });
    let mut counts = BTreeMap::new();
    // In the first round the functions read what they read only once.
    for _ in 0..2 {
        meter.take();
        let made = create.invoke(steps::create()).await.0;
        counts.insert("1 create".to_owned(), count(&meter.take(), 1));
        let url = steps::made_url(&made);
        let link = std::slice::from_ref(&url);
        let records = news_of(&mut stream, link, 1).await;
        let (told, _) = deliver.invoke(json!({ "Records": records })).await;
        assert_eq!(told["batchItemFailures"], json!([]), "were all functions built from the same source?");
        counts.insert("2 deliver a message and an event".to_owned(), count(&meter.take(), 1));
        let page = steps::location(&pay.invoke(steps::open(&url)).await.0);
        counts.insert("3 pay, first visit".to_owned(), count(&meter.take(), 1));
        let records = news_of(&mut stream, link, 1).await;
        let (told, _) = deliver.invoke(json!({ "Records": records })).await;
        assert_eq!(told["batchItemFailures"], json!([]), "were all functions built from the same source?");
        counts.insert("4 deliver an event".to_owned(), count(&meter.take(), 1));
        pay.invoke(steps::open(&url)).await;
        counts.insert("5 pay, a later visit".to_owned(), count(&meter.take(), 1));
        let back = customer.pay(&page).await;
        steps::location(&settle.invoke(steps::open(&back)).await.0);
        counts.insert("6 settle".to_owned(), count(&meter.take(), 1));
        let records = news_of(&mut stream, link, 1).await;
        let (told, _) = deliver.invoke(json!({ "Records": records })).await;
        assert_eq!(told["batchItemFailures"], json!([]), "were all functions built from the same source?");
        counts.insert("7 deliver two events".to_owned(), count(&meter.take(), 1));
        pay.invoke(steps::open(&format!("{url}/result"))).await;
        counts.insert("8 show the result".to_owned(), count(&meter.take(), 1));
        sweep.invoke(schedule.clone()).await;
        counts.insert("9 a sweep without work".to_owned(), count(&meter.take(), 1));
    }
    let urls = world.make(&steps::create_quietly(), DUE).await;
    make_due(world, &urls).await;
    meter.take();
    sweep.invoke(schedule).await;
    let mut expired = meter.take();
    let idle = &counts["9 a sweep without work"];
    expired.round_trips -= round(idle.round_trips);
    expired.read_units -= idle.read_units;
    counts.insert(format!("expire, each of {DUE}"), count(&expired, DUE));
    counts
}

fn round(number: f64) -> usize {
    format!("{number:.0}").parse().unwrap()
}

fn count(usage: &Usage, pieces: usize) -> Count {
    let number = |count: usize| f64::from(u32::try_from(count).unwrap());
    let each = |sum: f64| sum / number(pieces);
    Count {
        round_trips: each(number(usage.round_trips)),
        read_units: each(usage.read_units),
        write_units: each(number(usage.write_units)),
    }
}
