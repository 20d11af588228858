//! Label and field selectors.

use serde_json::Value;

use crate::apiserver::status::{ApiError, Result};

/// Which objects of a list or watch are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<(Vec<String>, bool, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Exists,
    Absent,
    In(Vec<String>),
    NotIn(Vec<String>),
}

// === impl Selector ===

impl Selector {
    /// Parses both selectors of a request; `allowed` tells which fields may be selected by.
    pub(crate) fn parse(
        labels: Option<&str>,
        fields: Option<&str>,
        allowed: impl Fn(&str) -> bool,
    ) -> Result<Self> {
        let labels = split(labels.unwrap_or_default())
            .into_iter()
            .map(requirement)
            .collect::<Result<Vec<_>>>()?;
        let mut parsed = Vec::new();
        for term in fields.unwrap_or_default().split(',').filter(|term| !term.is_empty()) {
            let (path, equal, value) = comparison(term).ok_or_else(|| {
                ApiError::bad_request(format!("invalid field selector: {term:?}"))
            })?;
            if !allowed(path) {
                return Err(ApiError::bad_request(format!("field label not supported: {path}")));
            }
            let path = path.split('.').map(str::to_owned).collect();
            parsed.push((path, equal, value.to_owned()));
        }
        Ok(Self { labels, fields: parsed })
    }

    /// Whether it selects everything.
    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether `object` is wanted.
    pub(crate) fn matches(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        self.labels.iter().all(|requirement| requirement.holds(labels))
            && self.fields.iter().all(|(path, equal, value)| {
                let mut at = object;
                for name in path {
                    at = &at[name.as_str()];
                }
                let text = match at {
                    Value::Null => String::new(),
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                (text == *value) == *equal
            })
    }
}

// === impl Requirement ===

impl Requirement {
    fn holds(&self, labels: &Value) -> bool {
        let value = labels[self.key.as_str()].as_str();
        match &self.test {
            Test::Exists => value.is_some(),
            Test::Absent => value.is_none(),
            Test::In(values) => value.is_some_and(|value| values.iter().any(|v| v == value)),
            Test::NotIn(values) => !value.is_some_and(|value| values.iter().any(|v| v == value)),
        }
    }
}

fn comparison(term: &str) -> Option<(&str, bool, &str)> {
    let (left, equal, right) = if let Some((left, right)) = term.split_once("!=") {
        (left, false, right)
    } else if let Some((left, right)) = term.split_once("==") {
        (left, true, right)
    } else {
        let (left, right) = term.split_once('=')?;
        (left, true, right)
    };
    Some((left.trim(), equal, right.trim()))
}

/// Splits at commas outside parentheses.
fn split(text: &str) -> Vec<&str> {
    let (mut terms, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                terms.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    terms.push(&text[start..]);
    terms.into_iter().map(str::trim).filter(|term| !term.is_empty()).collect()
}

fn requirement(term: &str) -> Result<Requirement> {
    let wrong = || ApiError::bad_request(format!("unable to parse requirement: {term:?}"));
    let made = |key: &str, test| Requirement { key: key.trim().to_owned(), test };
    let set = |text: &str| -> Option<Vec<String>> {
        let inner = text.trim().strip_prefix('(')?.strip_suffix(')')?;
        Some(inner.split(',').map(|value| value.trim().to_owned()).collect())
    };
    if let Some(open) = term.find('(') {
        let (head, values) = (term[..open].trim(), set(&term[open..]).ok_or_else(wrong)?);
        return match head.rsplit_once(char::is_whitespace) {
            Some((key, "in")) => Ok(made(key, Test::In(values))),
            Some((key, "notin")) => Ok(made(key, Test::NotIn(values))),
            _ => Err(wrong()),
        };
    }
    if let Some((key, equal, value)) = comparison(term) {
        let values = vec![value.to_owned()];
        return Ok(made(key, if equal { Test::In(values) } else { Test::NotIn(values) }));
    }
    let requirement = match term.strip_prefix('!') {
        Some(key) => made(key, Test::Absent),
        None => made(term, Test::Exists),
    };
    let bad = requirement.key.is_empty() || requirement.key.contains(char::is_whitespace);
    if bad { Err(wrong()) } else { Ok(requirement) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn labels_and_fields_select() {
        let object = json!({
            "metadata": {"name": "x", "labels": {"app": "a", "tier": "db"}},
            "spec": {"nodeName": "n"},
        });
        #[rustfmt::skip]
        let cases = [
            ("app=a",                    "",                        true),
            ("app==a,tier!=web",         "",                        true),
            ("app in (a, b)",            "",                        true),
            ("app notin (a,b),tier",     "",                        false),
            ("!app",                     "",                        false),
            ("missing notin (z)",        "",                        true),
            ("app,!missing",             "metadata.name=x",         true),
            ("",                         "metadata.name!=x",        false),
            ("",                         "spec.nodeName=n",         true),
        ];
        for (labels, fields, expected) in cases {
            let selector = Selector::parse(Some(labels), Some(fields), |_| true).unwrap();
            assert_eq!(selector.matches(&object), expected, "{labels} {fields}");
        }
        assert!(Selector::parse(Some("a b"), None, |_| true).is_err());
        assert!(Selector::parse(Some("a in b"), None, |_| true).is_err());
        assert!(Selector::parse(None, Some("spec.x=1"), |_| false).is_err());
    }
}
