//! Patterns: regular expressions that a name must match somewhere.

use crate::pattern;
use crate::policy::Invalid;

/// A regular expression, searched for anywhere in a name, as in RabbitMQ: `^q$` is anchored, `q` is
/// not, and an empty one is in every name. What it may be made of says [`pattern`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(pattern::Pattern);

// === impl Pattern ===

impl Pattern {
    /// The pattern with this text.
    ///
    /// # Errors
    ///
    /// When it is no regular expression, or too large a one.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let meaning = if text.is_empty() { ".*" } else { text };
        pattern::Pattern::expanded(text, meaning).map(Self).map_err(|error| {
            let what = "pattern should be regular expression but is invalid";
            Invalid(format!("{what}: '{text}': {error}"))
        })
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether it matches the name, or a part of it.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.0.is_in(name)
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn a_pattern_is_searched_for() {
        #[rustfmt::skip]
        let cases = [
            ("",              "orders",    true),
            ("der",           "orders",    true),
            ("^der",          "orders",    false),
            ("^(?!amq\\.).*", "orders",    true),
            ("^(?!amq\\.).*", "amq.gen-x", false),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(Pattern::new(pattern).unwrap().matches(name), expected, "{pattern}: {name}");
        }
        assert!(Pattern::new("(").unwrap_err().to_string().contains("'(': unclosed group"));
    }
}
