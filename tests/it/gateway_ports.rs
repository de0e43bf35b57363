//! The gateway's ports: which are taken, how many connections they have, and how they close.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use previewd::{
    domain::{address::Address, decide::SiteState, ids::PreviewId},
    gateway::PortGateway,
    preview::face::route::{Gateway, GatewayError, OpenSite, Route},
};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::gateway_support::{App, DEADLINE, Front, GET, head_of, hello, range};

fn port_of(site: &dyn OpenSite) -> u16 {
    site.address().port.unwrap()
}

/// Returns the address that a preview had in an earlier life.
fn at(port: u16) -> Address {
    Address { url: format!("http://127.0.0.1:{port}/"), port: Some(port) }
}

#[tokio::test]
async fn ports_are_taken_in_turn_though_one_has_become_free() {
    let options = range(3);
    let first = options.first;
    let gateway = PortGateway::new(options);
    for turn in [0, 1, 2, 0] {
        let open = gateway.open(Route::new(PreviewId::random()), None).await.unwrap();
        assert_eq!(port_of(&*open), first + turn);
    }
}

#[tokio::test]
async fn ports_of_others_are_skipped() {
    let options = range(4);
    let first = options.first;
    let other = TcpListener::bind((Ipv4Addr::LOCALHOST, first)).await.unwrap();
    let everywhere = TcpListener::bind((Ipv4Addr::UNSPECIFIED, first + 1)).await.unwrap();
    let gateway = PortGateway::new(options);
    let route = || Route::new(PreviewId::random());
    let (one, two) = tokio::join!(gateway.open(route(), None), gateway.open(route(), None));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!((port_of(&*one), port_of(&*two)), (first + 2, first + 3));
    assert_eq!(one.address().url, format!("http://127.0.0.1:{}/", first + 2));
    let full = gateway.open(route(), None).await;
    assert!(matches!(full, Err(GatewayError::NoPortFree { .. })));
    let taken = gateway.open(route(), Some(&at(first))).await;
    assert!(matches!(taken, Err(GatewayError::PortTaken(port)) if port == first));
    // With a connection that lingers, and at once.
    for _ in 0..20 {
        let client = TcpStream::connect((Ipv4Addr::LOCALHOST, first + 2)).await.unwrap();
        drop(gateway.open(route(), Some(&at(first + 2))).await.err().expect("the port is still ours"));
        drop(client);
    }
    drop(one);
    let mut again = gateway.open(route(), None).await.unwrap();
    for _ in 0..20 {
        assert_eq!(port_of(&*again), first + 2);
        let client = TcpStream::connect((Ipv4Addr::LOCALHOST, first + 2)).await.unwrap();
        drop(again);
        again = gateway.open(route(), Some(&at(first + 2))).await.unwrap();
        drop(client);
    }
    drop((other, everywhere));
    assert_eq!(port_of(&*gateway.open(route(), None).await.unwrap()), first);
}

#[tokio::test]
async fn closed_port_lets_requests_end_and_cuts_the_rest() {
    let app = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let front = Front::with(|options| options.grace = Duration::from_millis(500)).await;
    front.route.set(SiteState::Open(app.local_addr().unwrap()));
    let address: SocketAddr = front.address();
    let mut quick = front.connect().await;
    quick.send(GET).await;
    let (mut quick_app, _) = app.accept().await.unwrap();
    head_of(&mut quick_app).await;
    let mut stuck = front.connect().await;
    stuck.send(GET).await;
    let (mut stuck_app, _) = app.accept().await.unwrap();
    head_of(&mut stuck_app).await;
    let Front { gateway, route, site } = front;
    drop(site);
    assert!(TcpStream::connect(address).await.is_err(), "the port still listens");
    quick_app.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
    assert!(quick.rest().await.ends_with("\r\n\r\nok"));
    assert_eq!(stuck.rest().await, "");
    assert!(route.drained(DEADLINE).await);
    timeout(DEADLINE, gateway.shut_down()).await.expect("everything to end");
}

#[tokio::test]
async fn further_connections_wait_for_a_place() {
    let app = App::start(hello()).await;
    let front = Front::with(|options| options.connections = 1).await;
    front.route.set(SiteState::Open(app.address));
    let mut first = front.connect().await;
    first.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    first.until("hello").await;
    let mut second = front.connect().await;
    second.send(GET).await;
    assert!(timeout(Duration::from_millis(50), second.0.readable()).await.is_err());
    drop(first);
    assert!(second.rest().await.ends_with("hello"));
}

#[tokio::test]
async fn silent_client_is_closed() {
    let front = Front::with(|options| options.header_timeout = Duration::from_millis(50)).await;
    for begin in ["", "PRI * HT", "GET / HTTP/1.1\r\nhos"] {
        let mut client = front.connect().await;
        client.send(begin).await;
        client.rest().await;
    }
}
