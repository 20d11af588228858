//! Slow clients against a listener with one place.

use axum::Router;
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::*;

const BOUND: Duration = Duration::from_secs(20);

/// Sends `request` and reads to the end of what comes back.
async fn answer(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A connection that is cut off may end in a reset.
    let _ = timeout(BOUND, stream.read_to_end(&mut answer)).await.expect("cut off in time");
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn who_is_slow_is_cut_off_and_makes_room() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limited = Limited::new(listener, 1, Duration::from_millis(300));
    let router = Router::new().route("/", get(async || "here"));
    let server = tokio::spawn(async move { axum::serve(limited, router).await });
    assert_eq!(answer(address, "").await, "", "says nothing");
    assert!(!answer(address, "GET / HTTP/1.1\r\nX-Slow: ").await.contains("200 OK"));
    let kept_alive = answer(address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(kept_alive.contains("200 OK") && kept_alive.ends_with("here"), "{kept_alive}");
    server.abort();
}
