//! The reverse proxy in front of every preview.
//!
//! A listener takes connections and finds out for each request which site it is for; a site is what the gateway knows of
//! one preview. What a request may do is read from the preview's [`Route`](crate::preview::face::route::Route), whose
//! state its driver decides: it is forwarded, or held until the state changes, or answered with a page that says why
//! nothing answers. The gateway counts what is on its way in that same route, and decides nothing else.
//!
//! ```text
//! ports      a port for each preview                          options  the bounds of all of it
//!    v
//! listener   accepting, the life of a connection, which site  stream   the first bytes of a connection
//!    v
//! service    hold or forward, and whether to try again        pages    what it answers by itself
//!    v
//! site       one preview: its route, its pool, its places     body     answers on their way
//!    v
//! forward    what a proxy changes in requests and answers     outgoing requests on their way
//!    v
//! upstream   connections to the app, kept for reuse           upgrade  WebSockets
//! ```

mod body;
mod forward;
mod listener;
mod options;
mod outgoing;
mod pages;
mod ports;
mod service;
mod site;
mod stream;
mod upgrade;
mod upstream;

#[cfg(test)]
mod tests;

pub use self::{options::GatewayOptions, ports::PortGateway};
