//! Further routing keys: the headers `CC` and `BCC`, lists of strings.
//!
//! The message goes wherever any of its keys leads. `BCC` is for the broker only and is taken out
//! before anybody gets to see the message: [`Message::without_blind_copies`].

use broker_protocol::table::{FieldTable, Value};

use crate::message::Message;
use crate::refusal::Refusal;

const OPEN: &str = "CC";
const BLIND: &str = "BCC";

/// Property flag of `headers`.
const HEADERS: u16 = 1 << 13;

// === impl Message ===

impl Message {
    /// The message as it is to be delivered, if that differs: without its `BCC` header. To be
    /// applied after routing, before the message is handed to its queues.
    #[must_use]
    pub fn without_blind_copies(&self) -> Option<Self> {
        if !may_have(self, BLIND) {
            return None;
        }
        let mut properties = self.properties().to_properties().ok()?;
        properties.headers.as_mut()?.remove(BLIND)?;
        self.with_properties(self.exchange(), self.routing_key(), &properties)
    }
}

/// The keys that the message goes by beside its own. Costs next to nothing if it has none.
///
/// # Errors
///
/// 406 if one of the headers is no list.
pub(super) fn keys(message: &Message) -> Result<Vec<String>, Refusal> {
    if !may_have(message, OPEN) {
        return Ok(Vec::new());
    }
    let headers = message.properties().headers().unwrap_or_default();
    let mut keys = listed(&headers, OPEN)?;
    keys.extend(listed(&headers, BLIND)?);
    Ok(keys)
}

fn listed(headers: &FieldTable, name: &str) -> Result<Vec<String>, Refusal> {
    match headers.get(name) {
        None => Ok(Vec::new()),
        Some(Value::Array(keys)) => {
            Ok(keys.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        }
        Some(other) => Err(Refusal::precondition(format_args!(
            "invalid message: {{unacceptable_type_in_header,\"{name}\",{}}}",
            other.type_name()
        ))),
    }
}

/// Whether the bytes of a header's name are there at all. `BCC` contains `CC`, so asking for that
/// finds both.
fn may_have(message: &Message, name: &str) -> bool {
    message.property_flags() & HEADERS != 0
        && message.header().windows(name.len()).any(|bytes| bytes == name.as_bytes())
}

#[cfg(test)]
mod tests {
    use broker_protocol::table::{FieldTable, Value};

    use crate::message::sample;
    use crate::routing::copies::keys;

    fn list(keys: &[&str]) -> Value {
        Value::Array(keys.iter().map(|&key| key.into()).collect())
    }

    fn table(fields: &[(&str, Value)]) -> FieldTable {
        fields.iter().cloned().collect()
    }

    #[test]
    fn keys_are_what_both_headers_list() {
        let no =
            "PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,\"BCC\",longstr}";
        let mixed = Value::Array(vec!["a".into(), 5.into(), "b".into()]);
        let cases = [
            (vec![], Ok(vec![])),
            (vec![("other", "CC".into())], Ok(vec![])),
            (vec![("CC", list(&["a", "b"]))], Ok(vec!["a", "b"])),
            (vec![("BCC", list(&["c"])), ("CC", list(&["a"]))], Ok(vec!["a", "c"])),
            (vec![("CC", mixed)], Ok(vec!["a", "b"])),
            (vec![("BCC", "c".into())], Err(no)),
        ];
        for (headers, expected) in cases {
            let message = sample::with_headers("e", "k", table(&headers));
            let keys = keys(&message).map_err(|refusal| refusal.text);
            let expected = expected
                .map(|keys| keys.into_iter().map(str::to_owned).collect())
                .map_err(str::to_owned);
            assert_eq!(keys, expected, "{headers:?}");
        }
    }

    #[test]
    fn blind_copies_are_taken_out_and_nothing_else() {
        let kept = [("CC", list(&["a"])), ("mine", 1.into())];
        let all = [&kept[..], &[("BCC", list(&["b"]))]].concat();
        let stripped = sample::with_headers("e", "k", table(&all)).without_blind_copies().unwrap();
        assert_eq!(stripped.properties().headers(), Some(table(&kept)));
        assert_eq!((stripped.exchange(), stripped.routing_key()), ("e", "k"));
        assert!(sample::with_headers("e", "k", table(&kept)).without_blind_copies().is_none());
        assert!(sample::message("e", "BCC", b"BCC").without_blind_copies().is_none());
    }
}
