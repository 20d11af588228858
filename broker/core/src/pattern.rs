//! Regular expressions over names, as permissions and policies are written with.
//!
//! RabbitMQ's are Perl's. Here a search takes time linear in the name whatever the pattern, so there
//! is no going back: no back references, and no look-around save the one that people use, a
//! look-ahead right at the beginning, as in `^(?!amq\.).*`.

use std::fmt;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};

/// Bytes of a pattern's text, at most.
const LONGEST: usize = 4096;

/// Bytes that a compiled pattern may take.
const LARGEST: usize = 1 << 20;

/// Look-aheads in one pattern, at most: each may be as large.
const MOST_AHEAD: usize = 8;

/// Bytes that matching may keep for speed.
const CACHE: usize = 64 << 10;

/// A pattern, searched for anywhere in a name unless it is anchored. Cloning counts a reference.
#[derive(Clone)]
pub struct Pattern(Arc<Compiled>);

struct Compiled {
    text: Box<str>,
    /// Whether it is found in every name.
    everything: bool,
    /// What has to follow, or must not, at the beginning of the name.
    ahead: Vec<(bool, Regex)>,
    regex: Regex,
}

/// Why a text is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAPattern(String);

// === impl Pattern ===

impl Pattern {
    /// The pattern with this text. An empty one is found in the empty name only.
    ///
    /// # Errors
    ///
    /// [`NotAPattern`] with the reason in one line.
    pub fn new(text: &str) -> Result<Self, NotAPattern> {
        Self::expanded(text, text)
    }

    /// The pattern `meaning`, which is shown as `text`.
    ///
    /// # Errors
    ///
    /// As for [`Pattern::new`].
    pub(crate) fn expanded(text: &str, meaning: &str) -> Result<Self, NotAPattern> {
        if meaning.len() > LONGEST {
            return Err(NotAPattern(format!("longer than {LONGEST} bytes")));
        }
        let meaning = if meaning.is_empty() { "^$" } else { meaning };
        let everything = matches!(meaning, ".*" | "^.*" | ".*$");
        let (ahead, rest) = split_look_ahead(meaning)?;
        let regex = compile(&rest)?;
        let text = text.into();
        Ok(Self(Arc::new(Compiled { text, everything, ahead, regex })))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// Whether it is found in every name, as `.*` is.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.0.everything
    }

    /// Whether it is found in `name`.
    #[must_use]
    pub fn is_in(&self, name: &str) -> bool {
        let Compiled { everything, ahead, regex, .. } = &*self.0;
        *everything
            || (ahead.iter().all(|(wanted, ahead)| ahead.is_match(name) == *wanted)
                && regex.is_match(name))
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// `text` with nothing in it that means anything but itself in a pattern.
pub(crate) fn escape(text: &str) -> String {
    regex::escape(text)
}

fn compile(text: &str) -> Result<Regex, NotAPattern> {
    RegexBuilder::new(text).size_limit(LARGEST).dfa_size_limit(CACHE).build().map_err(|error| {
        // The last line says what is wrong; those before it draw where.
        let text = error.to_string();
        let last = text.lines().last().unwrap_or_default().trim();
        NotAPattern(last.trim_start_matches("error: ").to_owned())
    })
}

type Split = (Vec<(bool, Regex)>, String);

/// Takes the look-aheads off the beginning of an anchored pattern.
fn split_look_ahead(text: &str) -> Result<Split, NotAPattern> {
    let mut ahead = Vec::new();
    let Some(mut rest) = text.strip_prefix('^') else { return Ok((ahead, text.to_owned())) };
    while let Some(inner) = rest.strip_prefix("(?!").or_else(|| rest.strip_prefix("(?=")) {
        let wanted = rest.starts_with("(?=");
        let Some(end) = group_end(inner) else {
            return Err(NotAPattern("unclosed group".to_owned()));
        };
        if ahead.len() == MOST_AHEAD {
            return Err(NotAPattern(format!("more than {MOST_AHEAD} look-aheads")));
        }
        ahead.push((wanted, compile(&format!("^(?:{})", &inner[..end]))?));
        rest = &inner[end + 1..];
    }
    if !ahead.is_empty() && has_alternatives(rest) {
        let reason =
            "a look-ahead may only stand before a single alternative; put the rest in a group";
        return Err(NotAPattern(reason.to_owned()));
    }
    Ok((ahead, format!("^{rest}")))
}

/// Where the group ends that `text` is the inside and the rest of.
fn group_end(text: &str) -> Option<usize> {
    let mut end = None;
    walk(text, |at, octet, depth| {
        if octet == b')' && depth == 0 && end.is_none() {
            end = Some(at);
        }
    });
    end
}

fn has_alternatives(text: &str) -> bool {
    let mut found = false;
    walk(text, |_, octet, depth| found |= octet == b'|' && depth == 0);
    found
}

/// Calls `visit` with every octet that is neither escaped nor in a class, and how deep in groups it is.
fn walk(text: &str, mut visit: impl FnMut(usize, u8, usize)) {
    let (mut depth, mut class, mut escaped) = (0_usize, None, false);
    for (at, octet) in text.bytes().enumerate() {
        if std::mem::take(&mut escaped) {
            continue;
        }
        match (octet, class) {
            (b'\\', _) => escaped = true,
            // A bracket that closes at once, perhaps after `^`, is a member of the class.
            (b']', Some(start)) if at > start + 1 && &text[start + 1..at] != "^" => class = None,
            (_, Some(_)) => {}
            (b'[', None) => class = Some(at),
            (b'(', None) => depth += 1,
            (b')', None) => {
                visit(at, octet, depth);
                depth = depth.saturating_sub(1);
            }
            (octet, None) => visit(at, octet, depth),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_searched_for() {
        #[rustfmt::skip]
        let cases = [
            // pattern            name          found   because
            ("",                  "",           true,   "nothing is in nothing"),
            ("",                  "q",          false,  "nothing is not in something"),
            ("^$",                "q",          false,  "the same, as people write it"),
            (".*",                "",           true,   "everything"),
            ("b",                 "abc",        true,   "not anchored"),
            ("^b",                "abc",        false,  "anchored at the beginning"),
            ("c$",                "abc",        true,   "anchored at the end"),
            ("^(a|b)$",           "b",          true,   "alternatives"),
            ("^a|b$",             "xb",         true,   "alternatives have their own anchors"),
            ("^größe$",           "größe",      true,   "beyond ASCII"),
            ("^(?!amq\\.).*",     "amq.topic",  false,  "a negative look-ahead"),
            ("^(?!amq\\.).*",     "orders",     true,   "and what it lets pass"),
            ("^(?!a[)]|b)c?",     "b",          false,  "alternatives within a look-ahead"),
            ("^(?!a[)]|b)c?",     "c",          true,   "a bracket in a class closes nothing"),
            ("^(?=.*\\d)(?!x)",   "a1",         true,   "two of them"),
            ("^(?=.*\\d)(?!x)",   "x1",         false,  "both count"),
            ("^(?!a)(b|c)$",      "c",          true,   "alternatives in a group"),
        ];
        for (pattern, name, expected, because) in cases {
            let pattern = Pattern::new(pattern).unwrap();
            assert_eq!(pattern.is_in(name), expected, "{pattern:?} in {name}: {because}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused_in_one_line() {
        let long = "a".repeat(LONGEST + 1);
        let ahead = format!("^{}b", "(?!a)".repeat(MOST_AHEAD + 1));
        let cases = ["(", "[a", "a(?!b)", "(a)\\1", "^(?!a", "^(?!a)b|c", "a{9999}{9999}"];
        for text in cases.into_iter().chain([&*long, &*ahead]) {
            let error = Pattern::new(text).unwrap_err().to_string();
            assert!(!error.is_empty() && !error.contains('\n'), "{text}: {error}");
        }
    }

    #[test]
    fn only_the_usual_ways_to_say_everything_are_known_as_such() {
        for (text, expected) in [(".*", true), ("^.*", true), ("", false), (".+", false)] {
            assert_eq!(Pattern::new(text).unwrap().is_everything(), expected, "{text}");
        }
    }
}
