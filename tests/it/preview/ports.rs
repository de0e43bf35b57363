//! The gateway of these tests.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use previewd::{
    domain::address::Address,
    preview::face::route::{Gateway, GatewayError, OpenSite, PageOf, Route},
};

/// Ports that nobody listens on, and who has them.
#[derive(Clone, Default)]
pub(super) struct Ports(pub(super) Arc<Mutex<HashMap<u16, Arc<Route>>>>);

pub(super) struct Port {
    ports: Ports,
    port: u16,
    address: Address,
}

impl OpenSite for Port {
    fn address(&self) -> &Address {
        &self.address
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.ports.0.lock().unwrap().remove(&self.port);
    }
}

#[async_trait]
impl Gateway for Ports {
    async fn open(&self, route: Arc<Route>, before: Option<&Address>) -> Result<Box<dyn OpenSite>, GatewayError> {
        let mut held = self.0.lock().unwrap();
        let free = || (20000..30000).find(|port| !held.contains_key(port));
        let port = before
            .and_then(|before| before.port)
            .or_else(free)
            .ok_or(GatewayError::NoPortFree { first: 20000, last: 29999 })?;
        if held.contains_key(&port) {
            return Err(GatewayError::PortTaken(port));
        }
        held.insert(port, route);
        let address = Address { url: format!("http://127.0.0.1:{port}/"), port: Some(port) };
        Ok(Box::new(Port { ports: self.clone(), port, address }))
    }

    fn page_of(&self, _: &str, port: u16) -> PageOf {
        let held = self.0.lock().unwrap();
        held.get(&port).map_or(PageOf::Others, |route| PageOf::Preview(route.preview.clone()))
    }
}
