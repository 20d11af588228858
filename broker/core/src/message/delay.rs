//! How long a message is to be held back by a delayed exchange: the header `x-delay`, in ms.
//!
//! As RabbitMQ's delayed-message plugin reads it: a number of any kind, or a text that is a whole
//! number. What is not above 0, above 2^32 - 1 (49 days), or no number delays nothing. A message that
//! was held back says so with the negated delay, which keeps it from being held back again.

use broker_protocol::properties::Properties;
use broker_protocol::table::Value;

use crate::message::Message;

const HEADER: &str = "x-delay";

/// The longest delay, in ms: a longer one counts as none.
pub const LONGEST_DELAY: u64 = u32::MAX as u64;

// === impl Message ===

impl Message {
    /// How long the message is to be held back, in ms, if it is.
    #[must_use]
    pub fn delay(&self) -> Option<u64> {
        let properties = self.properties();
        if !properties.has_headers() {
            return None;
        }
        // Who is held back has to be rewritten later, so all of it has to make sense.
        let delay = milliseconds(properties.to_properties().ok()?.headers?.get(HEADER)?)?;
        u64::try_from(delay).ok().filter(|delay| (1..=LONGEST_DELAY).contains(delay))
    }

    /// The message as it goes on after its delay; none if it can not have been delayed.
    pub(crate) fn released(&self) -> Option<Self> {
        let mut properties: Properties<'_> = self.properties().to_properties().ok()?;
        let headers = properties.headers.as_mut()?;
        let delay = -milliseconds(headers.get(HEADER)?)?;
        match i32::try_from(delay) {
            Ok(delay) => headers.insert(HEADER, delay),
            Err(_) => headers.insert(HEADER, delay),
        }
        let mut other = self.with_properties(self.exchange(), self.routing_key(), &properties)?;
        other.mark_released();
        Some(other)
    }
}

/// A header's value as a whole number.
fn milliseconds(value: &Value) -> Option<i64> {
    match value {
        Value::F32(bits) => Some(f32::from_bits(*bits) as i64),
        Value::F64(bits) => Some(f64::from_bits(*bits) as i64),
        Value::Decimal { scale, value } => {
            let divisor = 10_i64.checked_pow(u32::from(*scale)).unwrap_or(i64::MAX);
            Some(i64::from(*value) / divisor)
        }
        _ => value.as_i64().or_else(|| value.as_str()?.parse().ok()),
    }
}

#[cfg(test)]
mod tests {
    use broker_protocol::table::FieldTable;

    use super::*;
    use crate::message::sample;

    fn with(delay: Value) -> Message {
        let table: FieldTable = [(HEADER, delay), ("other", 1.into())].into_iter().collect();
        sample::with_headers("e", "k", table)
    }

    #[test]
    fn a_delay_is_a_number_of_milliseconds() {
        #[rustfmt::skip]
        let cases = [
            (Value::I32(5_000),                    Some(5_000)),
            (Value::U8(1),                         Some(1)),
            ("700".into(),                         Some(700)),
            (Value::F64(1.9_f64.to_bits()),        Some(1)),
            (Value::F64(f64::NAN.to_bits()),       None),
            (Value::Decimal { scale: 2, value: 250 }, Some(2)),
            (Value::I64(4_294_967_295),            Some(4_294_967_295)),
            (Value::I64(4_294_967_296),            None),
            (Value::I32(0),                        None),
            (Value::I32(-5_000),                   None),
            ("soon".into(),                        None),
            (Value::Bool(true),                    None),
            (Value::Void,                          None),
        ];
        for (value, expected) in cases {
            assert_eq!(with(value.clone()).delay(), expected, "{value:?}");
        }
        assert_eq!(sample::message("e", "k", b"x-delay").delay(), None);
    }

    #[test]
    fn a_released_message_is_not_delayed_again() {
        let cases = [(Value::from("700"), -700), (Value::I64(4_294_967_295), -4_294_967_295)];
        for (value, expected) in cases {
            let released = with(value).released().unwrap();
            let headers = released.properties().headers().unwrap();
            assert_eq!(headers.get(HEADER).and_then(Value::as_i64), Some(expected));
            assert_eq!((released.delay(), headers.get("other").is_some()), (None, true));
        }
        assert!(sample::message("e", "k", b"").released().is_none());
    }
}
