//! What `warren-operator dev` can be told on its command line.

use std::path::PathBuf;
use std::time::Duration;

/// Run manifests on this machine: an embedded control plane, the operator, real brokers.
#[derive(Debug, Clone, clap::Args)]
pub struct DevOptions {
    /// Folders with manifests (*.yaml, *.yml, *.json), read with their sub-folders and watched for changes.
    #[arg(value_name = "DIR", required = true)]
    pub directories: Vec<PathBuf>,

    /// Exit with 0 as soon as every resource is Ready; otherwise with the reasons at --timeout.
    #[arg(long, env = "WARREN_DEV_UNTIL_READY")]
    pub until_ready: bool,

    /// How long --until-ready may take, in seconds or as 90s, 2m.
    #[arg(long, env = "WARREN_DEV_TIMEOUT", value_name = "DURATION", default_value = "60s", value_parser = parse_duration)]
    pub timeout: Duration,

    /// Folder for volumes, logs and mounted files, kept after the end [default: a fresh temporary folder, removed at the end].
    #[arg(long, env = "WARREN_DEV_STATE", value_name = "DIR")]
    pub state: Option<PathBuf>,

    /// Where to write the kubeconfig for kubectl and helm [default: kubeconfig in the state folder].
    #[arg(long, env = "WARREN_DEV_KUBECONFIG", value_name = "PATH")]
    pub kubeconfig: Option<PathBuf>,

    /// Port on 127.0.0.1 where AMQP clients reach the first cluster; 0 picks a free one.
    #[arg(long, env = "WARREN_DEV_AMQP_PORT", value_name = "N", default_value_t = 5672)]
    pub amqp_port: u16,

    /// The broker program [default: warren-broker beside this program].
    #[arg(long, env = "WARREN_DEV_BROKER", value_name = "PATH")]
    pub broker: Option<PathBuf>,
}

/// Reads `90`, `90s`, `2m`, `1h` or `500ms`.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let milliseconds = match unit {
        "ms" => 1,
        "" | "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(format!("unknown unit `{unit}`; write 500ms, 90s, 2m or 1h")),
    };
    let number: u64 = number.parse().map_err(|_| "write 500ms, 90s, 2m or 1h".to_owned())?;
    let total = number.checked_mul(milliseconds).ok_or("that is too long")?;
    Ok(Duration::from_millis(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_unit() {
        #[rustfmt::skip]
        let cases = [
            // text                     milliseconds   because
            ("90",                      Some(90_000),  "seconds are the default unit"),
            ("90s",                     Some(90_000),  "seconds may be said"),
            ("500ms",                   Some(500),     "milliseconds"),
            ("2m",                      Some(120_000), "minutes"),
            ("1h",                      Some(3_600_000), "hours"),
            ("",                        None,          "no number"),
            ("s",                       None,          "no number"),
            ("5 parsecs",               None,          "unknown unit"),
            ("99999999999999999999s",   None,          "does not fit"),
            ("18446744073709551615h",   None,          "does not fit once multiplied"),
        ];
        for (text, expected, because) in cases {
            let read = parse_duration(text).ok();
            assert_eq!(read, expected.map(Duration::from_millis), "{text}: {because}");
        }
    }
}
