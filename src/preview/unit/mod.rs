//! One container of a preview, with the agent in it and what runs there.

pub(in crate::preview) mod ahead;
pub(in crate::preview) mod bounds;
pub mod claims;
pub(in crate::preview) mod container;
pub mod data;
pub(in crate::preview) mod failures;
pub(in crate::preview) mod files;
pub(in crate::preview) mod lease;
pub(in crate::preview) mod session;
