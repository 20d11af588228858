//! What requests carry: names in the path, an object in the body.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use broker_core::name::Name;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::management::failed::Failed;

/// Bytes of a body, at most: a large message in base 64, or many definitions.
pub(super) const LARGEST: usize = 48 << 20;

/// Bytes of a name that clients can use, at most: it is a short string in AMQP.
const LONGEST: usize = 255;

/// A body that is a JSON object, whatever its content type says; none at all is an empty one.
#[derive(Debug)]
pub(crate) struct Payload<T>(pub(crate) T);

/// Names from the path, percent-decoded.
#[derive(Debug)]
pub(crate) struct Names<T>(pub(crate) T);

/// The name of what is made, as clients can say it.
///
/// # Errors
///
/// 400 if it is too long for AMQP.
pub(super) fn short(name: &str) -> Result<Name, Failed> {
    if name.len() > LONGEST {
        return Err(Failed::bad_request("names and routing keys have 255 bytes at most"));
    }
    Ok(name.into())
}

/// The name of an exchange as paths and documents have it.
pub(super) fn exchange_name(name: &str) -> &str {
    if name == "amq.default" { "" } else { name }
}

// === impl Payload ===

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Payload<T> {
    type Rejection = Failed;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failed> {
        let bytes =
            Bytes::from_request(request, state).await.map_err(|rejection| unread(&rejection))?;
        parse(&bytes).map(Self)
    }
}

fn unread(rejection: &BytesRejection) -> Failed {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let reason = format_args!("more than {LARGEST} bytes");
        return Failed::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", reason);
    }
    Failed::bad_request(rejection.body_text())
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failed> {
    let bytes = if bytes.trim_ascii().is_empty() { b"{}" } else { bytes };
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| Failed::bad_request(format_args!("not JSON: {error}")))?;
    if !value.is_object() {
        return Err(Failed::bad_request("the body has to be a JSON object"));
    }
    serde_json::from_value(value).map_err(Failed::bad_request)
}

// === impl Names ===

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Names<T> {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failed> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(names)) => Ok(Self(names)),
            Err(rejection) => Err(Failed::bad_request(rejection.body_text())),
        }
    }
}

#[cfg(test)]
mod tests {
    use broker_api::LimitChange;

    use super::*;

    #[test]
    fn a_body_is_an_object() {
        #[rustfmt::skip]
        let cases: [(&str, Result<i64, &str>); 5] = [
            ("{\"value\": 3, \"other\": 1}", Ok(3)),
            ("",                             Err("missing field `value`")),
            ("{\"value\": \"x\"}",           Err("invalid type")),
            ("[]",                           Err("has to be a JSON object")),
            ("{",                            Err("not JSON")),
        ];
        for (text, expected) in cases {
            let found = parse::<LimitChange>(text.as_bytes()).map(|change| change.value);
            match (found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(found), Err(expected)) => {
                    assert!(format!("{found:?}").contains(expected), "{text}: {found:?}");
                }
                (found, expected) => panic!("{text}: {found:?} is not {expected:?}"),
            }
        }
    }
}
