//! The binary `warren-broker`: reads the flags, sets up the log, and runs a node.

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Context;
use broker_server::args::{Args, LogFormat};
use clap::Parser;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let args = Args::parse();
    match start_log(&args).and_then(|()| {
        broker_server::panic::abort_on_panic();
        Ok(broker_server::run(args)?)
    }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("warren-broker: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Log lines go to standard error, one a line.
fn start_log(args: &Args) -> anyhow::Result<()> {
    let filter = EnvFilter::builder()
        .parse(&args.log_level)
        .with_context(|| format!("--log-level '{}' is not understood", args.log_level))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let terminal = std::io::stderr().is_terminal();
    match args.log_format {
        LogFormat::Text => log.with_ansi(terminal).init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}
