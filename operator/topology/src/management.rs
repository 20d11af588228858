//! The management API, for what AMQP cannot tell.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
pub use broker_api::ObjectTotals;
use broker_api::Overview;
use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::endpoint::Password;

/// How long one question may take.
const LIMIT: Duration = Duration::from_secs(3);
/// The largest answer that is read, in bytes.
const MAX_BODY: usize = 32 << 20;

/// What a node has, by vhost and name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    queues: HashSet<(String, String)>,
    exchanges: HashSet<(String, String)>,
}

/// The part of a listed queue or exchange that matters.
#[derive(Debug, Deserialize)]
struct Place {
    vhost: String,
    name: String,
}

/// Why a node did not say how it is.
#[derive(Debug, Error)]
pub enum Error {
    /// No connection, or it broke.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The node does not speak HTTP.
    #[error("{0}")]
    Http(#[from] hyper::Error),
    /// The answer was not what the API promises.
    #[error("{0}")]
    Answer(String),
    /// The node refused.
    #[error("HTTP status {0}")]
    Status(StatusCode),
    /// No answer within three seconds.
    #[error("no answer within {} s", LIMIT.as_secs())]
    Silent,
}

// === impl Names ===

impl Names {
    /// Queues and exchanges, each with its vhost.
    pub fn new<'a>(
        queues: impl IntoIterator<Item = (&'a str, &'a str)>,
        exchanges: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let owned = |(vhost, name): (&str, &str)| (vhost.to_owned(), name.to_owned());
        Self {
            queues: queues.into_iter().map(owned).collect(),
            exchanges: exchanges.into_iter().map(owned).collect(),
        }
    }

    /// Whether there is a queue of this name.
    pub fn has_queue(&self, vhost: &str, name: &str) -> bool {
        self.queues.contains(&(vhost.to_owned(), name.to_owned()))
    }

    /// Whether there is an exchange of this name.
    pub fn has_exchange(&self, vhost: &str, name: &str) -> bool {
        self.exchanges.contains(&(vhost.to_owned(), name.to_owned()))
    }
}

/// Asks the node at `address` for its overview: who it is, and the epoch of this run.
///
/// # Errors
///
/// When it does not answer properly within three seconds.
pub async fn overview(
    address: SocketAddr,
    username: &str,
    password: &Password,
) -> Result<Overview, Error> {
    let token = STANDARD.encode(format!("{username}:{}", password.reveal()));
    let answer = get(address, "/api/overview", &token);
    let body = timeout(LIMIT, answer).await.map_err(|_| Error::Silent)??;
    serde_json::from_slice(&body).map_err(|error| Error::Answer(error.to_string()))
}

/// Asks the node at `address` for the names of its exchanges and queues.
///
/// # Errors
///
/// When it does not answer properly within three seconds, or in more than 32 MiB.
pub async fn names(
    address: SocketAddr,
    username: &str,
    password: &Password,
) -> Result<Names, Error> {
    let token = STANDARD.encode(format!("{username}:{}", password.reveal()));
    let list = async |path| {
        let body =
            timeout(LIMIT, get(address, path, &token)).await.map_err(|_| Error::Silent)??;
        let listed: Vec<Place> =
            serde_json::from_slice(&body).map_err(|error| Error::Answer(error.to_string()))?;
        Ok::<_, Error>(listed.into_iter().map(|place| (place.vhost, place.name)).collect())
    };
    Ok(Names { queues: list("/api/queues").await?, exchanges: list("/api/exchanges").await? })
}

async fn get(address: SocketAddr, path: &str, token: &str) -> Result<Bytes, Error> {
    let request = Request::get(path)
        .header(HOST, address.to_string())
        .header(AUTHORIZATION, format!("Basic {token}"))
        .body(Empty::<Bytes>::new())
        .map_err(|error| Error::Answer(error.to_string()))?;
    let socket = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
    let talk = async {
        let response = sender.send_request(request).await?;
        if response.status() != StatusCode::OK {
            return Err(Error::Status(response.status()));
        }
        let body = Limited::new(response.into_body(), MAX_BODY).collect().await;
        Ok(body.map_err(|error| Error::Answer(error.to_string()))?.to_bytes())
    };
    // The connection makes progress only while it is polled, and may end before the answer is read.
    let drive = async {
        let ended = connection.await;
        match ended {
            Ok(()) => std::future::pending().await,
            Err(error) => Err(Error::Http(error)),
        }
    };
    tokio::select! {
        answer = talk => answer,
        broken = drive => broken,
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Serves one connection with `answer` and returns what was asked.
    async fn asked(answer: &'static str) -> (String, Result<Overview, Error>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let read = socket.read(&mut request).await.unwrap();
            socket.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&request[..read]).into_owned()
        };
        let password = Password::new("secret");
        tokio::join!(server, overview(address, "user", &password))
    }

    #[tokio::test]
    async fn the_epoch_is_read() {
        let body = "HTTP/1.1 200 OK\r\ncontent-length: 34\r\n\r\n{\"node\":\"orders-0\",\"epoch\":\"beef\"}";
        let (request, answer) = asked(body).await;
        assert!(request.starts_with("GET /api/overview HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("authorization: Basic dXNlcjpzZWNyZXQ=\r\n"), "{request}");
        let overview = answer.unwrap();
        assert_eq!((overview.node.as_str(), overview.epoch.as_str()), ("orders-0", "beef"));
    }

    #[tokio::test]
    async fn names_are_read_from_two_lists() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = async {
            for (path, name) in [("/api/queues", "billing"), ("/api/exchanges", "orders")] {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 4096];
                let read = socket.read(&mut request).await.unwrap();
                let asked = String::from_utf8_lossy(&request[..read]).into_owned();
                assert!(asked.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{asked}");
                let body = format!(r#"[{{"vhost":"/","name":"{name}","durable":true}}]"#);
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                socket.write_all((head + &body).as_bytes()).await.unwrap();
            }
        };
        let password = Password::new("secret");
        let ((), names) = tokio::join!(server, names(address, "user", &password));
        assert_eq!(names.unwrap(), Names::new([("/", "billing")], [("/", "orders")]));
    }

    #[tokio::test]
    async fn a_refusal_and_nonsense_are_errors() {
        let refused = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n";
        assert!(matches!(asked(refused).await.1, Err(Error::Status(StatusCode::UNAUTHORIZED))));
        assert!(matches!(asked("SSH-2.0-x\r\n\r\n").await.1, Err(Error::Http(_))));
        let html = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>";
        assert!(matches!(asked(html).await.1, Err(Error::Answer(_))));
    }
}
