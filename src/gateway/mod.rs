//! The reverse proxy in front of every preview.
//!
//! Each preview has a port of its own, listened on by this process. What a request may do is read from the preview's
//! [`Route`], which the driver writes: it is forwarded, or held until the state changes, or answered with a page that
//! says why nothing answers. The gateway counts what is on its way in that same route, and decides nothing else.
//!
//! ```text
//! listener   ports, accepting, the life of a connection
//!    v
//! service    hold or forward, and whether to try again        pages    what it answers by itself
//!    v
//! forward    what a proxy changes in requests and answers     body     bodies in both directions
//!    v
//! upstream   connections to the app, kept for reuse           upgrade  WebSockets
//! ```

mod body;
mod forward;
mod listener;
mod pages;
mod service;
mod upgrade;
mod upstream;

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    domain::ids::PreviewId,
    preview::face::route::{Gateway, GatewayError, OpenPort, PageOf, Route},
};
use listener::ListenerSlot;
use service::Port;

/// How previews are reached.
#[derive(Debug, Clone)]
pub struct GatewayOptions {
    /// The address that ports are opened on.
    pub bind: IpAddr,
    /// The first port of the range.
    pub first: u16,
    /// The last port of the range.
    pub last: u16,
    /// How long a request may wait for the app, all its waits together.
    pub hold: Duration,
    /// How many requests of one preview may wait at the same time; further ones are refused with 503.
    pub held: usize,
    /// How many connections one preview may have; further ones wait in the backlog.
    pub connections: usize,
    /// How long a client may take to send the head of a request.
    pub header_timeout: Duration,
    /// How long a connection to an app may take to be made.
    pub connect_timeout: Duration,
    /// How long an app that is said to be there may refuse connections, before the request is answered with 502.
    pub unreachable_after: Duration,
    /// From when on an answer counts as long-lived, so that no drain waits for it.
    pub long_lived_after: Duration,
    /// How long the connections of a closed port may take to end by themselves.
    pub grace: Duration,
}

impl Default for GatewayOptions {
    fn default() -> Self {
        Self {
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            first: 8100,
            last: 8200,
            hold: Duration::from_secs(60),
            held: 4096,
            connections: 1024,
            header_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(2),
            unreachable_after: Duration::from_secs(5),
            long_lived_after: Duration::from_secs(10),
            grace: Duration::from_secs(2),
        }
    }
}

/// The gateway with a port for each preview.
#[derive(Debug)]
pub struct PortGateway {
    options: Arc<GatewayOptions>,
    /// Where to look for the next port.
    next: AtomicU16,
    /// Whose ports are open.
    open: Arc<Mutex<HashMap<u16, PreviewId>>>,
    token: CancellationToken,
    tasks: TaskTracker,
}

impl PortGateway {
    /// Returns a gateway that has no port open.
    pub fn new(options: GatewayOptions) -> Self {
        Self {
            next: AtomicU16::new(options.first),
            options: Arc::new(options),
            open: Arc::default(),
            token: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }

    /// Ends every connection, and returns when all have ended: at the latest after the grace time.
    ///
    /// The ports themselves close when their [`OpenPort`]s are dropped. A repeat call returns at once.
    pub async fn shut_down(&self) {
        self.token.cancel();
        self.tasks.close();
        // The tasks keep to the grace time by themselves; the second on top is for a machine that is busy.
        let _ = tokio::time::timeout(self.options.grace + Duration::from_secs(1), self.tasks.wait()).await;
    }

    fn listen(&self, port: Option<u16>) -> Result<tokio::net::TcpListener, GatewayError> {
        let bind = |port| listener::bind(SocketAddr::new(self.options.bind, port));
        if let Some(port) = port {
            return bind(port).map_err(|error| match error.kind() {
                std::io::ErrorKind::AddrInUse => GatewayError::PortTaken(port),
                _ => GatewayError::Listen(error),
            });
        }
        let (first, last) = (self.options.first, self.options.last);
        // In turn: a page of the preview that had a port before goes on to ask for it in browsers where it is open.
        let next = self.next.load(Ordering::Relaxed).clamp(first, last);
        for port in (next..=last).chain(first..next) {
            match bind(port) {
                Ok(listener) => {
                    self.next.store(if port < last { port + 1 } else { first }, Ordering::Relaxed);
                    return Ok(listener);
                }
                Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(GatewayError::Listen(error)),
            }
        }
        Err(GatewayError::NoPortFree { first, last })
    }

    fn url(&self, port: u16) -> String {
        let host = match self.options.bind {
            bind if bind.is_unspecified() => "localhost".to_owned(),
            IpAddr::V6(bind) => format!("[{bind}]"),
            bind => bind.to_string(),
        };
        format!("http://{host}:{port}/")
    }
}

#[async_trait]
impl Gateway for PortGateway {
    async fn open(&self, route: Arc<Route>, port: Option<u16>) -> Result<Box<dyn OpenPort>, GatewayError> {
        let listener = self.listen(port)?;
        let address = listener.local_addr().map_err(GatewayError::Listen)?;
        let token = self.token.child_token();
        let slot = Arc::new(ListenerSlot::new(listener));
        let preview = route.preview.clone();
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(address.port(), preview);
        let port = Arc::new(Port::new(route, self.options.clone(), token.clone(), self.tasks.clone()));
        self.tasks.spawn(listener::accept(slot.clone(), port));
        let (port, open) = (address.port(), self.open.clone());
        Ok(Box::new(ListeningPort { port, url: self.url(port), slot, token, open }))
    }

    fn page_of(&self, port: u16) -> PageOf {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        match open.get(&port) {
            Some(preview) => PageOf::Preview(preview.clone()),
            None if (self.options.first..=self.options.last).contains(&port) => PageOf::Nobody,
            None => PageOf::Others,
        }
    }
}

struct ListeningPort {
    port: u16,
    url: String,
    slot: Arc<ListenerSlot>,
    token: CancellationToken,
    open: Arc<Mutex<HashMap<u16, PreviewId>>>,
}

impl OpenPort for ListeningPort {
    fn port(&self) -> u16 {
        self.port
    }

    fn url(&self) -> String {
        self.url.clone()
    }
}

impl Drop for ListeningPort {
    fn drop(&mut self) {
        // Before another may have the port.
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.port);
        // In this order: the port is free when the drop returns, and the accept loop is woken to see it.
        self.slot.close();
        self.token.cancel();
    }
}
