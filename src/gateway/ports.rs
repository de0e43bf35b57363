//! Sites that have a port of this machine each.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    listener::{self, Listener, ListenerSlot},
    options::GatewayOptions,
    site::Site,
};
use crate::{
    domain::{address::Address, ids::PreviewId},
    preview::face::route::{Gateway, GatewayError, OpenSite, PageOf, Route},
};

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
    /// The ports themselves close when their [`OpenSite`]s are dropped. A repeat call returns at once.
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
    async fn open(&self, route: Arc<Route>, before: Option<&Address>) -> Result<Box<dyn OpenSite>, GatewayError> {
        let listener = self.listen(before.and_then(|before| before.port).filter(|port| *port != 0))?;
        let address = listener.local_addr().map_err(GatewayError::Listen)?;
        let (port, token) = (address.port(), self.token.child_token());
        let slot = Arc::new(ListenerSlot::new(listener));
        self.open.lock().insert(port, route.preview.clone());
        let site = Site::open(route, self.options.clone(), token.clone(), self.tasks.clone());
        let listener = Listener::new(site, self.options.clone(), token.clone(), self.tasks.clone());
        self.tasks.spawn(listener.accept(slot.clone()));
        let address = Address { url: self.url(port), port: Some(port) };
        Ok(Box::new(OpenPort { address, port, slot, token, open: self.open.clone() }))
    }

    fn page_of(&self, _host: &str, port: u16) -> PageOf {
        let open = self.open.lock();
        match open.get(&port) {
            Some(preview) => PageOf::Preview(preview.clone()),
            None if (self.options.first..=self.options.last).contains(&port) => PageOf::Nobody,
            None => PageOf::Others,
        }
    }
}

struct OpenPort {
    address: Address,
    port: u16,
    slot: Arc<ListenerSlot>,
    token: CancellationToken,
    open: Arc<Mutex<HashMap<u16, PreviewId>>>,
}

impl OpenSite for OpenPort {
    fn address(&self) -> &Address {
        &self.address
    }
}

impl Drop for OpenPort {
    fn drop(&mut self) {
        // Before another may have the port.
        self.open.lock().remove(&self.port);
        // In this order: the port is free when the drop returns, and the accept loop is woken to see it.
        self.slot.close();
        self.token.cancel();
    }
}
