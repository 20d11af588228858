//! Headers exchanges: a binding's arguments say which headers a message must carry.
//!
//! `x-match` says how many of them: `all` (the default) or `any`; arguments whose names begin
//! with `x-` then do not count. `all-with-x` and `any-with-x` count those too. An argument
//! without value (void) asks only that the header is there. Integers of any width compare by
//! value, as do floating-point numbers; everything else also by type.

use std::sync::Arc;

use broker_protocol::table::{FieldTable, Value};
use imbl::OrdMap;

use crate::arguments::plain;
use crate::message::Message;
use crate::refusal::Refusal;
use crate::routing::destinations::{Destinations, Target};
use crate::routing::targets::Targets;

const MATCH: &str = "x-match";

/// The bindings of a headers exchange, by their arguments in order of name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Headers {
    rules: OrdMap<Arc<FieldTable>, (Rule, Destinations)>,
}

/// What a binding asks of a message, as `x-match` puts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rule {
    any: bool,
    with_x: bool,
}

// === impl Headers ===

impl Headers {
    pub(crate) fn check(arguments: &FieldTable) -> Result<(), Refusal> {
        Rule::of(arguments).map(drop)
    }

    pub(crate) fn add(&mut self, arguments: &FieldTable, target: Target) {
        let Ok(rule) = Rule::of(arguments) else { return };
        let key = Arc::new(arguments.clone().sorted());
        let (_, destinations) = self.rules.entry(key).or_insert((rule, Destinations::default()));
        destinations.add(target);
    }

    pub(crate) fn remove(&mut self, arguments: &FieldTable, target: &Target) {
        let key = arguments.clone().sorted();
        if let Some((_, destinations)) = self.rules.get_mut(&key) {
            destinations.remove(target);
            if destinations.is_empty() {
                self.rules.remove(&key);
            }
        }
    }

    /// Adds the targets of every rule that the message's headers meet; whether there was any.
    pub(crate) fn find(&self, message: &Message, targets: &mut Targets) -> bool {
        if self.rules.is_empty() {
            return false;
        }
        let headers = message.properties().headers().unwrap_or_default();
        let mut any = false;
        for (arguments, (rule, destinations)) in &self.rules {
            if rule.holds(arguments, &headers) {
                any |= targets.add_all(destinations);
            }
        }
        any
    }
}

// === impl Rule ===

impl Rule {
    fn of(arguments: &FieldTable) -> Result<Self, Refusal> {
        match arguments.get(MATCH) {
            None => Ok(Self { any: false, with_x: false }),
            Some(value) => match value.as_str() {
                Some("all") => Ok(Self { any: false, with_x: false }),
                Some("any") => Ok(Self { any: true, with_x: false }),
                Some("all-with-x") => Ok(Self { any: false, with_x: true }),
                Some("any-with-x") => Ok(Self { any: true, with_x: true }),
                Some(other) => Err(Refusal::precondition(format_args!(
                    "Invalid x-match field value <<\"{other}\">>; expected all, any, all-with-x, or any-with-x"
                ))),
                None => Err(Refusal::precondition(format_args!(
                    "Invalid x-match field type {} (value {}); expected longstr",
                    value.type_name(),
                    plain(value)
                ))),
            },
        }
    }

    fn holds(self, arguments: &FieldTable, headers: &FieldTable) -> bool {
        let mut asked = arguments
            .iter()
            .filter(|(name, _)| *name != MATCH && (self.with_x || !name.starts_with("x-")));
        let met = |(name, wanted): (&str, &Value)| {
            headers.get(name).is_some_and(|value| same(wanted, value))
        };
        if self.any { asked.any(met) } else { asked.all(met) }
    }
}

fn same(wanted: &Value, value: &Value) -> bool {
    if *wanted == Value::Void {
        return true;
    }
    match (wanted.as_i64(), value.as_i64()) {
        (Some(wanted), Some(value)) => wanted == value,
        _ => match (float(wanted), float(value)) {
            (Some(wanted), Some(value)) => wanted == value,
            _ => wanted == value,
        },
    }
}

fn float(value: &Value) -> Option<f64> {
    match *value {
        Value::F32(bits) => Some(f32::from_bits(bits).into()),
        Value::F64(bits) => Some(f64::from_bits(bits)),
        _ => None,
    }
}
