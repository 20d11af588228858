//! Query parameters, decoded once into what the verbs understand.

use crate::apiserver::status::{ApiError, Result};

/// The parameters of one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
}

/// What to do with fields that the schema does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldValidation {
    /// Refuse the request.
    Strict,
    /// Drop them and say so in a `Warning` header.
    Warn,
    /// Drop them.
    Ignore,
}

// === impl Params ===

impl Params {
    /// Decodes `a=1&b=2`.
    pub(crate) fn parse(query: &str) -> Self {
        let pairs = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decode(name, true), decode(value, true))
            })
            .collect();
        Self { pairs }
    }

    /// The first value of `name` that is not empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let found = self.pairs.iter().find(|(n, v)| n == name && !v.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    /// Whether `name` is set to true (`true`, `1`, or nothing at all).
    pub(crate) fn flag(&self, name: &str) -> bool {
        let is_true = |v: &str| matches!(v, "" | "true" | "1" | "True");
        self.pairs.iter().any(|(n, v)| n == name && is_true(v))
    }

    /// `name` as a number; anything else is a bad request.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>> {
        let parse = |text: &str| {
            text.parse().map_err(|_| {
                ApiError::bad_request(format!("invalid value for {name}: {text:?} is not a number"))
            })
        };
        self.text(name).map(parse).transpose()
    }

    /// `dryRun=All`; any other value is a bad request.
    pub(crate) fn dry_run(&self) -> Result<bool> {
        match self.text("dryRun") {
            None => Ok(false),
            Some("All") => Ok(true),
            Some(other) => {
                Err(ApiError::bad_request(format!("invalid dryRun {other:?}: must be All")))
            }
        }
    }

    /// `fieldValidation`, `Warn` when absent.
    pub(crate) fn field_validation(&self) -> Result<FieldValidation> {
        match self.text("fieldValidation") {
            Some("Strict") => Ok(FieldValidation::Strict),
            None | Some("Warn") => Ok(FieldValidation::Warn),
            Some("Ignore") => Ok(FieldValidation::Ignore),
            Some(other) => Err(ApiError::bad_request(format!(
                "invalid fieldValidation {other:?}: must be Strict, Warn or Ignore"
            ))),
        }
    }
}

/// Undoes percent encoding; `plus_is_space` in queries only. What is not UTF-8 is replaced.
pub(crate) fn decode(text: &str, plus_is_space: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
        rest = tail;
        match (first, tail) {
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    bytes.push(high << 4 | low);
                    rest = after;
                }
                _ => bytes.push(b'%'),
            },
            (b'+', _) if plus_is_space => bytes.push(b' '),
            (other, _) => bytes.push(*other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_encoding_is_undone() {
        #[rustfmt::skip]
        let cases = [
            ("a%3Db+c", true,  "a=b c"),
            ("a+b",     false, "a+b"),
            ("%zz%4",   true,  "%zz%4"),
            ("%C3%A9",  true,  "é"),
        ];
        for (text, plus, expected) in cases {
            assert_eq!(decode(text, plus), expected, "{text}");
        }
    }

    #[test]
    fn parameters_are_typed() {
        let params = Params::parse("watch=1&limit=5&dryRun=All&labelSelector=a%3Db");
        assert!(params.flag("watch"));
        assert_eq!(params.number("limit").unwrap(), Some(5));
        assert!(params.dry_run().unwrap());
        assert_eq!(params.text("labelSelector"), Some("a=b"));
        assert!(Params::parse("limit=x").number("limit").is_err());
        assert!(Params::parse("dryRun=Some").dry_run().is_err());
    }
}
