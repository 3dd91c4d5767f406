//! How a function starts: from exec to its first answer, with TLS between it and DynamoDB.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};
use zip::write::SimpleFileOptions;

use crate::lambda::{Lambda, Program};
use crate::report::{Cold, Size, Spread};
use crate::steps::{self, Customer};
use crate::wire::TlsEndpoint;
use crate::world::{FUNCTIONS, PEERS, World, binary};

/// So often each is started.
const STARTS: usize = 31;

/// So many requests are sent before its memory is looked at again.
const REQUESTS: usize = 100;

/// What is deployed: each binary, and the zip with it in it.
pub(crate) fn sizes() -> BTreeMap<String, Size> {
    let size = |name: &&str| {
        let bytes = std::fs::read(binary(name)).unwrap_or_else(|_| panic!("{name} is not built; run `make bench`"));
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        zip.start_file("bootstrap", SimpleFileOptions::default().compression_level(Some(9))).unwrap();
        zip.write_all(&bytes).unwrap();
        let zipped = zip.finish().unwrap().into_inner();
        let length = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap();
        ((*name).to_owned(), Size { binary_bytes: length(&bytes), zip_bytes: length(&zipped) })
    };
    FUNCTIONS.iter().map(size).collect()
}

pub(crate) async fn measure(world: &World) -> BTreeMap<String, Cold> {
    let tls = TlsEndpoint::start(world.dynamodb_port(), &world.folder).await;
    let events = Events::prepare(world).await;
    let mut measured = BTreeMap::new();
    for name in FUNCTIONS.iter().chain(&PEERS) {
        let mut program = world.program(name, &tls.url);
        let trust = [
            ("SSL_CERT_FILE", &tls.roots),
            // Node.js and botocore keep the public roots inside, and take ours beside or instead.
            ("NODE_EXTRA_CA_CERTS", &tls.own_root),
            ("AWS_CA_BUNDLE", &tls.own_root),
        ];
        let trust = trust.map(|(name, path)| (name.to_owned(), path.display().to_string()));
        program.environment.extend(trust);
        measured.insert((*name).to_owned(), start_often(&program, &tls, &events.for_function(name)).await);
    }
    measured
}

async fn start_often(program: &Program, tls: &TlsEndpoint, event: &Value) -> Cold {
    let (mut before_network, mut ready, mut first_answer) = (Vec::new(), Vec::new(), Vec::new());
    let mut memory = Vec::new();
    let mut peak_memory_after_hundred_bytes = 0;
    for round in 0..STARTS {
        tls.take_first_connection();
        let mut lambda = Lambda::start(program).await;
        let connected = tls.take_first_connection().map_or(lambda.ready_after, |at| at - lambda.started_at);
        before_network.push(connected.min(lambda.ready_after));
        ready.push(lambda.ready_after);
        memory.push(lambda.peak_memory());
        lambda.invoke(event.clone()).await;
        first_answer.push(lambda.started_at.elapsed());
        if round + 1 == STARTS {
            for _ in 1..REQUESTS {
                lambda.invoke(event.clone()).await;
            }
            peak_memory_after_hundred_bytes = lambda.peak_memory();
        }
        drop(lambda);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    memory.sort_unstable();
    Cold {
        before_network: Spread::of(before_network),
        ready: Spread::of(ready),
        first_answer: Spread::of(first_answer),
        peak_memory_ready_bytes: memory[memory.len() / 2],
        peak_memory_after_hundred_bytes,
    }
}

/// What each function is asked first.
struct Events {
    open_link: String,
    return_url: String,
    link_id: String,
}

impl Events {
    async fn prepare(world: &World) -> Self {
        let urls = world.make(&steps::create_quietly(), 2).await;
        let mut pay = Lambda::start(&world.program("pay-redirect", &world.endpoint())).await;
        let mut pages = Vec::new();
        for url in &urls {
            pages.push(steps::location(&pay.invoke(steps::open(url)).await.0));
        }
        let return_url = Customer::new().pay(&pages[0]).await;
        let link_id = return_url.split('/').rev().nth(1).unwrap().to_owned();
        let mut settle = Lambda::start(&world.program("gateway-webhook", &world.endpoint())).await;
        steps::location(&settle.invoke(steps::open(&return_url)).await.0);
        Self { open_link: urls[1].clone(), return_url, link_id }
    }

    fn for_function(&self, name: &str) -> Value {
        match name {
            "pay-redirect" => steps::open(&self.open_link),
            "gateway-webhook" => steps::open(&self.return_url),
            "crm-api" => steps::read(&self.link_id),
            "expire-links" | "deliver-messages" => json!({ "source": "schedule" }),
            _ => steps::create_quietly(),
        }
    }
}
