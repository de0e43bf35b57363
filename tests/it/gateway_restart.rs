//! The gateway while apps are restarted, killed and upgraded to other protocols: no request may be lost.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Router, body::Bytes, extract::State, routing::any};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use previewd::domain::decide::SiteState;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::gateway_support::{App, DEADLINE, Front, GET, Raw, eventually, head_of, is_idle};

/// An app that says which of its lives this is.
fn life(number: usize) -> Router {
    async fn say(State(number): State<usize>) -> String {
        format!("{number}\n{}", "x".repeat(3000))
    }
    Router::new().fallback(any(say)).with_state(number)
}

/// What the fetching clients and the one who restarts tell each other.
#[derive(Default)]
struct Shared {
    newest: AtomicUsize,
    stop: AtomicBool,
    /// How much each client has fetched.
    fetched: [AtomicUsize; CLIENTS.len()],
}

/// Whether a client keeps its connection, and how many milliseconds it rests between two fetches.
const CLIENTS: [(bool, u64); 4] = [(true, 5), (true, 0), (false, 5), (true, 1)];

/// Fetches again and again on one connection, as a browser does, or on one for each fetch. Panics when one fails.
async fn hammer(gateway: SocketAddr, client: usize, shared: Arc<Shared>) {
    let (keep, pause) = CLIENTS[client];
    let mut sender: Option<http1::SendRequest<Empty<Bytes>>> = None;
    while !shared.stop.load(Ordering::SeqCst) {
        if sender.is_none() {
            let stream = TcpStream::connect(gateway).await.unwrap();
            let (new, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            sender = Some(new);
        }
        let must_be = shared.newest.load(Ordering::SeqCst);
        let open = sender.as_mut().unwrap();
        open.ready().await.expect("the gateway keeps the connection");
        let request = http::Request::get("/").header("host", "a").body(Empty::new()).unwrap();
        let answer = timeout(DEADLINE, open.send_request(request)).await.unwrap().expect("an answer");
        assert_eq!(answer.status(), 200);
        let body = answer.collect().await.expect("a whole body").to_bytes();
        let number: usize = std::str::from_utf8(&body).unwrap().split('\n').next().unwrap().parse().unwrap();
        assert!(number >= must_be, "life {number} answered after life {must_be} was there");
        shared.fetched[client].fetch_add(1, Ordering::SeqCst);
        if !keep {
            sender = None;
        }
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}

/// Ends an app and starts the next one, that often, while each client fetches from every life. With a drain it is done as
/// the driver does it, without one as by an app that crashes.
async fn restart_under_fire(times: usize, drain: bool) {
    let mut app = App::start(life(0)).await;
    let front = Front::to(app.address).await;
    let shared = Arc::<Shared>::default();
    let clients: Vec<_> =
        (0..CLIENTS.len()).map(|client| tokio::spawn(hammer(front.address(), client, shared.clone()))).collect();
    for number in 1..=times {
        let address = app.address;
        if drain {
            front.route.set(SiteState::Hold);
            assert!(front.route.drained(DEADLINE).await);
        }
        app.kill().await;
        tokio::time::sleep(Duration::from_millis(number as u64 % 7)).await;
        app = App::start_at(address, life(number)).await;
        if drain {
            front.route.set(SiteState::Open(address));
        }
        shared.newest.store(number, Ordering::SeqCst);
        let counts = || shared.fetched.each_ref().map(|count| count.load(Ordering::SeqCst));
        let before = counts();
        let more = || counts().iter().zip(before).all(|(now, before)| *now > before + 1);
        eventually("a fetch more by each", || more() || clients.iter().any(|client| client.is_finished())).await;
    }
    shared.stop.store(true, Ordering::SeqCst);
    for client in clients {
        client.await.expect("no fetch fails");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fetch_fails_while_the_app_is_restarted_fifty_times() {
    restart_under_fire(50, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fetch_fails_when_the_app_crashes_and_is_started_again() {
    restart_under_fire(10, false).await;
}

#[tokio::test]
async fn request_that_the_app_dies_of_is_not_what_the_next_one_is_met_with() {
    let app = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = app.local_addr().unwrap();
    let front = Front::to(address).await;
    let mut client = front.connect().await;
    client.send("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    let (mut stream, _) = app.accept().await.unwrap();
    head_of(&mut stream).await;
    // The process is gone, the driver does not know yet, and then starts another.
    drop((stream, app));
    assert!(client.rest().await.starts_with("HTTP/1.1 502 "));
    front.route.set(SiteState::Hold);
    let app = App::start_at(address, life(1)).await;
    front.route.set(SiteState::Open(address));
    assert!(front.ask(GET).await.contains("\r\n\r\n1\n"));
    assert_eq!(app.connections.load(Ordering::SeqCst), 1, "that of the next");
    app.kill().await;
}

#[tokio::test]
async fn kept_connection_that_the_app_closed_costs_no_request() {
    let mut app = App::start(life(0)).await;
    let front = Front::to(app.address).await;
    let mut client = front.connect().await;
    for number in 1..30 {
        client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        client.until(&"x".repeat(3000)).await;
        // Without a word to the gateway.
        let address = app.address;
        app.kill().await;
        app = App::start_at(address, life(number)).await;
    }
}

#[tokio::test]
async fn body_is_delivered_once_when_the_app_was_not_there_yet() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let front = Front::to(address).await;
    let mut client = front.connect().await;
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\nconnection: close\r\n\r\n12345").await;
    let before = front.route.last_used();
    eventually("an attempt", || front.route.last_used() > before).await;
    let app = App::start_at(address, Router::new().fallback(any(|body: Bytes| async move { body }))).await;
    assert!(client.rest().await.ends_with("\r\n\r\n12345"));
    assert_eq!(app.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn events_pass_one_by_one_and_stop_no_drain() {
    let app = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let front = Front::to(app.local_addr().unwrap()).await;
    let mut client = front.connect().await;
    client.send("GET /events HTTP/1.1\r\nhost: a\r\naccept: text/event-stream\r\n\r\n").await;
    let (stream, _) = app.accept().await.unwrap();
    let mut app = Raw(stream);
    app.until("\r\n\r\n").await;
    app.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    client.until("\r\n\r\n").await;
    for number in 0..20 {
        let event = format!("data: {number:03}\n\n");
        app.send(&format!("b\r\n{event}\r\n")).await;
        client.until(&event).await;
    }
    assert!(is_idle(&front.route).await);
    let before = front.route.last_used();
    eventually("use by an open stream", || front.route.last_used() > before).await;
    // The app goes: the client has to see a broken stream, not a finished one.
    drop(app);
    assert!(!client.rest().await.contains("0\r\n\r\n"));
}

const WEBSOCKET: &str = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
                         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                         Sec-WebSocket-Protocol: vite-hmr\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: vite-hmr\r\n\r\n";

async fn websocket(front: &Front, app: &TcpListener, first: &str) -> (Raw, Raw) {
    let mut client = front.connect().await;
    // The client does not wait for the answer either.
    client.send(&format!("{WEBSOCKET}early")).await;
    let mut stream = Raw(app.accept().await.unwrap().0);
    let head = stream.until("\r\n\r\n").await;
    assert!(head.contains("connection: upgrade\r\n") && head.contains("upgrade: websocket\r\n"), "{head}");
    assert!(head.contains("sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), "{head}");
    stream.send(&format!("{SWITCH}{first}")).await;
    (client, stream)
}

#[tokio::test]
async fn websocket_passes_every_byte_untouched() {
    let app = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let front = Front::to(app.local_addr().unwrap()).await;
    for round in 0..50 {
        // At once after the 101, in the same packet.
        let first = "f".repeat(1 + round * 100);
        let (mut client, mut stream) = websocket(&front, &app, &first).await;
        let head = client.until("\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 101 ") && head.contains("connection: upgrade\r\n"), "{head}");
        assert!(head.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{head}");
        assert!(head.contains("sec-websocket-protocol: vite-hmr\r\n"), "{head}");
        client.until(&first).await;
        stream.until("early").await;
        assert!(is_idle(&front.route).await, "a WebSocket stops a drain");
    }
    let (client, stream) = websocket(&front, &app, "").await;
    let (Raw(mut client), Raw(mut stream)) = (client, stream);
    // A megabyte each way, with every byte value.
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
    let there = bytes.clone();
    let echo = tokio::spawn(async move {
        let mut read = vec![0; there.len() + 5];
        stream.read_exact(&mut read).await.unwrap();
        assert_eq!(read[5..], there);
        stream.write_all(&read[5..]).await.unwrap();
        stream
    });
    client.write_all(&bytes).await.unwrap();
    let mut back = Vec::new();
    while !back.ends_with(b"\r\n\r\n") {
        back.push(client.read_u8().await.unwrap());
    }
    let mut back = vec![0; bytes.len()];
    timeout(DEADLINE, client.read_exact(&mut back)).await.unwrap().unwrap();
    assert_eq!(back, bytes);
    let before = front.route.last_used();
    eventually("use by an open WebSocket", || front.route.last_used() > before).await;
    // The app ends it; the client sees the end.
    drop(echo.await.unwrap());
    assert_eq!(Raw(client).rest().await, "");
    let ended = Instant::now();
    eventually("the end of use", || front.route.last_used() < std::time::SystemTime::now() - Duration::from_millis(20))
        .await;
    assert!(ended.elapsed() < DEADLINE);
}

#[tokio::test]
async fn websocket_ends_with_the_preview_and_with_the_port() {
    let app = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let front = Front::to(app.local_addr().unwrap()).await;
    let (mut client, mut stream) = websocket(&front, &app, "").await;
    client.until("\r\n\r\n").await;
    stream.until("early").await;
    front.route.set(SiteState::Gone);
    assert_eq!(client.rest().await, "");
    assert_eq!(stream.rest().await, "");

    front.route.set(SiteState::Open(app.local_addr().unwrap()));
    let (mut client, mut stream) = websocket(&front, &app, "").await;
    client.until("\r\n\r\n").await;
    stream.until("early").await;
    drop(front.site);
    assert_eq!(client.rest().await, "");
    assert_eq!(stream.rest().await, "");
    timeout(DEADLINE, front.gateway.shut_down()).await.expect("everything to end");
}

#[tokio::test]
async fn refused_upgrade_is_an_answer_like_any_other() {
    let app = App::start(life(3)).await;
    let front = Front::to(app.address).await;
    let mut client = front.connect().await;
    client.send(WEBSOCKET).await;
    assert!(client.until(&"x".repeat(3000)).await.starts_with("HTTP/1.1 200 "));
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(client.until(&"x".repeat(3000)).await.starts_with("HTTP/1.1 200 "));
}
