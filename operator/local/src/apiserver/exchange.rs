//! Requests and responses as the verbs see them, free of HTTP machinery.

use std::convert::Infallible;

use bytes::Bytes;
use futures::stream::BoxStream;
use http::Method;
use serde_json::Value;

use crate::apiserver::{negotiate::Accept, query::Params, status::ApiError};

/// One request, its body complete.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// The HTTP method.
    pub(crate) method: Method,
    /// The path, still percent-encoded.
    pub(crate) path: String,
    /// The query.
    pub(crate) params: Params,
    /// What the client can read.
    pub(crate) accept: Accept,
    /// Media type of the body without parameters, lower case; empty when not given.
    pub(crate) content_type: String,
    /// Name of the client program: the `User-Agent` up to the first slash.
    pub(crate) agent: String,
    /// The body.
    pub(crate) body: Bytes,
}

/// What is sent back.
pub(crate) struct Response {
    /// The HTTP status code.
    pub(crate) code: u16,
    /// The media type of the body.
    pub(crate) content_type: &'static str,
    /// `Warning` headers, for a person to read.
    pub(crate) warnings: Vec<String>,
    /// `ETag` and other headers of documents that clients cache.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The body.
    pub(crate) body: Body,
}

/// The body of a response.
pub(crate) enum Body {
    /// All of it.
    Whole(Bytes),
    /// Pieces, as they come; the connection closes the stream when the client goes.
    Stream(BoxStream<'static, Result<Bytes, Infallible>>),
}

/// JSON, the default of every answer.
pub(crate) const JSON: &str = "application/json";

// === impl Response ===

impl Response {
    /// A body that is complete.
    pub(crate) fn whole(code: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let body = Body::Whole(body.into());
        Self { code, content_type, warnings: Vec::new(), headers: Vec::new(), body }
    }

    /// A JSON document.
    pub(crate) fn json(code: u16, value: &Value) -> Self {
        Self::whole(code, JSON, value.to_string())
    }

    /// A body of unknown length.
    pub(crate) fn stream(
        content_type: &'static str,
        pieces: BoxStream<'static, Result<Bytes, Infallible>>,
    ) -> Self {
        Self { body: Body::Stream(pieces), ..Self::whole(200, content_type, Bytes::new()) }
    }
}

impl From<ApiError> for Response {
    fn from(error: ApiError) -> Self {
        Self::json(error.code, &error.to_value())
    }
}
