//! The core: the life of previews.
//!
//! [`manager::Manager`] is the door, [`driver::Driver`] drives one preview. It knows no transport: the
//! gateway and the gRPC handlers call it through [`api`] and [`route`].

mod adopt;
mod ahead;
pub mod api;
pub mod availability;
mod bounds;
mod bundles;
mod carry;
mod change;
mod container;
mod context;
mod create;
pub mod data;
pub mod driver;
mod failures;
mod files;
mod flights;
pub mod handle;
mod handover;
pub mod images;
mod install;
mod interrupted;
mod lease;
mod leaving;
pub mod log;
mod log_stream;
mod make;
pub mod manager;
mod notice;
mod outcome;
pub mod page;
mod place;
mod prebundle;
mod prepare;
mod publisher;
pub mod reaper;
mod recent;
pub mod recipe;
pub mod reconciler;
mod registry;
mod reload;
mod reload_stream;
mod replace;
mod revive;
mod room;
pub mod route;
mod session;
pub mod settings;
mod start;
pub mod store;
mod teardown;
mod tell;
mod volumes;
mod waiting;
