//! The deployer's command: reads its arguments, does what they say, and prints what became of it.

mod commands;
mod output;
mod restore_commands;

use std::process::ExitCode;

use clap::Parser;
use paylink_admin::cli::Arguments;

use output::Output;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(refused) => return Output::of_the_words(std::env::args()).misunderstood(&refused),
    };
    let output = Output::new(arguments.json);
    match commands::run(arguments, output).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => output.failed(&error),
    }
}
