//! The integration tests: real git, a real Docker daemon.

mod engine;
mod gateway;
mod gateway_ports;
mod gateway_restart;
mod gateway_support;
mod vfs;

// What a test does not expect is to end it, in its apps and clients too.
#![allow(clippy::unwrap_used, clippy::expect_used)]
