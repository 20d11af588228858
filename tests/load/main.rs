//! `warren-load`: publishes and consumes through any AMQP 0-9-1 broker, and counts.
//!
//! Every message carries its producer and number, so that loss and duplicates are found; and the
//! time it was written, so that latency is what a message saw. Threads and blocking sockets, with
//! many messages to a system call, keep the tool's own share of the machine small.

mod args;
mod consumer;
mod ledger;
mod pace;
mod payload;
mod producer;
mod report;
mod run;
mod window;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let args = args::Args::parse();
    match run::run(&args) {
        Ok(report) => {
            report.print(args.json);
            if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("warren-load: {error:#}");
            ExitCode::from(2)
        }
    }
}
