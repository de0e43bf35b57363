//! Apps, clients and ports for the tests of the gateway.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, routing::any};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use previewd::{
    domain::{decide::SiteState, ids::PreviewId},
    gateway::{GatewayOptions, PortGateway},
    preview::face::route::{Gateway, OpenSite, Route},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::{JoinHandle, JoinSet},
    time::timeout,
};

/// More than anything here takes, on a machine that is busy.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// An app that can be killed with all its connections, and started again at the same address.
pub struct App {
    pub address: SocketAddr,
    pub connections: Arc<AtomicUsize>,
    kill: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl App {
    pub async fn start(router: Router) -> Self {
        Self::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), router).await
    }

    pub async fn start_at(address: SocketAddr, router: Router) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (kill, mut killed) = oneshot::channel();
        let count = connections.clone();
        let task = tokio::spawn(async move {
            let mut open = JoinSet::new();
            loop {
                let stream = tokio::select! {
                    _ = &mut killed => break,
                    accepted = listener.accept() => accepted.unwrap().0,
                };
                count.fetch_add(1, Ordering::SeqCst);
                let service = TowerToHyperService::new(router.clone());
                open.spawn(async move {
                    let builder = auto::Builder::new(TokioExecutor::new());
                    let _ = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
                });
            }
            drop(listener);
            open.shutdown().await;
        });
        Self { address, connections, kill, task }
    }

    /// Ends it the way a killed process ends. Returns when its port is free.
    pub async fn kill(self) {
        let _ = self.kill.send(());
        self.task.await.unwrap();
    }
}

/// An open site of a gateway, with its route.
pub struct Front {
    pub gateway: PortGateway,
    pub route: Arc<Route>,
    pub site: Box<dyn OpenSite>,
}

impl Front {
    pub async fn open() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn to(address: SocketAddr) -> Self {
        let front = Self::open().await;
        front.route.set(SiteState::Open(address));
        front
    }

    pub async fn with(change: impl FnOnce(&mut GatewayOptions)) -> Self {
        let mut options = range(50);
        change(&mut options);
        let gateway = PortGateway::new(options);
        let route = Route::new(PreviewId::random());
        let site = gateway.open(route.clone(), None).await.unwrap();
        Self { gateway, route, site }
    }

    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.site.address().port.unwrap()))
    }

    pub async fn connect(&self) -> Raw {
        Raw(TcpStream::connect(self.address()).await.unwrap())
    }

    /// Sends one request on a connection of its own and returns everything that comes back.
    pub async fn ask(&self, request: &str) -> String {
        let mut raw = self.connect().await;
        raw.send(request).await;
        raw.rest().await
    }
}

/// Options with ports that no other test uses, below those that the kernel hands out.
pub fn range(ports: u16) -> GatewayOptions {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = 20_000 + (std::process::id() % 40) as u16 * 250;
    let first = begin + NEXT.fetch_add(ports, Ordering::SeqCst) % 2_000;
    GatewayOptions { first, last: first + ports - 1, ..GatewayOptions::default() }
}

pub const GET: &str = "GET / HTTP/1.1\r\nhost: preview.test\r\nconnection: close\r\n\r\n";

/// A connection on which a test writes the bytes itself.
pub struct Raw(pub TcpStream);

impl Raw {
    pub async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads until the text has come, and returns everything up to its end.
    pub async fn until(&mut self, text: &str) -> String {
        let mut read = Vec::new();
        while !read.ends_with(text.as_bytes()) {
            let byte = timeout(DEADLINE, self.0.read_u8()).await;
            let so_far = String::from_utf8_lossy(&read);
            read.push(byte.expect(&so_far).unwrap_or_else(|error| panic!("{error} after {so_far}")));
        }
        String::from_utf8(read).unwrap()
    }

    /// Reads until the other side closes.
    pub async fn rest(&mut self) -> String {
        let mut read = Vec::new();
        let _ = timeout(DEADLINE, self.0.read_to_end(&mut read)).await.expect("the connection to be closed");
        String::from_utf8_lossy(&read).into_owned()
    }
}

/// An app that answers everything in the same way.
pub fn hello() -> Router {
    Router::new().fallback(any(|| async { "hello" }))
}

/// Waits until the condition holds.
pub async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(DEADLINE, wait).await.unwrap_or_else(|_| panic!("{what} did not happen"));
}

/// Says whether no request is on its way, now.
pub async fn is_idle(route: &Route) -> bool {
    route.drained(Duration::from_millis(1)).await
}

/// Reads the head of a request on a connection that an app has accepted.
pub async fn head_of(stream: &mut TcpStream) -> String {
    let mut raw = Vec::new();
    while !raw.ends_with(b"\r\n\r\n") {
        raw.push(timeout(DEADLINE, stream.read_u8()).await.unwrap().unwrap());
    }
    String::from_utf8(raw).unwrap()
}
