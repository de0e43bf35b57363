//! The gateway: what is held, what is forwarded, and how.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Bytes, http::HeaderMap, routing::any};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use previewd::domain::{
    decide::SiteState,
    failure::{Failure, FailureStage},
    reason::Reason,
};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::gateway_support::{App, DEADLINE, Front, GET, Raw, eventually, head_of, hello, is_idle};

#[tokio::test]
async fn request_is_held_until_the_app_is_there() {
    let app = App::start(hello()).await;
    let front = Front::open().await;
    let mut client = front.connect().await;
    client.send(GET).await;
    let held = timeout(Duration::from_millis(50), client.0.readable()).await;
    assert!(held.is_err(), "answered while nothing was there");
    assert!(is_idle(&front.route).await, "a held request counts as on its way");
    front.route.set(SiteState::Open(app.address));
    let answer = client.rest().await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains(&format!("x-previewd-preview: {}\r\n", front.route.preview)), "{answer}");
    assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
}

#[tokio::test]
async fn request_held_too_long_is_told_to_come_back() {
    let front = Front::with(|options| options.hold = Duration::from_millis(50)).await;
    let answer = front.ask(GET).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("retry-after: 1\r\n"), "{answer}");
}

#[tokio::test]
async fn requests_beyond_those_that_may_wait_are_refused() {
    let front = Front::with(|options| options.held = 1).await;
    let mut first = front.connect().await;
    first.send(GET).await;
    let mut refused = String::new();
    while !refused.starts_with("HTTP/1.1 503 ") {
        // Until the first one waits, this one might.
        let mut raw = front.connect().await;
        raw.send(GET).await;
        refused = timeout(Duration::from_millis(200), raw.rest()).await.unwrap_or_default();
    }
    front.route.set(SiteState::Gone);
    assert!(first.rest().await.starts_with("HTTP/1.1 410 "));
}

#[tokio::test]
async fn paused_preview_is_woken_by_a_request() {
    let app = App::start(hello()).await;
    let front = Front::open().await;
    front.route.set(SiteState::Paused);
    let mut client = front.connect().await;
    client.send(GET).await;
    timeout(DEADLINE, front.route.doubted()).await.expect("a wish to be woken");
    front.route.set(SiteState::Open(app.address));
    assert!(client.rest().await.ends_with("hello"));
}

#[tokio::test]
async fn failure_is_shown_escaped_and_as_json_to_who_prefers_it() {
    let front = Front::open().await;
    let mut failure = Failure::new(FailureStage::Start, Reason::SyntaxError, "unexpected <script>");
    failure.file = Some("src/main.py".into());
    failure.line = Some(7);
    failure.log_excerpt = vec!["if a < b & c > \"d\":".into(), "\u{1b}[31mred".into()];
    front.route.set(SiteState::Failed(Arc::new(failure)));

    let page = front.ask(GET).await;
    assert!(page.starts_with("HTTP/1.1 502 "), "{page}");
    for part in ["cache-control: no-store", "text/html", "src/main.py:7", "SYNTAX_ERROR", "while it started"] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    assert!(page.contains("if a &lt; b &amp; c &gt; &quot;d&quot;:\n[31mred\n"), "{page}");
    assert!(!page.contains("<script>") && !page.contains("http-equiv"), "{page}");

    let request = GET.replace("connection", "accept: application/json, text/plain, */*\r\nconnection");
    let answer = front.ask(&request).await;
    let json: serde_json::Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(json["failure"]["line"], 7);
    assert_eq!(json["failure"]["stage"], "start");
    assert_eq!(json["error"]["reason"], "PREVIEW_FAILED");
}

#[tokio::test]
async fn only_what_is_meant_for_the_next_hop_is_changed() {
    let app = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let front = Front::to(app.local_addr().unwrap()).await;
    let mut client = front.connect().await;
    client
        .send(
            "GET /a/../b?c=%20d HTTP/1.1\r\nHost: my-preview.test:8100\r\nConnection: keep-alive, X-Mine\r\n\
             X-Mine: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nProxy-Authorization: no\r\nUpgrade: websocket\r\n\
             X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nForwarded: for=6.6.6.6\r\n\
             Accept-Encoding: br\r\nOrigin: http://my-preview.test:8100\r\n\r\n",
        )
        .await;
    let (mut stream, _) = app.accept().await.unwrap();
    let head = head_of(&mut stream).await;
    assert!(head.starts_with("GET /a/../b?c=%20d HTTP/1.1\r\n"), "{head}");
    for kept in [
        "host: my-preview.test:8100\r\n",
        "te: trailers\r\n",
        "x-forwarded-for: 127.0.0.1\r\n",
        "x-forwarded-proto: http\r\n",
        "x-forwarded-host: my-preview.test:8100\r\n",
        "accept-encoding: br\r\n",
        "origin: http://my-preview.test:8100\r\n",
    ] {
        assert!(head.contains(kept), "{kept} is not in {head}");
    }
    for removed in ["x-mine", "keep-alive", "proxy-", "upgrade", "6.6.6.6", "\r\nconnection"] {
        assert!(!head.contains(removed), "{removed} is in {head}");
    }
    let answer = "HTTP/1.1 200 Fine\r\nConnection: X-Theirs\r\nX-Theirs: 1\r\nKeep-Alive: timeout=5\r\n\
                  Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\nok";
    stream.write_all(answer.as_bytes()).await.unwrap();
    let head = client.until("\r\n\r\nok").await;
    assert!(head.starts_with("HTTP/1.1 200 Fine\r\n"), "{head}");
    assert!(head.contains("set-cookie: a=1\r\nset-cookie: b=2\r\n"), "{head}");
    for removed in ["x-theirs", "keep-alive", "\r\nconnection"] {
        assert!(!head.contains(removed), "{removed} is in {head}");
    }
}

#[tokio::test]
async fn request_without_one_host_is_refused() {
    let app = App::start(hello()).await;
    let front = Front::to(app.address).await;
    for request in [
        "GET / HTTP/1.1\r\nconnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\nconnection: close\r\n\r\n",
    ] {
        assert!(front.ask(request).await.starts_with("HTTP/1.1 400 "), "{request}");
    }
    assert!(front.ask("GET / HTTP/1.0\r\n\r\n").await.ends_with("hello"));
    assert!(front.ask("CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\nconnection: close\r\n\r\n").await.contains(" 405 "));
}

#[tokio::test]
async fn head_of_5000_bytes_passes_and_one_of_100000_does_not() {
    let app = App::start(
        Router::new().fallback(any(|headers: HeaderMap| async move { headers["x-long"].len().to_string() })),
    )
    .await;
    let front = Front::to(app.address).await;
    let request =
        |length| format!("GET / HTTP/1.1\r\nhost: a\r\nx-long: {}\r\nconnection: close\r\n\r\n", "x".repeat(length));
    assert!(front.ask(&request(5_000)).await.ends_with("\r\n\r\n5000"));
    let mut client = front.connect().await;
    let _ = client.0.write_all(request(100_000).as_bytes()).await;
    assert!(client.until("\r\n").await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn head_request_and_not_modified_keep_their_length() {
    let app = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let front = Front::to(app.local_addr().unwrap()).await;
    let mut client = front.connect().await;
    client.send("HEAD / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let (mut stream, _) = app.accept().await.unwrap();
    head_of(&mut stream).await;
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n").await.unwrap();
    assert!(client.until("\r\n\r\n").await.contains("content-length: 1234\r\n"));
    client.send("GET / HTTP/1.1\r\nhost: a\r\nif-none-match: \"x\"\r\n\r\n").await;
    head_of(&mut stream).await;
    stream.write_all(b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n").await.unwrap();
    assert!(client.until("\r\n\r\n").await.contains("etag: \"x\"\r\n"));
}

#[tokio::test]
async fn bodies_stream_in_both_directions_with_trailers() {
    let app = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let front = Front::to(app.local_addr().unwrap()).await;
    let mut client = front.connect().await;
    client.send("POST / HTTP/1.1\r\nhost: a\r\nte: trailers\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n").await;
    let (stream, _) = app.accept().await.unwrap();
    let mut app = Raw(stream);
    let head = app.until("\r\n\r\n").await;
    assert!(head.contains("transfer-encoding: chunked\r\n") && !head.contains("content-length"), "{head}");
    app.until("3\r\none\r\n").await;
    app.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n3\r\nuno\r\n").await;
    client.until("3\r\nuno\r\n").await;
    client.send("3\r\ntwo\r\n0\r\n\r\n").await;
    app.until("3\r\ntwo\r\n0\r\n\r\n").await;
    app.send("3\r\ndos\r\n0\r\nx-sum: 6\r\n\r\n").await;
    client.until("3\r\ndos\r\n0\r\nx-sum: 6\r\n\r\n").await;
}

#[tokio::test]
async fn body_is_asked_for_only_when_the_app_takes_it() {
    let app = App::start(Router::new().fallback(any(|body: Bytes| async move { body }))).await;
    let front = Front::open().await;
    let mut client = front.connect().await;
    client
        .send("POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\nconnection: close\r\n\r\n")
        .await;
    assert!(timeout(Duration::from_millis(50), client.0.readable()).await.is_err(), "asked for while held");
    front.route.set(SiteState::Open(app.address));
    assert_eq!(client.until("\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("12345").await;
    assert!(client.rest().await.ends_with("\r\n\r\n12345"));
}

#[tokio::test]
async fn http2_client_is_served() {
    let app = App::start(Router::new().fallback(any(|headers: HeaderMap, body: Bytes| async move {
        let text = |name: &str| headers[name].to_str().unwrap().to_owned();
        format!("{} {} {}", text("host"), text("cookie"), body.len())
    })))
    .await;
    let front = Front::to(app.address).await;
    let stream = TcpStream::connect(front.address()).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let requests = (0..20).map(|n| {
        let request = http::Request::post("http://preview.test/x")
            .header("cookie", "a=1")
            .header("cookie", "b=2")
            .body(Full::new(Bytes::from(vec![b'x'; n * 10_000])))
            .unwrap();
        let answer = sender.send_request(request);
        async move {
            let body = timeout(DEADLINE, answer).await.unwrap().unwrap().collect().await.unwrap().to_bytes();
            assert_eq!(body, format!("preview.test a=1; b=2 {}", n * 10_000));
        }
    });
    futures_util::future::join_all(requests).await;
}

#[tokio::test]
async fn client_that_goes_away_counts_no_longer() {
    let app = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let front = Front::with(|options| options.held = 1).await;
    let mut held = front.connect().await;
    held.send(GET).await;
    drop(held);
    // The one place to wait is free again.
    let mut client = front.connect().await;
    let mut waits = false;
    while !waits {
        client = front.connect().await;
        client.send(GET).await;
        waits = timeout(Duration::from_millis(50), client.0.readable()).await.is_err();
    }
    front.route.set(SiteState::Open(app.local_addr().unwrap()));
    let (mut stream, _) = app.accept().await.unwrap();
    head_of(&mut stream).await;
    assert!(!is_idle(&front.route).await);
    drop(client);
    assert!(front.route.drained(DEADLINE).await, "the request of a client that left is still counted");
    Raw(stream).rest().await;
}

#[tokio::test]
async fn connections_to_the_app_are_used_again() {
    let app = App::start(hello()).await;
    let front = Front::to(app.address).await;
    let mut client = front.connect().await;
    for _ in 0..50 {
        client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        client.until("hello").await;
    }
    let made = app.connections.load(Ordering::SeqCst);
    assert!(made <= 5, "{made} connections for 50 requests one after the other");
}

#[tokio::test]
async fn slow_download_stops_no_drain() {
    let app = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let front = Front::with(|options| options.long_lived_after = Duration::from_millis(100)).await;
    front.route.set(SiteState::Open(app.local_addr().unwrap()));
    let mut client = front.connect().await;
    client.send(GET).await;
    let (mut stream, _) = app.accept().await.unwrap();
    head_of(&mut stream).await;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc").await.unwrap();
    client.until("abc").await;
    assert!(!is_idle(&front.route).await);
    assert!(front.route.drained(DEADLINE).await);
    let before = front.route.last_used();
    eventually("use by an open download", || front.route.last_used() > before).await;
    stream.write_all(b"def").await.unwrap();
    assert!(client.rest().await.ends_with("def"));
}

#[tokio::test]
async fn requests_without_an_answer_are_bounded_by_the_reasons_they_have() {
    let front = Front::with(|options| options.unreachable_after = Duration::from_millis(150)).await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    front.route.set(SiteState::Open(nobody));
    let answer = front.ask(GET).await;
    assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("takes no connections"), "{answer}");

    // An app that reads a request and dies of it.
    let app = TcpListener::bind("127.0.0.1:0").await.unwrap();
    front.route.set(SiteState::Open(app.local_addr().unwrap()));
    let seen = Arc::new(AtomicUsize::new(0));
    let count = seen.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = app.accept().await {
            head_of(&mut stream).await;
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    for (request, times) in [
        (GET, 2),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", 1),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\nconnection: close\r\n\r\nab", 1),
        ("DELETE / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", 1),
        ("GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\nconnection: close\r\n\r\nab", 1),
    ] {
        seen.store(0, Ordering::SeqCst);
        let answer = front.ask(request).await;
        assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("without an answer"), "{answer}");
        assert_eq!(seen.load(Ordering::SeqCst), times, "{request}");
    }
}
