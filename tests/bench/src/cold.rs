//! How a function starts: from exec to its first answer, with TLS between it and DynamoDB.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use domain::Timestamp;
use domain::link::Renewal;
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;

use crate::report::{Cold, Size, Spread};
use crate::steps::{self, Customer};
use crate::warm::{link_id, make_due, stream_records};
use crate::world::{PEERS, World, binary};
use tests::lambda::{Lambda, Program};
use tests::tls_endpoint::TlsEndpoint;

/// Each function is started this often.
const STARTS: usize = 31;

/// A function gets this many requests before its memory is measured again.
const REQUESTS: usize = 100;

/// The program in C that does nothing but connect.
pub(crate) const CONNECT_ONLY: &str = "connect";

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

/// How these programs start, and how long others take from exec to their first connection in the same run: one in C that does
/// nothing else, started in turns with them, and that which `PAYLINK_BENCH_BESIDE` names, where it names one: a function in
/// Rust of somebody else.
pub(crate) async fn measure(programs: &[&str]) -> (BTreeMap<String, Cold>, BTreeMap<String, Spread>) {
    let world = World::start().await;
    let tls = TlsEndpoint::start(world.dynamodb_port(), &world.folder).await;
    let mut events = Events::prepare(&world).await;
    let connect = compiled(&world);
    let (mut measured, mut least) = (BTreeMap::new(), Vec::new());
    let mut beside = other_function(&world, &tls).await;
    for name in programs {
        let mut program = world.program(name, &tls.url);
        let mut trust = vec![
            // A function has Amazon's roots inside, and reads as many here. botocore keeps the public ones inside, and
            // takes these instead.
            ("AWS_CA_BUNDLE", tls.with_amazons.display().to_string()),
        ];
        if PEERS.contains(name) {
            // Node.js keeps roots inside too. Told of one more, it reads all of them at the start, which in Lambda it
            // does not; so it is told to take the system's when the first connection needs them. A function finds the
            // system's bundle and folder by itself, as it does in Lambda.
            trust.push(("SSL_CERT_FILE", tls.with_systems.display().to_string()));
            trust.push(("NODE_OPTIONS", "--use-openssl-ca".to_owned()));
        }
        program.environment.extend(trust.into_iter().map(|(name, value)| (name.to_owned(), value)));
        program.environment.extend(also_told());
        let cold = start_often(&world, &program, &tls, &mut events, async || {
            if !PEERS.contains(name) {
                least.push(connected_after(&connect, &tls).await);
            }
        });
        measured.insert((*name).to_owned(), cold.await);
    }
    beside.insert(CONNECT_ONLY.to_owned(), Spread::of(least));
    (measured, beside)
}

/// Further variables of the programs, from `PAYLINK_BENCH_ALSO`, where something is tried: `NAME=value`, with commas between.
fn also_told() -> BTreeMap<String, String> {
    let told = std::env::var("PAYLINK_BENCH_ALSO").unwrap_or_default();
    told.split(',')
        .filter_map(|one| one.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The program in C, compiled.
fn compiled(world: &World) -> PathBuf {
    let connect = world.folder.join("connect");
    let source = tests::root().join("tests/bench/peers/c/connect.c");
    let compiled = Command::new("cc").arg("-O2").arg("-o").arg(&connect).arg(source).status();
    assert!(compiled.is_ok_and(|status| status.success()), "the program in C is compiled");
    connect
}

/// How long the program in C takes from exec until it has connected.
async fn connected_after(connect: &Path, tls: &TlsEndpoint) -> Duration {
    tls.take_seen();
    let started_at = Instant::now();
    let mut command = tokio::process::Command::new(connect);
    let running = command.arg(tls.port().to_string()).kill_on_drop(true).spawn().expect("it starts");
    let connected_at = loop {
        match tls.take_seen().first_connection {
            Some(at) => break at,
            None => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    };
    drop(running);
    tokio::time::sleep(Duration::from_millis(5)).await;
    connected_at - started_at
}

async fn other_function(world: &World, tls: &TlsEndpoint) -> BTreeMap<String, Spread> {
    let Some(path) = std::env::var_os("PAYLINK_BENCH_BESIDE").map(PathBuf::from) else { return BTreeMap::new() };
    let name = path.file_name().expect("a program").to_string_lossy().into_owned();
    let mut program = world.program(&name, &tls.url);
    program.command = path;
    program.environment.extend(also_told());
    let mut times = Vec::new();
    for _ in 0..STARTS {
        tls.take_seen();
        let lambda = Lambda::start(&program).await;
        let connected = tls.take_seen().first_connection.map_or(lambda.ready_after, |at| at - lambda.started_at);
        times.push(connected.min(lambda.ready_after));
        drop(lambda);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    BTreeMap::from([(name, Spread::of(times))])
}

async fn start_often(
    world: &World,
    program: &Program,
    tls: &TlsEndpoint,
    events: &mut Events,
    mut between: impl AsyncFnMut(),
) -> Cold {
    let (mut before_network, mut own, mut ready, mut first_answer) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut processor, mut memory) = (Vec::new(), Vec::new());
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
        processor.push(lambda.processor_time());
        if round + 1 == STARTS {
            for _ in 1..REQUESTS {
                let event = events.next(world, &program.name).await;
                lambda.invoke(event).await;
            }
            peak_memory_after_hundred_bytes = lambda.peak_memory();
        }
        drop(lambda);
        tokio::time::sleep(Duration::from_millis(5)).await;
        between().await;
    }
    memory.sort_unstable();
    Cold {
        before_network: Spread::of(before_network),
        without_network: Spread::of(own),
        ready: Spread::of(ready),
        first_answer: Spread::of(first_answer),
        processor: Spread::of(processor),
        peak_memory_ready_bytes: memory[memory.len() / 2],
        peak_memory_after_hundred_bytes,
    }
}

/// What each function is asked, every time something that has not been asked before: a link that nobody opened, money that
/// was not taken yet, an event that nobody was told of, a link that is due, a customer who wants a new one.
struct Events {
    opened: VecDeque<Value>,
    returned: VecDeque<Value>,
    events: VecDeque<Value>,
    due: VecDeque<String>,
    wished: VecDeque<String>,
    link_id: String,
    /// Where the receipt of a paid link is, as a file.
    receipt: String,
}

/// Pays a link of its own, and says where its receipt is.
async fn receipt_of_paid(world: &World, pay: &mut Lambda, customer: &Customer) -> String {
    let [url] = &world.make(&steps::create_quietly(), 1).await[..] else { panic!("one link was made") };
    let page = steps::location(&pay.invoke(steps::open(url)).await.0);
    let mut confirm = Lambda::start(&world.program("gateway-webhook", &world.endpoint())).await;
    confirm.invoke(steps::open(&customer.pay(&page).await)).await;
    format!("{url}/receipt.pdf")
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
        let receipt = receipt_of_paid(world, &mut pay, &customer).await;
        let told = world.make(&steps::create(), EACH).await;
        let mut stream = world.cloud.stream("deliver-messages").unwrap();
        let events = stream_records(&mut stream, &told, EACH).await;
        Self {
            link_id: link_id(&urls[0]).to_string(),
            receipt,
            opened: unopened.iter().map(|url| steps::open(url)).collect(),
            returned,
            events: events.into_iter().map(|record| json!({ "Records": [record] })).collect(),
            due: world.make(&steps::create_quietly(), EACH).await.into(),
            wished: world.make(&steps::create_quietly(), EACH).await.into(),
        }
    }

    async fn next(&mut self, world: &World, name: &str) -> Value {
        match name {
            "pay-redirect" => self.opened.pop_front().unwrap(),
            "gateway-webhook" => self.returned.pop_front().unwrap(),
            "crm-api" => steps::read(&self.link_id),
            "receipt-pdf" => steps::open(&self.receipt),
            "deliver-messages" => self.events.pop_front().unwrap(),
            "expire-links" => {
                make_due(world, &[self.due.pop_front().unwrap()]).await;
                json!({ "source": "schedule" })
            }
            "run-batches" => {
                let now = Timestamp::now();
                let link = link_id(&self.wished.pop_front().unwrap());
                let wish = Renewal { link, asked_at: now, answer_at: now };
                world.cloud.business().put_renewal(&wish).await.unwrap();
                json!({ "source": "schedule" })
            }
            // The peers too. They read no number and write no message.
            _ => steps::create_with_a_number(),
        }
    }
}
