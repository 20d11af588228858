//! The JSONPath subset that printer columns and scale subresources use.
//!
//! `.a.b`, `['a']`, `[0]`, `[*]`, `.*`, and filters with one comparison, as in
//! `.status.conditions[?(@.type=="Ready")].status`.

use serde_json::Value;

/// A parsed path.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JsonPath {
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Field(String),
    Index(i64),
    Every,
    Where { path: Vec<String>, equal: bool, value: Value },
}

// === impl JsonPath ===

impl JsonPath {
    /// Parses a path; braces and a leading `$` are ignored. `None` when it is not understood.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches('{').trim_end_matches('}');
        let mut rest = text.strip_prefix('$').unwrap_or(text);
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, after) = match rest.strip_prefix('[') {
                Some(inside) => bracket(inside)?,
                None => dotted(rest.strip_prefix('.').unwrap_or(rest))?,
            };
            steps.extend(step);
            rest = after;
        }
        Some(Self { steps })
    }

    /// Every value that the path leads to.
    pub(crate) fn find<'a>(&self, root: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![root];
        for step in &self.steps {
            found = found.into_iter().flat_map(|value| step.follow(value)).collect();
        }
        found
    }
}

// === impl Step ===

impl Step {
    fn follow<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match self {
            Self::Field(name) => value.get(name).into_iter().collect(),
            Self::Index(index) => {
                let entries = value.as_array().map_or(&[][..], Vec::as_slice);
                let at = usize::try_from(*index).ok().or_else(|| {
                    entries.len().checked_sub(usize::try_from(index.unsigned_abs()).ok()?)
                });
                at.and_then(|at| entries.get(at)).into_iter().collect()
            }
            Self::Every => children(value),
            Self::Where { path, equal, value: wanted } => {
                let holds = |child: &&Value| {
                    let mut at = *child;
                    for name in path {
                        at = &at[name.as_str()];
                    }
                    !at.is_null() && (at == wanted) == *equal
                };
                children(value).into_iter().filter(holds).collect()
            }
        }
    }
}

fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(entries) => entries.iter().collect(),
        Value::Object(map) => map.values().collect(),
        _ => Vec::new(),
    }
}

fn dotted(rest: &str) -> Option<(Option<Step>, &str)> {
    let mut name = String::new();
    let mut chars = rest.char_indices();
    let mut end = rest.len();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => name.push(chars.next()?.1),
            '.' | '[' => {
                end = at;
                break;
            }
            other => name.push(other),
        }
    }
    let step = match name.as_str() {
        "" => None,
        "*" => Some(Step::Every),
        _ => Some(Step::Field(name)),
    };
    Some((step, &rest[end..]))
}

fn bracket(inside: &str) -> Option<(Option<Step>, &str)> {
    if let Some(filter) = inside.strip_prefix("?(") {
        let end = filter.find(")]")?;
        return Some((Some(condition(&filter[..end])?), &filter[end + 2..]));
    }
    let end = inside.find(']')?;
    let (body, after) = (inside[..end].trim(), &inside[end + 1..]);
    let step = match body {
        "*" => Step::Every,
        _ => match quoted(body) {
            Some(name) => Step::Field(name.to_owned()),
            None => Step::Index(body.parse().ok()?),
        },
    };
    Some((Some(step), after))
}

fn condition(text: &str) -> Option<Step> {
    let (equal, operator) = if text.contains("==") { (true, "==") } else { (false, "!=") };
    let (left, right) = text.split_once(operator)?;
    let path = left.trim().strip_prefix('@')?;
    let path = path.split('.').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let right = right.trim();
    let value = match quoted(right) {
        Some(text) => Value::String(text.to_owned()),
        None => serde_json::from_str(right).ok()?,
    };
    Some(Step::Where { path, equal, value })
}

fn quoted(text: &str) -> Option<&str> {
    let inner = |quote| text.strip_prefix(quote).and_then(|rest: &str| rest.strip_suffix(quote));
    inner('\'').or_else(|| inner('"'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_lead_to_values() {
        let object = json!({
            "spec": {"a.b": 1, "list": [{"n": "x"}, {"n": "y"}]},
            "status": {"conditions": [
                {"type": "Ready", "status": "True"}, {"type": "Other", "status": "False"},
            ]},
        });
        #[rustfmt::skip]
        let cases = [
            (".spec.list[0].n",                                  json!(["x"])),
            (".spec.list[-1].n",                                 json!(["y"])),
            (".spec.list[*].n",                                  json!(["x", "y"])),
            (r".spec.a\.b",                                      json!([1])),
            ("{.spec['a.b']}",                                   json!([1])),
            (r#".status.conditions[?(@.type=="Ready")].status"#, json!(["True"])),
            (".status.conditions[?(@.type!='Ready')].status",    json!(["False"])),
            (".spec.absent.deep",                                json!([])),
        ];
        for (path, expected) in cases {
            let found = JsonPath::parse(path).unwrap();
            assert_eq!(json!(found.find(&object)), expected, "{path}");
        }
        assert_eq!(JsonPath::parse(".a[b"), None);
    }
}
