//! Volumes: what containers have of them, which there are, and their removal.

use std::collections::{BTreeMap, HashMap};

use bollard::{
    models::{Mount, MountType, MountVolumeOptions, MountVolumeOptionsDriverConfig},
    query_parameters::RemoveVolumeOptions,
};
use serde::Deserialize;

use super::{
    Inner,
    api::{LONG, Query, SHORT, call, call_on, failed, status},
    convert::runtime_mount,
};
use crate::engine::{ContainerSpec, EngineError, LABEL_ROLE, ROLE_CACHE, VolumePurpose};

/// The folders of a volume with changes, as the kernel's overlay wants them: what is changed, and room for its own work.
pub(super) const UPPER: &str = "upper";
pub(super) const WORK: &str = "work";

/// A volume, as Docker tells of it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Volume {
    pub(super) name: String,
    #[serde(default)]
    pub(super) created_at: String,
    pub(super) labels: Option<HashMap<String, String>>,
}

impl Volume {
    fn is_cache(&self) -> bool {
        self.labels.as_ref().and_then(|labels| labels.get(LABEL_ROLE)).is_some_and(|role| role == ROLE_CACHE)
    }
}

impl Inner {
    /// Returns the mounts of the runtime and of a container's own volumes, which are made with the labels of the first
    /// container that has them.
    pub(super) async fn mounts(&self, spec: &ContainerSpec) -> Result<Vec<Mount>, EngineError> {
        let labels: HashMap<String, String> = self.labels(&spec.labels).into_iter().collect();
        let mut mounts = vec![runtime_mount(self.runtime.volume(), true)];
        for volume in &spec.volumes {
            let driver_config = match &volume.purpose {
                VolumePurpose::Over { lower, changes } => Some(self.overlay(lower, changes).await?),
                _ => None,
            };
            let (labels, read_only) = match volume.purpose {
                VolumePurpose::Cache { writes } => (self.labels_of_cache(), !writes),
                VolumePurpose::Read => (labels.clone(), true),
                VolumePurpose::Write | VolumePurpose::Changes | VolumePurpose::Over { .. } => (labels.clone(), false),
            };
            mounts.push(Mount {
                typ: Some(MountType::VOLUME),
                source: Some(volume.name.clone()),
                target: Some(volume.target.clone()),
                read_only: Some(read_only),
                volume_options: Some(MountVolumeOptions {
                    no_copy: Some(true),
                    labels: Some(labels),
                    driver_config,
                    ..Default::default()
                }),
                ..Default::default()
            });
        }
        Ok(mounts)
    }

    /// Returns the labels of what is kept for later containers, whichever of them made it.
    fn labels_of_cache(&self) -> HashMap<String, String> {
        self.labels(&BTreeMap::from([(LABEL_ROLE.to_owned(), ROLE_CACHE.to_owned())])).into_iter().collect()
    }

    /// Returns how the daemon lays one volume over another, see `overlay` in
    /// <https://www.kernel.org/doc/html/latest/filesystems/overlayfs.html>.
    async fn overlay(&self, lower: &str, changes: &str) -> Result<MountVolumeOptionsDriverConfig, EngineError> {
        let (lower, changes) = (self.mountpoint(lower).await?, self.mountpoint(changes).await?);
        let options = [
            ("type", "overlay".to_owned()),
            ("device", "overlay".to_owned()),
            ("o", format!("lowerdir={lower},upperdir={changes}/{UPPER},workdir={changes}/{WORK}")),
        ];
        Ok(MountVolumeOptionsDriverConfig {
            name: Some("local".into()),
            options: Some(options.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        })
    }

    /// Returns where the daemon keeps what is in a volume.
    async fn mountpoint(&self, name: &str) -> Result<String, EngineError> {
        const ACTION: &str = "lay a volume over another";
        let path = call_on(ACTION, ("volume", name), SHORT, self.api.docker.inspect_volume(name)).await?.mountpoint;
        if path.contains([',', ':', '\\']) {
            return Err(EngineError::Refused {
                action: ACTION,
                message: format!("{path} cannot be an option of a mount"),
            });
        }
        Ok(path)
    }

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

    /// Removes the volumes of this instance that no container has, but for caches; that of the runtime is no instance's.
    pub(super) async fn remove_unused_volumes(&self) -> Result<(), EngineError> {
        self.remove_dangling(|volume| !volume.is_cache()).await
    }

    /// Removes what is kept for later containers.
    pub(super) async fn remove_caches(&self) -> Result<(), EngineError> {
        self.remove_dangling(Volume::is_cache).await
    }

    async fn remove_dangling(&self, goes: impl Fn(&Volume) -> bool) -> Result<(), EngineError> {
        for volume in self.volumes(&[("label", &[&self.own()]), ("dangling", &["true"])]).await? {
            if goes(&volume) {
                self.remove_volume(&volume.name).await?;
            }
        }
        Ok(())
    }

    /// Removes those of some volumes that no container has, but for caches.
    pub(super) async fn remove_volumes_of_container(&self, names: &[String]) -> Result<(), EngineError> {
        if names.is_empty() {
            return Ok(());
        }
        let cache = format!("{LABEL_ROLE}={ROLE_CACHE}");
        let caches = self.volumes(&[("label", &[&self.own(), &cache])]).await?;
        for name in names.iter().filter(|name| !caches.iter().any(|it| it.name == **name)) {
            self.remove_volume(name).await?;
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
