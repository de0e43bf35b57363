//! The images that previews run in: which there are, which are being made, and what they are made from.

pub(in crate::preview) mod bundles;
pub(in crate::preview) mod context;
pub(in crate::preview) mod flights;
pub mod images;
pub(in crate::preview) mod install;
mod make;
mod recent;
pub(in crate::preview) mod recipe;
