//! How a node is told to run: flags, each with an environment twin for use in a pod spec.

pub mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::args::tls::TlsArgs;
use crate::size::{NotASize, Size};

/// Warren, an AMQP 0-9-1 message broker.
///
/// Started with no flag but --data-dir it is a complete single broker for this machine: it listens
/// on loopback only and knows the user guest with the password guest.
#[derive(Debug, Clone, Parser)]
#[command(name = "warren-broker", version)]
pub struct Args {
    /// Address to accept AMQP clients on. May be given several times, or separated by commas.
    /// Port 0 picks a free port, and the log says which.
    #[arg(long, env = "WARREN_LISTEN", value_name = "ADDR:PORT", value_delimiter = ',',
          default_values = ["127.0.0.1:5672", "[::1]:5672"])]
    pub listen: Vec<SocketAddr>,

    /// TLS.
    #[command(flatten)]
    pub tls: TlsArgs,

    /// Directory that belongs to this broker alone. Created when missing; must survive restarts.
    #[arg(long, env = "WARREN_DATA_DIR", value_name = "DIR", default_value = "warren-data")]
    pub data_dir: PathBuf,

    /// Name of this node in answers and metrics. Default: warren@HOSTNAME.
    #[arg(long, env = "WARREN_NODE_NAME", value_name = "NAME")]
    pub node_name: Option<String>,

    /// Name of the cluster this node belongs to.
    #[arg(long, env = "WARREN_CLUSTER_NAME", value_name = "NAME", default_value = "warren")]
    pub cluster_name: String,

    /// Directory with the files `username` and `password` (plain, or an argon2 PHC string), as a
    /// mounted Secret has them. Read again when they change. That user may do everything, and hides one
    /// of the same name that the node knows.
    #[arg(long, env = "WARREN_CREDENTIALS_DIR", value_name = "DIR")]
    pub credentials_dir: Option<PathBuf>,

    /// Name of the user that is made when the node knows none, an administrator who may do everything.
    /// Not with --credentials-dir.
    #[arg(long, env = "WARREN_DEFAULT_USER", value_name = "NAME", default_value = "guest")]
    pub default_user: String,

    /// Its password. Better set by the environment, where other users of the machine do not see it.
    #[arg(
        long,
        env = "WARREN_DEFAULT_PASS",
        value_name = "PASSWORD",
        default_value = "guest",
        hide_env_values = true
    )]
    pub default_pass: String,

    /// Lets the user guest log in from other machines too. Only for closed networks.
    #[arg(long, env = "WARREN_ALLOW_GUEST_REMOTE")]
    pub allow_guest_remote: bool,

    /// Address of the management API and the health probes.
    #[arg(
        long,
        env = "WARREN_MANAGEMENT_LISTEN",
        value_name = "ADDR:PORT",
        default_value = "127.0.0.1:15672"
    )]
    pub management_listen: SocketAddr,

    /// Address of the Prometheus metrics, served without credentials.
    #[arg(
        long,
        env = "WARREN_METRICS_LISTEN",
        value_name = "ADDR:PORT",
        default_value = "127.0.0.1:15692"
    )]
    pub metrics_listen: SocketAddr,

    /// Threads that serve connections and queues. Default: the cores this process is granted.
    #[arg(long, env = "WARREN_SHARDS", value_name = "N",
          value_parser = clap::value_parser!(u16).range(1..=256))]
    pub shards: Option<u16>,

    /// Heartbeat interval proposed to clients, in seconds; 0 proposes none.
    #[arg(long, env = "WARREN_HEARTBEAT", value_name = "SECONDS", default_value_t = 60)]
    pub heartbeat: u16,

    /// Largest frame in bytes, proposed to clients.
    #[arg(long, env = "WARREN_FRAME_MAX", value_name = "BYTES", default_value_t = 131_072,
          value_parser = clap::value_parser!(u32).range(4096..=16_777_216))]
    pub frame_max: u32,

    /// Most channels on one connection, proposed to clients.
    #[arg(long, env = "WARREN_CHANNEL_MAX", value_name = "N", default_value_t = 2047,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub channel_max: u16,

    /// Largest message body that is accepted, as in 16MiB; 32MiB at most, which is the default.
    #[arg(long, env = "WARREN_MAX_MESSAGE_SIZE", value_name = "SIZE", default_value = "32MiB",
          value_parser = message_size)]
    pub max_message_size: Size,

    /// Most connections at one time; one more is closed at once.
    #[arg(long, env = "WARREN_MAX_CONNECTIONS", value_name = "N", default_value_t = 65_536,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: u32,

    /// Bytes of log files that are kept before old ones are given up. The log takes more while more
    /// waits in the queues, and while a file holds what could not be recorded again.
    #[arg(long, env = "WARREN_LOG_BUDGET", value_name = "SIZE", default_value = "128MiB")]
    pub log_budget: Size,

    /// Bytes free on the data directory's disk below which publishers are blocked until there is
    /// room again. Consumers always go on.
    #[arg(long, env = "WARREN_DISK_WATERMARK", value_name = "SIZE", default_value = "256MiB")]
    pub disk_watermark: Size,

    /// Bytes of waiting messages above which publishers are blocked until consumers have caught up.
    /// Default: 40 % of the memory this process is granted.
    #[arg(long, env = "WARREN_MEMORY_WATERMARK", value_name = "SIZE")]
    pub memory_watermark: Option<Size>,

    /// Bytes of waiting messages above which long queues move them to the disk, all but the first and
    /// the last of each. Default: 32MiB, or a quarter of --memory-watermark if that is less.
    #[arg(long, env = "WARREN_PAGE_WATERMARK", value_name = "SIZE")]
    pub page_watermark: Option<Size>,

    /// Seconds a client has to log in.
    #[arg(long, env = "WARREN_HANDSHAKE_TIMEOUT", value_name = "SECONDS", default_value_t = 10,
          value_parser = clap::value_parser!(u16).range(1..=600))]
    pub handshake_timeout: u16,

    /// Seconds after which a client that leaves what it is sent unread is cut off.
    #[arg(long, env = "WARREN_WRITE_STALL_TIMEOUT", value_name = "SECONDS", default_value_t = 300,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub write_stall_timeout: u32,

    /// What the broker calls itself towards clients. Some client libraries read RabbitMQ's version to
    /// know what a broker can do, so that is the default.
    #[arg(long, env = "WARREN_SERVER_IDENTITY", value_enum, default_value_t = Identity::Rabbitmq)]
    pub server_identity: Identity,

    /// Seconds that connections have to close in an orderly way once the broker is told to stop.
    #[arg(long, env = "WARREN_SHUTDOWN_GRACE", value_name = "SECONDS", default_value_t = 5)]
    pub shutdown_grace: u16,

    /// Stops the broker in an orderly way when its standard input closes, so that it never outlives the
    /// supervisor that holds the other end.
    #[arg(long, env = "WARREN_EXIT_ON_STDIN_EOF")]
    pub exit_on_stdin_eof: bool,

    /// How log lines are written to standard error.
    #[arg(long, env = "WARREN_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,

    /// Which log lines are written: error, warn, info, debug or trace, or directives as in
    /// info,broker_server=debug.
    #[arg(long, env = "WARREN_LOG_LEVEL", value_name = "LEVEL", default_value = "info")]
    pub log_level: String,
}

/// What the broker calls itself in `connection.start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Identity {
    /// Product RabbitMQ, with a version that client libraries know.
    Rabbitmq,
    /// Product Warren, with its own version.
    Warren,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What fits in one file of the log, with all that may be written together with it.
const LARGEST_MESSAGE: u64 = 32 << 20;

/// Bytes a file of the log takes at most, were all messages small.
const LOG_FILE: u64 = 64 << 20;

fn message_size(text: &str) -> Result<Size, String> {
    let size: Size = text.parse().map_err(|error: NotASize| error.to_string())?;
    let fits = size.0 <= LARGEST_MESSAGE;
    fits.then_some(size).ok_or_else(|| "messages of more than 32MiB are not stored".to_owned())
}

// === impl Args ===

impl Args {
    /// Milliseconds that a client may leave output unread.
    pub(crate) fn write_stall_ms(&self) -> u64 {
        u64::from(self.write_stall_timeout) * 1000
    }

    /// Bytes a file of the log takes. A quarter of its budget, within what has been found to work well,
    /// unless the largest message would not fit beside what may be written together with it.
    pub(crate) fn log_file_bytes(&self) -> u32 {
        let largest = 2 * (self.max_message_size.0 + u64::from(self.frame_max));
        // At most 96 MiB by the limits of the flags, so it fits.
        (self.log_budget.0 / 4).min(LOG_FILE).max(largest).next_multiple_of(1 << 20) as u32
    }

    /// How long connections have to close once the broker stops.
    pub fn shutdown_grace(&self) -> Duration {
        Duration::from_secs(self.shutdown_grace.into())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_flag_has_help_and_an_environment_twin() {
        for argument in Args::command().get_arguments() {
            let name = argument.get_id().as_str();
            assert!(argument.get_help().is_some(), "{name} has no help");
            let twin = format!("WARREN_{}", name.to_uppercase());
            assert_eq!(argument.get_env().and_then(|env| env.to_str()), Some(twin.as_str()));
        }
    }

    #[test]
    fn a_message_that_does_not_fit_the_log_is_refused() {
        for (size, fits) in [("1KiB", true), ("32MiB", true), ("33MiB", false), ("many", false)] {
            let args = ["warren-broker", "--max-message-size", size];
            assert_eq!(Args::try_parse_from(args).is_ok(), fits, "{size}");
        }
    }

    #[test]
    fn a_file_of_the_log_holds_the_largest_message() {
        const MIB: u32 = 1 << 20;
        #[rustfmt::skip]
        let cases: [(&[&str], u32); 5] = [
            (&[],                                                      65),
            (&["--log-budget=1GiB", "--max-message-size=16MiB"],       64),
            (&["--log-budget=4MiB", "--max-message-size=400KiB"],       2),
            (&["--log-budget=4MiB", "--max-message-size=16MiB"],       33),
            (&["--max-message-size=32MiB", "--frame-max=16777216"],    96),
        ];
        for (flags, expected) in cases {
            let args = Args::parse_from(["warren-broker"].iter().chain(flags));
            assert_eq!(args.log_file_bytes(), expected * MIB, "{flags:?}");
        }
    }

    #[test]
    fn the_defaults_are_a_loopback_broker() {
        let args = Args::parse_from(["warren-broker"]);
        assert!(args.listen.iter().all(|address| address.ip().is_loopback()));
        assert_eq!(args.listen.len(), 2);
        assert!(args.management_listen.ip().is_loopback());
        assert!(!args.allow_guest_remote);
    }
}
