//! One attempt of a probe.

use std::net::Ipv4Addr;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest part of an answer that is looked at; a status line is far shorter.
const STATUS_LINE: u64 = 256;

/// What an attempt does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::kubelet) enum Handler {
    /// GET over plain HTTP; passes on 200 to 399.
    Http { host: String, port: u16, path: String, headers: Vec<(String, String)> },
    /// Passes when a connection is accepted.
    Tcp { host: String, port: u16 },
    /// `exec`, `grpc` and HTTPS are not carried out and taken as passed.
    Skipped,
    /// The probe names a port that the container does not have.
    Broken(String),
}

// === impl Handler ===

impl Handler {
    /// What `probe` of `container` asks for, against `address` unless it names a host.
    pub(super) fn new(probe: &Probe, container: &Container, address: Ipv4Addr) -> Self {
        let host = |host: &Option<String>| host.clone().unwrap_or_else(|| address.to_string());
        if let Some(http) = &probe.http_get {
            if http.scheme.as_deref().is_some_and(|scheme| scheme.eq_ignore_ascii_case("https")) {
                return Self::Skipped;
            }
            let headers = http.http_headers.iter().flatten();
            return match number(&http.port, container) {
                Ok(port) => Self::Http {
                    host: host(&http.host),
                    port,
                    path: http.path.clone().unwrap_or_else(|| "/".to_owned()),
                    headers: headers
                        .map(|header| (header.name.clone(), header.value.clone()))
                        .collect(),
                },
                Err(message) => Self::Broken(message),
            };
        }
        match &probe.tcp_socket {
            Some(tcp) => match number(&tcp.port, container) {
                Ok(port) => Self::Tcp { host: host(&tcp.host), port },
                Err(message) => Self::Broken(message),
            },
            None => Self::Skipped,
        }
    }

    /// Carries out one attempt; an error is the sentence that `kubectl describe` shows.
    pub(in crate::kubelet) async fn attempt(&self, limit: Duration) -> Result<(), String> {
        let attempt = async {
            match self {
                Self::Http { host, port, path, headers } => get(host, *port, path, headers).await,
                Self::Tcp { host, port } => connect(host, *port).await.map(drop),
                Self::Skipped => Ok(()),
                Self::Broken(message) => Err(message.clone()),
            }
        };
        match timeout(limit, attempt).await {
            Ok(outcome) => outcome,
            Err(_) => Err(format!("no answer within {}s", limit.as_secs())),
        }
    }
}

/// A port given by number, or by the name that the container gives it.
fn number(port: &IntOrString, container: &Container) -> Result<u16, String> {
    let found = match port {
        IntOrString::Int(number) => Some(*number),
        IntOrString::String(name) => container
            .ports
            .iter()
            .flatten()
            .find(|port| port.name.as_deref() == Some(name))
            .map(|port| port.container_port)
            .or_else(|| name.parse().ok()),
    };
    let found = found.and_then(|number| u16::try_from(number).ok()).filter(|number| *number != 0);
    found.ok_or_else(|| match port {
        IntOrString::Int(number) => format!("{number} is not a port"),
        IntOrString::String(name) => format!("the container has no port named {name}"),
    })
}

async fn connect(host: &str, port: u16) -> Result<TcpStream, String> {
    TcpStream::connect((host, port))
        .await
        .map_err(|error| format!("connect to {host}:{port}: {error}"))
}

async fn get(
    host: &str,
    port: u16,
    path: &str,
    headers: &[(String, String)],
) -> Result<(), String> {
    let mut stream = connect(host, port).await?;
    let mut request =
        format!("GET {path} HTTP/1.1\r\nConnection: close\r\nUser-Agent: kube-probe/warren\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        request.push_str(&format!("Host: {host}:{port}\r\n"));
    }
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    let url = format!("http://{host}:{port}{path}");
    let failed = |error| format!("GET {url}: {error}");
    stream.write_all(request.as_bytes()).await.map_err(failed)?;
    let mut answer = Vec::new();
    while !answer.contains(&b'\n') && (answer.len() as u64) < STATUS_LINE {
        if stream.read_buf(&mut answer).await.map_err(failed)? == 0 {
            break;
        }
    }
    match status(&answer) {
        Some(200..=399) => Ok(()),
        Some(code) => Err(format!("GET {url}: HTTP probe failed with statuscode: {code}")),
        None => Err(format!("GET {url}: the answer is not HTTP")),
    }
}

/// The status code of an HTTP/1.x answer.
fn status(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let code = line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?;
    code.trim_end().parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::net::TcpListener;

    use super::*;

    async fn answering(answer: &'static str) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = vec![0; 1024];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        port
    }

    #[tokio::test]
    async fn an_http_probe_judges_by_the_status_code() {
        #[rustfmt::skip]
        let cases = [
            ("HTTP/1.1 200 OK\r\n\r\n",            true),
            ("HTTP/1.1 204\r\n\r\n",               true),
            ("HTTP/1.0 302 Found\r\n\r\n",         true),
            ("HTTP/1.1 503 Unavailable\r\n\r\n",   false),
            ("HTTP/1.1 404 Not Found\r\n\r\n",     false),
            ("AMQP\0\0\x09\x01",                   false),
            ("",                                   false),
        ];
        for (answer, expected) in cases {
            let port = answering(answer).await;
            let handler = Handler::Http {
                host: "127.0.0.1".into(),
                port,
                path: "/x".into(),
                headers: vec![],
            };
            let outcome = handler.attempt(Duration::from_secs(5)).await;
            assert_eq!(outcome.is_ok(), expected, "{answer:?}: {outcome:?}");
        }
    }

    #[tokio::test]
    async fn a_silent_server_fails_at_the_time_limit() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let handler =
            Handler::Http { host: "127.0.0.1".into(), port, path: "/".into(), headers: vec![] };
        assert!(handler.attempt(Duration::from_millis(50)).await.is_err());
        let handler = Handler::Tcp { host: "127.0.0.1".into(), port };
        assert!(handler.attempt(Duration::from_secs(5)).await.is_ok());
        drop(listener);
        assert!(handler.attempt(Duration::from_secs(5)).await.is_err());
    }

    #[test]
    fn ports_are_found_by_name() {
        let container: Container = serde_json::from_value(
            json!({"name": "c", "ports": [{"name": "management", "containerPort": 15672}]}),
        )
        .unwrap();
        let handler = |probe: serde_json::Value| {
            Handler::new(
                &serde_json::from_value(probe).unwrap(),
                &container,
                Ipv4Addr::new(127, 9, 0, 2),
            )
        };
        let tcp = |port| Handler::Tcp { host: "127.9.0.2".into(), port };
        assert_eq!(handler(json!({"tcpSocket": {"port": "management"}})), tcp(15672));
        assert_eq!(handler(json!({"tcpSocket": {"port": 1}})), tcp(1));
        assert!(matches!(handler(json!({"tcpSocket": {"port": "amqp"}})), Handler::Broken(_)));
        assert!(matches!(handler(json!({"httpGet": {"port": 70000}})), Handler::Broken(_)));
        assert_eq!(handler(json!({"exec": {"command": ["true"]}})), Handler::Skipped);
        assert_eq!(handler(json!({"httpGet": {"port": 1, "scheme": "HTTPS"}})), Handler::Skipped);
    }
}
