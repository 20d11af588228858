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

#[tokio::test]
async fn who_is_idle_makes_room_for_a_newcomer_and_who_is_served_does_not() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limited = Limited::new(listener, 3, BOUND * 10);
    let router = Router::new().route("/", get(async || "here")).route(
        "/slow",
        get(async || {
            tokio::time::sleep(Duration::from_millis(500)).await;
            "at last"
        }),
    );
    let server = tokio::spawn(async move { axum::serve(limited, router).await });
    let close = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let served = close("/slow");
    let served = tokio::spawn(async move { answer(address, &served).await });
    // One says nothing, one has been answered and stays; both would stay for minutes.
    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut kept = TcpStream::connect(address).await.unwrap();
    kept.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut first = [0; 12];
    kept.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    for _ in 0..3 {
        assert!(answer(address, &close("/")).await.ends_with("here"));
    }
    assert!(served.await.unwrap().ends_with("at last"), "who is served is not sent away");
    let gone = timeout(BOUND, silent.read(&mut first)).await.expect("sent away in time");
    assert_eq!(gone.unwrap_or(0), 0);
    server.abort();
}
