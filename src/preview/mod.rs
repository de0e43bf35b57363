//! The core: the life of previews.
pub mod agent;
