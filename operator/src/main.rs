//! `warren-operator`: runs the operator in a Kubernetes cluster (`run`), everything on this machine
//! (`dev`), or prints the custom resource definitions (`crds`).

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};
use futures::FutureExt;
use operator_controllers::{LeaderElection, Options};
use operator_local::dev::DevOptions;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Warren's operator: AMQP brokers and their topology as Kubernetes resources.
#[derive(Debug, Parser)]
#[command(name = "warren-operator", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// How much is logged: error, warn, info, debug, trace, or filters as in `info,operator_topology=debug`
    /// [default: info; error for dev, whose table says the rest].
    #[arg(long, global = true, env = "WARREN_LOG_LEVEL", value_name = "LEVEL")]
    log_level: Option<String>,

    /// How a log line is written, to standard error.
    #[arg(long, global = true, env = "WARREN_LOG_FORMAT", default_value = "text")]
    log_format: LogFormat,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the operator against the Kubernetes cluster it is in, or that of the current kubeconfig.
    Run(RunArgs),
    /// Run manifests on this machine: an embedded control plane, the operator, real brokers.
    Dev(DevOptions),
    /// Print the custom resource definitions, for `kubectl apply --server-side -f -`.
    Crds,
}

/// How the operator runs in a cluster. Every flag has an environment twin, for use in a pod spec.
#[derive(Debug, Args)]
struct RunArgs {
    /// The one namespace to look after [default: all].
    #[arg(long, env = "WARREN_NAMESPACE", value_name = "NAMESPACE")]
    namespace: Option<String>,

    /// Image of the broker, for clusters that name none [default: that of this release].
    #[arg(long, env = "WARREN_BROKER_IMAGE", value_name = "IMAGE")]
    broker_image: Option<String>,

    /// Where /healthz, /readyz and /metrics are served [default: nowhere].
    #[arg(long, env = "WARREN_HEALTH_LISTEN", value_name = "ADDRESS")]
    health_listen: Option<SocketAddr>,

    /// Work only while holding a lease, so that several replicas can stand by.
    #[arg(long, env = "WARREN_LEADER_ELECTION")]
    leader_election: bool,

    /// Name of the lease.
    #[arg(long, env = "WARREN_LEASE_NAME", value_name = "NAME", default_value = "warren-operator")]
    lease_name: String,

    /// Namespace of the lease.
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAMESPACE", default_value = "default")]
    lease_namespace: String,

    /// Who this process is to the lease [default: warren-operator and the process id].
    #[arg(long, env = "POD_NAME", value_name = "NAME")]
    identity: Option<String>,

    /// How many resources of a kind are worked on at the same time.
    #[arg(long, env = "WARREN_CONCURRENCY", value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024))]
    concurrency: u16,

    /// How often every resource is compared with its broker although nothing changed, in seconds (± 10 %).
    #[arg(long, env = "WARREN_RESYNC", value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(10..))]
    resync: u64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match log(&cli) {
        Ok(()) => execute(cli.command).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The last word belongs to the person at the terminal, whatever the log level.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn execute(command: Command) -> Result<()> {
    match command {
        Command::Run(args) => run(args).await,
        Command::Dev(options) => {
            let dev =
                operator_local::dev::run(options, operator_api::crds(), |client, shutdown| {
                    operator_controllers::run(client, Options::default(), shutdown)
                        .map(|ended| ended.map_err(Into::into))
                });
            Ok(dev.await?)
        }
        Command::Crds => Ok(std::io::stdout().write_all(operator_api::crds::yaml()?.as_bytes())?),
    }
}

async fn run(args: RunArgs) -> Result<()> {
    let client = kube::Client::try_default()
        .await
        .context("no Kubernetes cluster: run in a pod, or point KUBECONFIG at one")?;
    let identity =
        args.identity.unwrap_or_else(|| format!("warren-operator-{}", std::process::id()));
    let election =
        LeaderElection { namespace: args.lease_namespace, name: args.lease_name, identity };
    let options = Options {
        namespace: args.namespace.filter(|namespace| !namespace.is_empty()),
        concurrency: args.concurrency,
        resync: Duration::from_secs(args.resync),
        broker_image: args.broker_image.filter(|image| !image.is_empty()),
        health: args.health_listen,
        leader_election: args.leader_election.then_some(election),
        ..Options::default()
    };
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shutdown = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    Ok(operator_controllers::run(client, options, shutdown).await?)
}

fn log(cli: &Cli) -> Result<()> {
    let quiet = matches!(cli.command, Command::Dev(_));
    let level = cli.log_level.as_deref().unwrap_or(if quiet { "error" } else { "info" });
    // The AMQP client calls every closed channel an error; here it is an answer, and is told as one.
    let filter = EnvFilter::try_new(format!("kube=warn,lapin=off,{level}"))
        .context("--log-level is not understood")?;
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colour);
    match cli.log_format {
        LogFormat::Text => subscriber.init(),
        LogFormat::Json => subscriber.json().init(),
    }
    Ok(())
}
