//! Several sites behind one listener, as where previews are told apart by name and not by port.

use std::{collections::HashMap, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, routing::get};
use http::{Request, header::HOST};
use hyper::body::Incoming;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    listener::{self, Listener, ListenerSlot, Sites},
    options::GatewayOptions,
    site::Site,
};
use crate::{
    domain::{decide::SiteState, ids::PreviewId},
    preview::face::route::Route,
};

/// More than anything here takes, on a machine that is busy.
const DEADLINE: Duration = Duration::from_secs(20);

/// Sites by the host that a request names.
struct ByHost(HashMap<&'static str, Arc<Site>>);

impl Sites for ByHost {
    fn resolve(&self, request: &Request<Incoming>) -> Option<Arc<Site>> {
        let host = request.headers().get(HOST)?.to_str().ok()?;
        self.0.get(host.split(':').next()?).cloned()
    }
}

/// A listener with two sites.
struct House {
    address: SocketAddr,
    one: Arc<Route>,
    other: Arc<Route>,
    close_one: CancellationToken,
}

impl House {
    async fn open() -> Self {
        let (options, tasks, token) =
            (Arc::new(GatewayOptions::default()), TaskTracker::new(), CancellationToken::new());
        let (one, other) = (Route::new(PreviewId::random()), Route::new(PreviewId::random()));
        let close_one = token.child_token();
        let site = |route: &Arc<Route>, token| Site::open(route.clone(), options.clone(), token, tasks.clone());
        let sites =
            [("one.localhost", site(&one, close_one.clone())), ("other.localhost", site(&other, token.child_token()))];
        let socket = listener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = socket.local_addr().unwrap();
        let listener = Listener::new(ByHost(sites.into()), options, token, tasks.clone());
        tasks.spawn(listener.accept(Arc::new(ListenerSlot::new(socket))));
        Self { address, one, other, close_one }
    }
}

/// Starts an app that answers with a text.
async fn app(text: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/", get(move || async move { text }));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// Sends a request on a connection that is open, and returns what comes back up to a text.
async fn ask(connection: &mut TcpStream, host: &str, until: &str) -> String {
    connection.write_all(format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n").as_bytes()).await.unwrap();
    let read = async {
        let mut answer = String::new();
        let mut buffer = [0; 4096];
        while !answer.contains(until) {
            let count = connection.read(&mut buffer).await.unwrap();
            assert_ne!(count, 0, "the connection has ended: {answer}");
            answer.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        answer
    };
    timeout(DEADLINE, read).await.unwrap()
}

#[tokio::test]
async fn each_request_of_a_connection_goes_to_the_site_that_it_names() {
    let house = House::open().await;
    house.one.set(SiteState::Open(app("first").await));
    house.other.set(SiteState::Open(app("second").await));
    let mut connection = TcpStream::connect(house.address).await.unwrap();
    for (host, body, preview) in [
        ("one.localhost", "first", &house.one.preview),
        ("other.localhost:8080", "second", &house.other.preview),
        ("one.localhost", "first", &house.one.preview),
    ] {
        let answer = ask(&mut connection, host, body).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains(&format!("x-previewd-preview: {preview}")), "{answer}");
    }
    let answer = ask(&mut connection, "nobody.localhost", "</html>").await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
}

#[tokio::test]
async fn a_site_is_held_and_closed_without_the_others() {
    let house = House::open().await;
    house.other.set(SiteState::Open(app("second").await));
    let mut waiting = TcpStream::connect(house.address).await.unwrap();
    let waits = ask(&mut waiting, "one.localhost", "</html>");
    let mut connection = TcpStream::connect(house.address).await.unwrap();
    let others = async {
        ask(&mut connection, "other.localhost", "second").await;
        house.close_one.cancel();
        ask(&mut connection, "other.localhost", "second").await;
    };
    // The connection of the one that is closed goes on too.
    tokio::join!(timeout(DEADLINE, async { _ = waits.await }), others).0.unwrap();
    ask(&mut waiting, "other.localhost", "second").await;
}
