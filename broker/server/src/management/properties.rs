//! Message properties as JSON, under the names that RabbitMQ's API gives them.

use broker_protocol::properties::{PERSISTENT, Properties, TRANSIENT};
use serde_json::{Map, Value as Json};

use crate::management::failed::Failed;
use crate::management::json;

/// The properties as a JSON object, without those that are absent.
pub(super) fn show(properties: &Properties<'_>) -> Map<String, Json> {
    let mut shown = Map::new();
    let texts = [
        ("content_type", properties.content_type),
        ("content_encoding", properties.content_encoding),
        ("correlation_id", properties.correlation_id),
        ("reply_to", properties.reply_to),
        ("expiration", properties.expiration),
        ("message_id", properties.message_id),
        ("type", properties.kind),
        ("user_id", properties.user_id),
        ("app_id", properties.app_id),
        ("cluster_id", properties.cluster_id),
    ];
    let texts = texts.into_iter().filter_map(|(name, text)| Some((name, Json::from(text?))));
    let numbers = [
        ("delivery_mode", properties.delivery_mode.map(u64::from)),
        ("priority", properties.priority.map(u64::from)),
        ("timestamp", properties.timestamp),
    ];
    let numbers = numbers.into_iter().filter_map(|(name, n)| Some((name, Json::from(n?))));
    shown.extend(texts.chain(numbers).map(|(name, value)| (name.to_owned(), value)));
    if let Some(headers) = &properties.headers {
        shown.insert("headers".to_owned(), Json::Object(json::arguments(headers)));
    }
    shown
}

/// The properties that a JSON object tells of.
pub(super) fn read(given: &Map<String, Json>) -> Result<Properties<'_>, Failed> {
    let mut properties = Properties::default();
    for (name, value) in given.iter().filter(|(_, value)| !value.is_null()) {
        let text = match name.as_str() {
            "content_type" => &mut properties.content_type,
            "content_encoding" => &mut properties.content_encoding,
            "correlation_id" => &mut properties.correlation_id,
            "reply_to" => &mut properties.reply_to,
            "expiration" => &mut properties.expiration,
            "message_id" => &mut properties.message_id,
            "type" => &mut properties.kind,
            "user_id" => &mut properties.user_id,
            "app_id" => &mut properties.app_id,
            "cluster_id" => &mut properties.cluster_id,
            "delivery_mode" => {
                let mode = octet(name, value)?;
                if ![TRANSIENT, PERSISTENT].contains(&mode) {
                    return Err(wrong(name, value));
                }
                properties.delivery_mode = Some(mode);
                continue;
            }
            "priority" => {
                properties.priority = Some(octet(name, value)?);
                continue;
            }
            "timestamp" => {
                properties.timestamp = Some(value.as_u64().ok_or_else(|| wrong(name, value))?);
                continue;
            }
            "headers" => {
                let headers = value.as_object().ok_or_else(|| wrong(name, value))?;
                properties.headers = Some(json::table(headers)?);
                continue;
            }
            _ => return Err(Failed::bad_request(format_args!("unknown property '{name}'"))),
        };
        let short = value.as_str().filter(|text| text.len() <= 255);
        *text = Some(short.ok_or_else(|| wrong(name, value))?);
    }
    Ok(properties)
}

fn octet(name: &str, value: &Json) -> Result<u8, Failed> {
    let number = value.as_u64().and_then(|number| u8::try_from(number).ok());
    number.ok_or_else(|| wrong(name, value))
}

fn wrong(name: &str, value: &Json) -> Failed {
    Failed::bad_request(format_args!("the property '{name}' cannot be {value}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn properties_come_back() {
        let given = json!({
            "content_type": "text/plain", "delivery_mode": 2, "priority": 9, "timestamp": 1,
            "type": "t", "headers": {"x-delay": 5, "deep": {"a": [true]}}, "expiration": "1000",
        });
        let given = given.as_object().unwrap();
        assert_eq!(show(&read(given).unwrap()), *given);
        for wrong in [
            json!({"delivery_mode": "2"}),
            json!({"delivery_mode": 3}),
            json!({"priority": 256}),
            json!({"headers": []}),
            json!({"message_id": "x".repeat(256)}),
            json!({"nonesuch": 1}),
        ] {
            assert!(read(wrong.as_object().unwrap()).is_err(), "{wrong}");
        }
    }
}
