//! The service's one client of the agent in a container.
//!
//! What comes back is untrusted: the agent lives with the project's code. Every call has a deadline, every message a
//! bound, and what passes through here is text of bounded length, valid ports and times that can be. Nothing outside
//! this folder sees a type of the contract.

mod call;
mod client;
mod convert;
mod error;
mod made;
#[cfg(test)]
mod tests;
mod types;

pub use self::{
    client::AgentClient,
    error::AgentError,
    made::{MadePart, MadeParts, MadeRequest, MadeSummary},
    types::{
        AgentEvent, AgentEvents, AgentStatus, Exit, MemoryUse, Page, ProcessState, Ready, ReadyOutcome, ReadyRequest,
        StartSpec, SyncCount, SyncFile, SyncPlan,
    },
};
