//! previewd turns a project's source files into a live, isolated preview whose every commit is on the screen a moment
//! later.
//!
//! Direction of dependencies, held by a test:
//! `main -> app -> {grpc, gateway} -> preview -> {agent, engine, vfs, stack} -> domain`, and `main -> cli`. Siblings do not import
//! one another.

pub mod agent;
pub mod app;
pub mod cli;
pub mod config;
pub mod domain;
pub mod engine;
pub mod gateway;
pub mod grpc;
mod net;
pub mod preview;
pub mod proto;
pub mod stack;
mod supervisor;
pub mod telemetry;
pub mod vfs;
