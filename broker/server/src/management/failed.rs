//! Requests that are not granted: a status, a word for programs and a sentence for people.

use std::fmt;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use broker_api::Failure;
use broker_core::refusal::Refusal;
use broker_protocol::reply::ReplyCode;

/// Why a request was not granted. Nothing has changed.
#[derive(Debug)]
pub(crate) struct Failed {
    status: StatusCode,
    error: &'static str,
    reason: String,
}

// === impl Failed ===

impl Failed {
    pub(crate) fn new(status: StatusCode, error: &'static str, reason: impl fmt::Display) -> Self {
        Self { status, error, reason: reason.to_string() }
    }

    /// 400: what was sent makes no sense.
    pub(crate) fn bad_request(reason: impl fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", reason)
    }

    /// 401: it is not known who asks, or it is and may not.
    pub(crate) fn not_authorised(reason: impl fmt::Display) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "not_authorised", reason)
    }

    /// 404: there is no such thing.
    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "Object Not Found")
    }

    /// 503: the node cannot say, perhaps because it stops.
    pub(crate) fn unavailable() -> Self {
        let reason = "the broker is stopping, or too busy to answer";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", reason)
    }
}

impl From<Refusal> for Failed {
    /// As RabbitMQ's API passes on what a channel was closed with.
    fn from(refusal: Refusal) -> Self {
        match refusal.code {
            ReplyCode::AccessRefused => Self::not_authorised(refusal.text),
            ReplyCode::NotFound => Self::new(StatusCode::NOT_FOUND, "not_found", refusal.text),
            code => Self::bad_request(format_args!("{} {}", code.number(), refusal.text)),
        }
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let body = Failure { error: self.error.to_owned(), reason: self.reason };
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let realm = HeaderValue::from_static("Basic realm=\"Warren management\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
        }
        response
    }
}
