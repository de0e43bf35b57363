//! The agent's own tests: the real binary, spoken to through `agent dial`, as the service does it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod beside;
mod container;
mod control;
mod harness;
mod made;
mod process;
mod ready;
mod sync;

/// The generated contract.
#[allow(missing_docs, clippy::all)]
mod proto {
    tonic::include_proto!("agent.v1");
}
