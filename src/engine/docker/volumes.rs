//! Volumes: which there are, and their removal.

use std::collections::HashMap;

use bollard::query_parameters::RemoveVolumeOptions;
use serde::Deserialize;

use super::{
    Inner,
    api::{LONG, Query, SHORT, call, failed, status},
};
use crate::engine::EngineError;

/// A volume, as Docker tells of it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Volume {
    pub(super) name: String,
    #[serde(default)]
    pub(super) created_at: String,
    pub(super) labels: Option<HashMap<String, String>>,
}

impl Inner {
    /// Lists the volumes that fit every filter.
    pub(super) async fn volumes(&self, filters: &[(&str, &[&str])]) -> Result<Vec<Volume>, EngineError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Volumes {
            volumes: Option<Vec<Volume>>,
        }
        let query = Query::default().filters(filters);
        let listed: Volumes = call("list the volumes", SHORT, self.api.get("/volumes", &query)).await?;
        Ok(listed.volumes.unwrap_or_default())
    }

    /// Removes the volumes of this instance that no container has; that of the runtime is no instance's.
    pub(super) async fn remove_unused_volumes(&self) -> Result<(), EngineError> {
        for volume in self.volumes(&[("label", &[&self.own()]), ("dangling", &["true"])]).await? {
            self.remove_volume(&volume.name).await?;
        }
        Ok(())
    }

    /// Removes a volume; one that is gone, or in use, is fine.
    pub(super) async fn remove_volume(&self, name: &str) -> Result<(), EngineError> {
        let removal = self.api.docker.remove_volume(name, None::<RemoveVolumeOptions>);
        match tokio::time::timeout(LONG, removal).await {
            Err(_) => Err(EngineError::Timeout("remove the volume")),
            Ok(Ok(())) => Ok(()),
            Ok(Err(err)) if matches!(status(&err), Some(404 | 409)) => Ok(()),
            Ok(Err(err)) => Err(failed("remove the volume", err)),
        }
    }
}
