//! Reading logs back the way `kubectl logs` does.

use super::*;

fn request() -> LogRequest {
    LogRequest { namespace: "shop".to_owned(), pod: "orders-0".to_owned(), ..LogRequest::default() }
}

async fn text(logs: &Logs, request: LogRequest) -> String {
    let mut stream = logs.open(request).await.unwrap_or_else(|error| panic!("{error}"));
    let mut text = Vec::new();
    while let Some(bytes) = stream.next().await {
        text.extend(bytes.unwrap());
    }
    String::from_utf8(text).unwrap()
}

fn write(container: &ContainerLogs, run: i32, text: &str) {
    let file = container.begin(run);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

#[tokio::test]
async fn the_current_and_the_previous_run_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::new(folder.path().to_owned());
    let container = logs.container("shop", "orders-0", "broker");
    for run in 0..3 {
        write(&container, run, &format!("run {run}\nend\n"));
        container.end(run);
    }
    assert_eq!(text(&logs, request()).await, "run 2\nend\n");
    assert_eq!(text(&logs, LogRequest { previous: true, ..request() }).await, "run 1\nend\n");
    assert_eq!(container.runs(), [1, 2], "older runs are forgotten");
    assert_eq!(container.tail(2), "run 2\nend");
}

#[tokio::test]
async fn the_last_lines_and_bytes_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::new(folder.path().to_owned());
    write(&logs.container("shop", "orders-0", "broker"), 0, "a\nb\nc");
    #[rustfmt::skip]
    let cases = [
        // tail      limit     text
        (None,       None,     "a\nb\nc"),
        (Some(0),    None,     ""),
        (Some(1),    None,     "c"),
        (Some(2),    None,     "b\nc"),
        (Some(9),    None,     "a\nb\nc"),
        (None,       Some(3),  "a\nb"),
        (Some(2),    Some(1),  "b"),
    ];
    for (tail_lines, limit_bytes, expected) in cases {
        let request = LogRequest { tail_lines, limit_bytes, ..request() };
        assert_eq!(text(&logs, request).await, expected, "{tail_lines:?} {limit_bytes:?}");
    }
}

#[tokio::test]
async fn a_followed_log_ends_with_its_run() {
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::new(folder.path().to_owned());
    let container = logs.container("shop", "orders-0", "broker");
    write(&container, 0, "one\n");
    let writer = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        write(&container, 0, "one\ntwo\n");
        container.end(0);
    };
    let (seen, ()) = tokio::join!(text(&logs, LogRequest { follow: true, ..request() }), writer);
    assert_eq!(seen, "one\ntwo\n");
}

#[tokio::test]
async fn what_cannot_be_shown_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::new(folder.path().to_owned());
    let refusal = |request: LogRequest| {
        let logs = logs.clone();
        async move { logs.open(request).await.err().expect("refused").to_string() }
    };
    assert_eq!(refusal(request()).await, "container in pod orders-0 has not been started yet");
    write(&logs.container("shop", "orders-0", "a"), 0, "");
    write(&logs.container("shop", "orders-0", "b"), 0, "");
    assert!(refusal(request()).await.contains("[a b]"));
    let named = LogRequest { container: Some("a".to_owned()), ..request() };
    assert!(refusal(LogRequest { previous: true, ..named.clone() }).await.contains("previous"));
    assert!(refusal(LogRequest { timestamps: true, ..named }).await.contains("--timestamps"));
}
