//! What is done for all previews, beside their drivers.

pub mod availability;
pub mod reaper;
pub mod reconciler;
