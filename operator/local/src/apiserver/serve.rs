//! The listener: TLS, the token, the size of bodies, and HTTP around the verbs.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};
use http::{HeaderValue, header};
use http_body_util::{BodyExt, Either, Full, LengthLimitError, Limited, StreamBody};
use hyper::{
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use crate::apiserver::{
    exchange::{Body, Request, Response},
    negotiate::Accept,
    query::Params,
    route::Route,
    status::ApiError,
    tls::Identity,
    verbs::Api,
};

/// The largest body that is read, in bytes; that of Kubernetes.
const BODY_LIMIT: usize = 3 * 1024 * 1024;

/// How long a TLS handshake may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a connection may wait for its next request.
const IDLE: Duration = Duration::from_secs(3600);

type HttpBody =
    Either<Full<Bytes>, StreamBody<BoxStream<'static, Result<Frame<Bytes>, Infallible>>>>;

/// A bound listener.
pub(crate) struct Server {
    listener: TcpListener,
    tls: TlsAcceptor,
    token: Arc<str>,
    api: Arc<Api>,
    address: SocketAddr,
}

// === impl Server ===

impl Server {
    /// Takes a free port of 127.0.0.1.
    pub(crate) async fn bind(identity: &Identity, token: &str, api: Arc<Api>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let tls = TlsAcceptor::from(identity.server_config()?);
        Ok(Self { listener, tls, token: token.into(), api, address })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until it is dropped; every connection ends with it.
    pub(crate) async fn run(self) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        let (tls, api) = (self.tls.clone(), self.api.clone());
                        connections.spawn(connection(stream, tls, self.token.clone(), api));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }
}

async fn connection(stream: TcpStream, tls: TlsAcceptor, token: Arc<str>, api: Arc<Api>) {
    let _ = stream.set_nodelay(true);
    let Ok(Ok(stream)) = timeout(PATIENCE, tls.accept(stream)).await else {
        return;
    };
    let service = service_fn(move |request| {
        let (token, api) = (token.clone(), api.clone());
        async move { Ok::<_, Infallible>(encode(answer(request, &token, &api).await)) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended");
    }
}

async fn answer(request: http::Request<Incoming>, token: &str, api: &Arc<Api>) -> Response {
    let (head, body) = request.into_parts();
    let text = |name| head.headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok());
    let public = matches!(Route::parse(head.uri.path()), Route::Health | Route::Version);
    let given = text(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    if !public && !given.is_some_and(|given| same(given.trim(), token)) {
        return ApiError::unauthorized().into();
    }
    let body = match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return ApiError::too_large(BODY_LIMIT).into();
        }
        Err(error) => {
            return ApiError::bad_request(format!("cannot read the body: {error}")).into();
        }
    };
    let content_type = text(header::CONTENT_TYPE).unwrap_or_default();
    let agent = text(header::USER_AGENT).unwrap_or_default();
    let request = Request {
        params: Params::parse(head.uri.query().unwrap_or_default()),
        path: head.uri.path().to_owned(),
        accept: Accept::parse(text(header::ACCEPT).unwrap_or_default()),
        content_type: content_type.split(';').next().unwrap_or_default().trim().to_lowercase(),
        agent: agent.split('/').next().unwrap_or_default().to_owned(),
        method: head.method,
        body,
    };
    tracing::debug!(method = %request.method, path = request.path, agent, "request");
    api.handle(request).await
}

/// Compares in time that does not depend on where the difference is.
fn same(given: &str, token: &str) -> bool {
    let differ = given.bytes().zip(token.bytes()).fold(0, |acc, (a, b)| acc | (a ^ b));
    given.len() == token.len() && differ == 0
}

fn encode(response: Response) -> http::Response<HttpBody> {
    let body = match response.body {
        Body::Whole(bytes) => Either::Left(Full::new(bytes)),
        Body::Stream(pieces) => {
            let frames = pieces.map(|piece| piece.map(Frame::data)).boxed();
            Either::Right(StreamBody::new(frames))
        }
    };
    let mut encoded = http::Response::new(body);
    *encoded.status_mut() = http::StatusCode::from_u16(response.code)
        .unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = encoded.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(response.content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    for warning in response.warnings {
        let quoted = warning.replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
            headers.append(header::WARNING, value);
        }
    }
    for (name, value) in response.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    encoded
}
