//! How a function starts: from exec to its first answer, with TLS between it and DynamoDB.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};
use zip::write::SimpleFileOptions;

use crate::lambda::{Lambda, Program};
use crate::report::{Cold, Size, Spread};
use crate::steps::{self, Customer};
use crate::warm::{link_id, make_due, stream_records};
use crate::wire::TlsEndpoint;
use crate::world::{World, binary};

/// Each function is started this often.
const STARTS: usize = 31;

/// A function gets this many requests before its memory is measured again.
const REQUESTS: usize = 100;

/// What is built: each binary, and the zip with it in it.
pub(crate) fn sizes(functions: &[&str]) -> BTreeMap<String, Size> {
    let size = |name: &&str| {
        let bytes = std::fs::read(binary(name)).unwrap_or_else(|_| panic!("{name} is not built; run `make bench`"));
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        zip.start_file("bootstrap", SimpleFileOptions::default().compression_level(Some(9))).unwrap();
        zip.write_all(&bytes).unwrap();
        let zipped = zip.finish().unwrap().into_inner();
        let length = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap();
        ((*name).to_owned(), Size { binary_bytes: length(&bytes), zip_bytes: length(&zipped) })
    };
    functions.iter().map(size).collect()
}

pub(crate) async fn measure(programs: &[&str]) -> BTreeMap<String, Cold> {
    let world = World::start().await;
    let tls = TlsEndpoint::start(world.dynamodb_port(), &world.folder).await;
    let mut events = Events::prepare(&world).await;
    let mut measured = BTreeMap::new();
    for name in programs {
        let mut program = world.program(name, &tls.url);
        let trust = [
            ("SSL_CERT_FILE", tls.roots.display().to_string()),
            // botocore keeps the public roots inside, and takes ours instead.
            ("AWS_CA_BUNDLE", tls.own_root.display().to_string()),
            // Node.js keeps them inside too. Told of one more, it reads all of them at the start, which in Lambda it
            // does not; so it is told to take the system's when the first connection needs them.
            ("NODE_OPTIONS", "--use-openssl-ca".to_owned()),
        ];
        program.environment.extend(trust.map(|(name, value)| (name.to_owned(), value)));
        measured.insert((*name).to_owned(), start_often(&world, &program, &tls, &mut events).await);
    }
    measured
}

async fn start_often(world: &World, program: &Program, tls: &TlsEndpoint, events: &mut Events) -> Cold {
    let (mut before_network, mut own, mut ready, mut first_answer) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut memory = Vec::new();
    let mut peak_memory_after_hundred_bytes = 0;
    for round in 0..STARTS {
        tls.take_seen();
        let mut lambda = Lambda::start(program).await;
        let revision = tls.take_seen();
        let connected = revision.first_connection.map_or(lambda.ready_after, |at| at - lambda.started_at);
        let network =
            revision.first_connection.zip(revision.last_answer).map_or(Duration::ZERO, |(from, to)| to - from);
        before_network.push(connected.min(lambda.ready_after));
        own.push(lambda.ready_after.saturating_sub(network));
        ready.push(lambda.ready_after);
        memory.push(lambda.peak_memory());
        let event = events.next(world, &program.name).await;
        let ready_at = lambda.started_at + lambda.ready_after;
        let idle = ready_at.elapsed();
        lambda.invoke(event).await;
        first_answer.push(lambda.started_at.elapsed().saturating_sub(idle));
        if round + 1 == STARTS {
            for _ in 1..REQUESTS {
                let event = events.next(world, &program.name).await;
                lambda.invoke(event).await;
            }
            peak_memory_after_hundred_bytes = lambda.peak_memory();
        }
        drop(lambda);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    memory.sort_unstable();
    Cold {
        before_network: Spread::of(before_network),
        without_network: Spread::of(own),
        ready: Spread::of(ready),
        first_answer: Spread::of(first_answer),
        peak_memory_ready_bytes: memory[memory.len() / 2],
        peak_memory_after_hundred_bytes,
    }
}

/// What each function is asked, every time something that has not been asked before: a link that nobody opened, money that
/// was not taken yet, an event that nobody was told of, a link that is due.
struct Events {
    opened: VecDeque<Value>,
    returned: VecDeque<Value>,
    events: VecDeque<Value>,
    due: VecDeque<String>,
    link_id: String,
}

impl Events {
    async fn prepare(world: &World) -> Self {
        const EACH: usize = STARTS + REQUESTS;
        let urls = world.make(&steps::create_quietly(), 2 * EACH).await;
        let (unopened, opened) = urls.split_at(EACH);
        let mut pay = Lambda::start(&world.program("pay-redirect", &world.endpoint())).await;
        let customer = Customer::new();
        let mut returned = VecDeque::new();
        for url in opened {
            let page = steps::location(&pay.invoke(steps::open(url)).await.0);
            returned.push_back(steps::open(&customer.pay(&page).await));
        }
        let told = world.make(&steps::create(), EACH).await;
        let mut stream = world.cloud.stream("deliver-messages").unwrap();
        let events = stream_records(&mut stream, &told, EACH).await;
        Self {
            link_id: link_id(&urls[0]).to_string(),
            opened: unopened.iter().map(|url| steps::open(url)).collect(),
            returned,
            events: events.into_iter().map(|record| json!({ "Records": [record] })).collect(),
            due: world.make(&steps::create_quietly(), EACH).await.into(),
        }
    }

    async fn next(&mut self, world: &World, name: &str) -> Value {
        match name {
            "pay-redirect" => self.opened.pop_front().unwrap(),
            "gateway-webhook" => self.returned.pop_front().unwrap(),
            "crm-api" => steps::read(&self.link_id),
            "deliver-messages" => self.events.pop_front().unwrap(),
            "expire-links" => {
                make_due(world, &[self.due.pop_front().unwrap()]).await;
                json!({ "source": "schedule" })
            }
            // The peers too. They read no number and write no message.
            _ => steps::create_with_a_number(),
        }
    }
}
