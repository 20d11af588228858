//! The binary `warren-broker`: reads the flags, sets up the log, and runs a node.

use std::io::IsTerminal;

use anyhow::Context;
use broker_server::args::{Args, LogFormat};
use clap::Parser;
use tracing_subscriber::EnvFilter;

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    start_log(&args)?;
    broker_server::panic::abort_on_panic();
    broker_server::run(args)?;
    Ok(())
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
