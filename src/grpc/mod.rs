//! Thin handlers: requests in, answers out.
//!
//! Owns the server socket and everything about gRPC. A handler converts a request, calls one method of the core and
//! converts the answer; rules of the product belong in `preview` or below.

mod accept;
mod call;
mod callers;
mod convert;
mod health;
pub mod layers;
mod page;
mod preview_service;
pub mod server;
pub mod status;
mod vfs_service;

pub use self::{
    callers::Callers,
    server::{ServerOptions, serve},
};
