//! How long a message may live, as its publisher wishes.

use crate::message::Message;
use crate::refusal::Refusal;

/// The longest life of a message or queue that can be asked for, in ms: ten years.
pub const LONGEST_LIFE: u64 = 315_360_000_000;

/// Property flag of `expiration`.
const EXPIRATION: u16 = 1 << 8;

// === impl Message ===

impl Message {
    /// How long the message may live, in ms, from its `expiration` property.
    ///
    /// # Errors
    ///
    /// 406 if the property is no whole number from 0 to [`LONGEST_LIFE`]. Routing finds out.
    pub fn ttl(&self) -> Result<Option<u64>, Refusal> {
        if self.property_flags() & EXPIRATION == 0 {
            return Ok(None);
        }
        let Some(text) = self.properties().expiration() else { return Ok(None) };
        let digits = text.strip_prefix('+').unwrap_or(text);
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let reason = match digits.split_at(end) {
            (digits, "") if !digits.is_empty() => match digits.parse() {
                Ok(life) if life <= LONGEST_LIFE => return Ok(Some(life)),
                _ => format!("{{value_too_large,{digits}}}"),
            },
            ("", rest) => match rest.strip_prefix('-').map(str::parse::<u64>) {
                Some(Ok(number)) => format!("{{value_negative,-{number}}}"),
                _ => "no_integer".to_owned(),
            },
            (_, rest) => format!("{{leftover_string,\"{rest}\"}}"),
        };
        let detail = format_args!("invalid expiration '{text}': {reason}");
        Err(Refusal::precondition(detail))
    }
}

#[cfg(test)]
mod tests {
    use broker_protocol::properties::Properties;

    use crate::message::sample;

    #[test]
    fn an_expiration_is_a_whole_number_of_milliseconds() {
        #[rustfmt::skip]
        let cases = [
            ("0",      Ok(Some(0))),
            ("60000",  Ok(Some(60_000))),
            ("+7",     Ok(Some(7))),
            (" 7",     Err("PRECONDITION_FAILED - invalid expiration ' 7': no_integer")),
            ("315360000000", Ok(Some(315_360_000_000))),
            ("99999999999999999999", Err("PRECONDITION_FAILED - invalid expiration '99999999999999999999': {value_too_large,99999999999999999999}")),
            ("",       Err("PRECONDITION_FAILED - invalid expiration '': no_integer")),
            ("soon",   Err("PRECONDITION_FAILED - invalid expiration 'soon': no_integer")),
            ("-",      Err("PRECONDITION_FAILED - invalid expiration '-': no_integer")),
            ("-1",     Err("PRECONDITION_FAILED - invalid expiration '-1': {value_negative,-1}")),
            ("10ms",   Err("PRECONDITION_FAILED - invalid expiration '10ms': {leftover_string,\"ms\"}")),
            ("1.5",    Err("PRECONDITION_FAILED - invalid expiration '1.5': {leftover_string,\".5\"}")),
        ];
        for (text, expected) in cases {
            let properties = Properties { expiration: Some(text), ..Properties::default() };
            let message = sample::with("e", "k", &properties, b"");
            let ttl = message.ttl().map_err(|refusal| refusal.text);
            assert_eq!(ttl, expected.map_err(str::to_owned), "{text}");
        }
        assert_eq!(sample::message("e", "k", b"").ttl(), Ok(None));
    }
}
