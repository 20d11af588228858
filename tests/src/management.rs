//! The management API over plain HTTP.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;

use crate::patience::SOON;

/// What the API answered: the status, and the body if it is JSON, else null.
pub type Answer = (u16, Value);

/// Sends one request to the management API at `host`, as the user `guest`.
///
/// # Panics
///
/// When there is no answer in time, or none that makes sense.
pub fn request(host: &str, method: &str, path: &str, body: Option<&Value>) -> Answer {
    request_as(host, "guest:guest", method, path, body)
}

/// The same as another user: `login` is its name, a colon and its password.
///
/// # Panics
///
/// As [`request`].
pub fn request_as(
    host: &str,
    login: &str,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Answer {
    let login = BASE64_STANDARD.encode(login);
    let mut stream = TcpStream::connect((host, 15672)).expect("the management API listens");
    stream.set_read_timeout(Some(SOON)).expect("a time-out");
    let body = body.map(ToString::to_string).unwrap_or_default();
    let length = body.len();
    let request = format!(
        "{method} /api{path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic {login}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).expect("the request is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer of text, in time");
    let (head, body) = answer.split_once("\r\n\r\n").expect("headers and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.expect("a status"), serde_json::from_str(body).unwrap_or(Value::Null))
}
