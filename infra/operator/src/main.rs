//! The operator's command: what has to be done to a stack's table by hand. The same locally and on AWS.
//!
//! It reads the table's name, region and credentials from the environment, as the functions do.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this program speaks to a person at a terminal")]

use std::process::ExitCode;

use domain::Timestamp;
use store::{ApiKey, ListedKey, Scope, Store};

const USAGE: &str = "\
usage: paylink-operator set-up
       paylink-operator api-key create INTEGRATION [SCOPE ...]
       paylink-operator api-key list
       paylink-operator api-key revoke ID

  set-up           writes the secret that idempotent requests derive from; once, and harmless afterwards
  api-key create   makes an API key for an integration and shows it once
                   scopes: read, write, admin; all of them unless named
  api-key list     shows every key's id, integration, scopes and age; the keys themselves are kept nowhere
  api-key revoke   makes a key worthless, within half a minute

Set PAYLINK_TABLE to the stack's output TableName, and AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY
and AWS_SESSION_TOKEN as `aws configure export-credentials --format env` prints them.";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["set-up"] => set_up().await,
        ["api-key", "create", integration, scopes @ ..] => create_key(integration, scopes).await,
        ["api-key", "list"] => list_keys().await,
        ["api-key", "revoke", id] => revoke_key(id).await,
        _ => Err(USAGE.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

type Done = Result<(), Box<dyn std::error::Error>>;

fn store() -> Result<Store, Box<dyn std::error::Error>> {
    Ok(runtime::Runtime::new(runtime::Environment::of_the_process())?.store()?)
}

async fn set_up() -> Done {
    let store = store()?;
    store.ensure_token_secret(runtime::random()?).await?;
    println!("The table {} is set up.", store.table());
    Ok(())
}

async fn create_key(integration: &str, scopes: &[&str]) -> Done {
    let scopes = match scopes {
        [] => vec![Scope::Read, Scope::Write, Scope::Admin],
        named => named.iter().map(|name| scope(name)).collect::<Result<_, _>>()?,
    };
    let integration = domain::text::parse_name(integration, 64)?;
    let random: [u8; 32] = runtime::random()?;
    let key = format!("plk_{}", bs58::encode(random).into_string());
    let record = ApiKey { integration, scopes, created_at: Timestamp::now() };
    let id = store()?.put_api_key(&key, &record).await?;
    println!("{key}");
    eprintln!("This key is shown once and kept only as a hash. Its id is {id}.");
    Ok(())
}

async fn list_keys() -> Done {
    let mut keys = store()?.list_api_keys().await?;
    keys.sort_by_key(|listed| listed.key.created_at);
    for ListedKey { id, key } in keys {
        let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
        println!("{id}  {}  {}  {}", key.created_at, scopes.join(","), key.integration);
    }
    Ok(())
}

async fn revoke_key(id: &str) -> Done {
    if store()?.revoke_api_key(id).await? {
        println!("The key {id} is revoked. Functions that know it forget it within half a minute.");
        Ok(())
    } else {
        Err(format!("there is no one key {id}; `api-key list` shows all of them").into())
    }
}

fn scope(name: &str) -> Result<Scope, String> {
    let known = Scope::ALL.into_iter().find(|scope| scope.as_str() == name);
    known.ok_or_else(|| format!("{name} is no scope; there are read, write and admin"))
}
