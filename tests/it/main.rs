//! The integration tests: real git, a real Docker daemon.

mod gateway;
mod gateway_restart;
mod gateway_support;
