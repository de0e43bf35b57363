//! The integration tests: real git, a real Docker daemon.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod config;
mod engine;
mod gateway;
mod gateway_late;
mod gateway_ports;
mod gateway_restart;
mod gateway_support;
mod grpc_server;
mod grpc_support;
mod house;
mod imports;
mod preview;
mod unused;
mod vfs;
