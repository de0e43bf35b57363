//! The integration tests: real git, a real Docker daemon.

mod engine;
