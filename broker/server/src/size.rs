//! Sizes in bytes, as people write them: `16MiB`, `10Gi`, `4096`.

use std::fmt;
use std::str::FromStr;

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// Why a text is not a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a size; write bytes, or a number with K, M, G, Ki, Mi or Gi, as in 512MiB")]
pub struct NotASize(String);

// === impl Size ===

impl FromStr for Size {
    type Err = NotASize;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || NotASize(text.to_owned());
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let number: u64 = text[..digits].parse().map_err(|_| refuse())?;
        let unit = match text[digits..].trim_start().trim_end_matches('B') {
            "" => 1,
            "k" | "K" => 1_000,
            "M" => 1_000_000,
            "G" => 1_000_000_000,
            "Ki" => 1 << 10,
            "Mi" => 1 << 20,
            "Gi" => 1 << 30,
            _ => return Err(refuse()),
        };
        number.checked_mul(unit).map(Size).ok_or_else(refuse)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes >= 1 << 30 && bytes % (1 << 30) == 0 => write!(f, "{}GiB", bytes >> 30),
            bytes if bytes >= 1 << 20 && bytes % (1 << 20) == 0 => write!(f, "{}MiB", bytes >> 20),
            bytes => write!(f, "{bytes}B"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        #[rustfmt::skip]
        let cases = [
            ("4096",   Some(4096)),
            ("16MiB",  Some(16 << 20)),
            ("10Gi",   Some(10 << 30)),
            ("5 MB",   Some(5_000_000)),
            ("",       None),
            ("MiB",    None),
            ("1.5G",   None),
            ("99999999999G", None),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Size>().ok().map(|size| size.0), expected, "{text}");
        }
    }
}
