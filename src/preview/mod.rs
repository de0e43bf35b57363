//! The core: the life of previews.
//!
//! [`manager::Manager`] is the door, [`driver::Driver`] drives one preview. It knows no transport: the
//! gateway and the gRPC handlers call it through [`api`] and [`face::route`].

pub mod api;
pub mod core;
pub mod driver;
pub mod face;
pub mod handle;
pub mod image;
pub mod manager;
mod planner;
mod registry;
pub mod settings;
pub mod store;
pub mod unit;
pub mod upkeep;
