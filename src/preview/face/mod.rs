//! What others see of a preview: its log, its stream of reloads, and where the gateway leads its requests.

pub(in crate::preview) mod chronicle;
pub mod log;
pub(in crate::preview) mod log_stream;
pub(in crate::preview) mod publisher;
pub(in crate::preview) mod reload_stream;
pub mod route;
