//! Apps that do not begin to answer, and clients that do not go on.

use std::time::Duration;

use axum::{Router, body::Bytes, routing::any};
use previewd::domain::decide::SiteState;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::{Instant, sleep, timeout},
};

use crate::gateway_support::{App, DEADLINE, Front, GET};

const TIMEOUT: Duration = Duration::from_millis(300);

/// Answers with the size of what it was sent, and below `/never` not at all.
fn app() -> Router {
    let never = any(|| async {
        sleep(DEADLINE * 2).await;
        "late"
    });
    Router::new().route("/", any(|body: Bytes| async move { format!("{} bytes", body.len()) })).route("/never", never)
}

async fn front(app: &App) -> Front {
    let front = Front::with(|options| (options.answer_timeout, options.upload_still) = (TIMEOUT, TIMEOUT)).await;
    front.route.set(SiteState::Open(app.address));
    front
}

fn never(accept: &str) -> String {
    format!("GET /never HTTP/1.1\r\nhost: a\r\naccept: {accept}\r\nconnection: close\r\n\r\n")
}

#[tokio::test]
async fn an_app_that_does_not_begin_to_answer_gets_its_caller_a_page() {
    let app = App::start(app()).await;
    let front = front(&app).await;
    let begun = Instant::now();
    let answer = front.ask(&never("application/json")).await;
    assert!(answer.starts_with("HTTP/1.1 504 ") && answer.contains("ANSWER_TIMEOUT"), "{answer}");
    assert!(begun.elapsed() >= TIMEOUT);
    timeout(DEADLINE, front.route.doubted()).await.expect("somebody looks after it");
    assert!(front.ask(GET).await.ends_with("0 bytes"), "others are answered");
}

#[tokio::test]
async fn a_stream_of_events_may_be_long_in_coming() {
    let app = App::start(app()).await;
    let front = front(&app).await;
    let mut client = front.connect().await;
    client.send(&never("text/event-stream")).await;
    assert!(timeout(TIMEOUT * 3, client.0.readable()).await.is_err(), "it was answered");
}

#[tokio::test]
async fn an_upload_that_comes_on_has_all_the_time_it_needs() {
    let app = App::start(app()).await;
    let front = front(&app).await;
    let mut client = front.connect().await;
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\nconnection: close\r\n\r\n").await;
    for byte in ["a", "b", "c", "d", "e", "f"] {
        sleep(TIMEOUT / 3).await;
        client.send(byte).await;
    }
    let answer = client.rest().await;
    assert!(answer.ends_with("6 bytes"), "{answer}");
}

#[tokio::test]
async fn an_upload_that_stands_still_is_cut() {
    let app = App::start(app()).await;
    // It is not the app that is late, whichever time is the shorter.
    let front = Front::with(|options| (options.answer_timeout, options.upload_still) = (TIMEOUT / 3, TIMEOUT)).await;
    front.route.set(SiteState::Open(app.address));
    let mut client = front.connect().await;
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\nconnection: close\r\n\r\nabc").await;
    let answer = timeout(DEADLINE, client.rest()).await.expect("it was not cut");
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("0.3 s"), "{answer}");
}

#[tokio::test]
async fn interim_answers_are_no_answer() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let front = Front::with(|options| options.answer_timeout = TIMEOUT).await;
    front.route.set(SiteState::Open(listener.local_addr().unwrap()));
    let endless = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        while stream.write_all(b"HTTP/1.1 102 Processing\r\n\r\n").await.is_ok() {
            sleep(Duration::from_millis(10)).await;
        }
    });
    let answer = timeout(DEADLINE, front.ask(GET)).await.expect("it goes on");
    assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
    timeout(DEADLINE, endless).await.expect("the app is left").unwrap();
}
