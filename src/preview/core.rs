//! What the whole core has in common.

use std::sync::Arc;

use crate::{
    engine::SharedEngine,
    preview::{
        face::log::LogMemory, image::images::Images, settings::Settings, store::SpecStore, unit::data::DataStore,
    },
    vfs::Vfs,
};

/// What all drivers share.
pub struct Core {
    /// What runs containers.
    pub engine: SharedEngine,
    /// What keeps the specs.
    pub store: SpecStore,
    /// What keeps the files.
    pub vfs: Vfs,
    /// What makes images.
    pub images: Arc<Images>,
    /// What keeps the data of apps between previews.
    pub data: DataStore,
    /// The memory that the logs of all previews have.
    pub logs: LogMemory,
    /// What the configuration says.
    pub settings: Arc<Settings>,
}
