//! The core: the life of previews.

pub mod api;
pub mod manager;
pub mod route;
