//! The integration tests: real git, a real Docker daemon.

mod engine;
mod gateway;
mod gateway_restart;
mod gateway_support;
mod vfs;

