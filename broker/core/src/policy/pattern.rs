//! Patterns: regular expressions that a name must match somewhere.

use regex::{Regex, RegexBuilder};

use crate::policy::Invalid;

/// Bytes that a compiled pattern may take.
const LARGEST: usize = 1 << 20;

/// A regular expression. It matches anywhere in a name, as in RabbitMQ: `^q$` is anchored, `q` is
/// not. Matching takes time linear in the name; look-around and back references do not exist.
#[derive(Debug, Clone)]
pub struct Pattern {
    regex: Regex,
}

// === impl Pattern ===

impl Pattern {
    /// The pattern with this text.
    ///
    /// # Errors
    ///
    /// When it is no regular expression, or too large a one.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        match RegexBuilder::new(text).size_limit(LARGEST).build() {
            Ok(regex) => Ok(Self { regex }),
            Err(error) => Err(Invalid(format!(
                "pattern should be regular expression but is invalid: '{text}': {error}"
            ))),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.regex.as_str()
    }

    /// Whether it matches the name, or a part of it.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.regex.is_match(name)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Pattern {}
