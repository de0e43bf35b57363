//! What previewd knows without touching anything: names, rules, decisions.
//!
//! Pure: no tokio, no I/O, no clock but the times it is given. Everything else may depend on it; it depends on nothing.

pub mod address;
pub mod change;
pub mod decide;
pub mod dependencies;
pub mod error;
pub mod events;
pub mod failure;
pub mod ids;
pub mod ignore;
pub mod limits;
pub mod logs;
pub mod path;
pub mod pause;
pub mod ports;
pub mod reason;
pub mod reload;
pub mod runtime;
pub mod spec;
pub mod status;
pub mod text;
pub mod tree;
