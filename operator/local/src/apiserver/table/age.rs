//! Times as `kubectl` shows them: how long ago.

use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

/// As in `5d`, `3h20m`, `42s`; `<unknown>` for what is no time, `<invalid>` for the future.
pub(crate) fn since(time: &Value) -> String {
    let Some(time) = time.as_str().and_then(|text| text.parse::<Timestamp>().ok()) else {
        return "<unknown>".to_owned();
    };
    let seconds = Timestamp::now().duration_since(time).as_secs();
    // Clocks of clients may be a little ahead.
    if seconds < -2 { "<invalid>".to_owned() } else { short(seconds.max(0)) }
}

/// Kubernetes' `HumanDuration`.
fn short(seconds: i64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let pair = |big: i64, unit: &str, rest: i64, small: &str| {
        if rest == 0 { format!("{big}{unit}") } else { format!("{big}{unit}{rest}{small}") }
    };
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => pair(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => pair(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => pair(days, "d", hours % 24, "h"),
        691_200..63_072_000 => format!("{days}d"),
        _ => pair(days / 365, "y", days % 365, "d"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_as_short_as_in_kubectl() {
        #[rustfmt::skip]
        let cases = [
            (5, "5s"), (119, "119s"), (120, "2m"), (150, "2m30s"), (3600, "60m"),
            (10_860, "3h1m"), (90_000, "25h"), (180_000, "2d2h"), (864_000, "10d"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(short(seconds), expected);
        }
    }
}
