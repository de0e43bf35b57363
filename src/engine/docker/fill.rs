//! The read-only volume with the agent and what the stacks need.
//!
//! It is named by the hash of its content and shared by all instances of one version. Its content is compared with ours,
//! byte by byte, before it is first used and whenever it may have changed, so a half-filled one is never taken for good.
//! The container through which it is filled serves as the lock: its name can be taken once.

use std::{collections::BTreeMap, time::Duration};

use bollard::{
    body_full,
    models::{ContainerCreateBody, HostConfig, VolumeCreateRequest},
    query_parameters::{
        CreateContainerOptionsBuilder, DownloadFromContainerOptionsBuilder, RemoveImageOptions,
        UploadToContainerOptionsBuilder,
    },
};
use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use http::Method;
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::{
    Inner,
    api::{LONG, Query, SHORT, call, call_on, claim, found},
    convert::{InspectedContainer, runtime_labels, runtime_mount},
    runtime::VolumeState,
    volumes::Volume,
};
use crate::{
    domain::runtime::RUNTIME_MOUNT,
    engine::{EngineError, LABEL_INSTANCE, LABEL_ROLE, ROLE_RUNTIME},
};

const VOLUME: &str = "volume";
/// How long another instance may take to fill the volume before it is taken for dead.
const FILLING: Duration = Duration::from_secs(30);
/// How old an image of no use must be before it is taken for a leftover, in seconds.
const LEFTOVER_SECONDS: i64 = 120;

/// The container through which the volume is filled, and its image.
struct Keeper {
    container: String,
    image: String,
}

impl Volume {
    fn is_ours(&self) -> bool {
        self.labels.as_ref().and_then(|it| it.get(LABEL_ROLE)).is_some_and(|it| it == ROLE_RUNTIME)
    }
}

impl Inner {
    /// Makes the volume and fills it, if it is not there with our content. Reports whether it had to be filled.
    pub(super) async fn ensure_volume(&self, state: &mut VolumeState) -> Result<bool, EngineError> {
        let found = self.volume().await?;
        if found.as_ref().is_some_and(|it| state.checked.as_deref() == Some(&it.created_at)) {
            return Ok(false);
        }
        state.checked = None;
        if found.is_some_and(|it| !it.is_ours()) {
            // Without the label no later version would find it.
            self.remove_volume(self.runtime.volume()).await?;
        }
        let wanted = VolumeCreateRequest {
            name: Some(self.runtime.volume().to_owned()),
            labels: Some(runtime_labels()),
            ..Default::default()
        };
        call("create the runtime volume", LONG, self.api.docker.create_volume(wanted)).await?;
        let Keeper { container, image } = self.take_keeper().await?;
        let filled = self.fill(&container).await;
        let removed = self.remove(&container).await;
        self.remove_imported(&image).await;
        removed?;
        let filled = filled?;
        state.checked = self.volume().await?.map(|it| it.created_at);
        Ok(filled)
    }

    async fn volume(&self) -> Result<Option<Volume>, EngineError> {
        let path = format!("/volumes/{}", self.runtime.volume());
        let query = Query::default();
        let answer = self.api.get(&path, &query);
        found(call_on("look at the runtime volume", (VOLUME, self.runtime.volume()), SHORT, answer).await)
    }

    /// Makes the container through which the volume is filled, never started, from an image of nothing. While another
    /// instance has it, this waits.
    async fn take_keeper(&self) -> Result<Keeper, EngineError> {
        let name = self.runtime.keeper();
        let mut waited: Option<(String, Instant)> = None;
        let mut races = 0;
        loop {
            // A tar archive without entries.
            let image = self.import(None, Bytes::from_static(&[0; 1024])).await?;
            let made = self.create_keeper(&name, &image).await;
            if made.is_err() {
                self.remove_imported(&image).await;
            }
            match made {
                Ok(container) => return Ok(Keeper { container, image }),
                Err(EngineError::Conflict { .. }) => {}
                // Another instance took the image for a leftover.
                Err(EngineError::NotFound { .. }) if races < 3 => {
                    races += 1;
                    continue;
                }
                Err(err) => return Err(err),
            }
            let Some(holder) = found(self.inspect(&name).await)? else { continue };
            let since = match waited {
                Some((ref id, since)) if *id == holder.id => since,
                _ => Instant::now(),
            };
            if self.is_left(&holder) || since.elapsed() > FILLING {
                self.remove(&holder.id).await?;
                continue;
            }
            waited = Some((holder.id, since));
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Reports whether a keeper is one of an earlier life of this instance: within one, the caller holds the lock.
    fn is_left(&self, holder: &InspectedContainer) -> bool {
        holder.label(LABEL_INSTANCE) == Some(&self.instance)
    }

    async fn create_keeper(&self, name: &str, image: &str) -> Result<String, EngineError> {
        let options = CreateContainerOptionsBuilder::default().name(name).build();
        let labels = self.labels(&[(LABEL_ROLE.to_owned(), ROLE_RUNTIME.to_owned())].into());
        let body = ContainerCreateBody {
            image: Some(image.to_owned()),
            cmd: Some(vec!["never-started".into()]),
            labels: Some(labels.into_iter().collect()),
            host_config: Some(HostConfig {
                network_mode: Some("none".into()),
                mounts: Some(vec![runtime_mount(self.runtime.volume(), false)]),
                ..Default::default()
            }),
            ..Default::default()
        };
        let create = self.api.docker.create_container(Some(options), body);
        Ok(claim("fill the runtime volume", ("container", name), LONG, create).await?.id)
    }

    /// Makes an image with the runtime files at its root.
    pub(super) async fn import_runtime(&self, name: &str) -> Result<(), EngineError> {
        self.import(Some(name), self.runtime.archive().clone()).await.map(drop)
    }

    /// Makes an image of what is in a tar archive, so that nothing has to be pulled, and returns its id.
    async fn import(&self, name: Option<&str>, archive: Bytes) -> Result<String, EngineError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Line {
            status: Option<String>,
            error: Option<String>,
        }
        const ACTION: &str = "import an image";
        let change = format!("LABEL {LABEL_ROLE}={ROLE_RUNTIME} {LABEL_INSTANCE}={}", self.instance);
        let mut query = Query::default().with("fromSrc", "-").with("changes", &change);
        if let Some(name) = name {
            query = query.with("repo", name);
        }
        let lines: Vec<Line> = call(ACTION, LONG, async {
            self.api.stream(Method::POST, "/images/create", &query, archive).await?.try_collect().await
        })
        .await?;
        let last = lines.into_iter().next_back();
        match last {
            Some(Line { error: Some(message), .. }) => Err(EngineError::Refused { action: ACTION, message }),
            Some(Line { status: Some(id), .. }) => Ok(id.trim().to_owned()),
            _ => Err(EngineError::Refused { action: ACTION, message: "the daemon named no image".into() }),
        }
    }

    pub(super) async fn remove_imported(&self, image: &str) {
        let removal = self.api.docker.remove_image(image, None::<RemoveImageOptions>, None);
        if let Err(err) = call_on("remove an imported image", ("image", image), LONG, removal).await {
            tracing::debug!(error = %err, image, "an imported image stays for now");
        }
    }

    async fn fill(&self, keeper: &str) -> Result<bool, EngineError> {
        if self.holds_ours(keeper).await? {
            return Ok(false);
        }
        let started = Instant::now();
        let options = UploadToContainerOptionsBuilder::default().path(RUNTIME_MOUNT).build();
        let archive = body_full(self.runtime.archive().clone());
        let upload = self.api.docker.upload_to_container(keeper, Some(options), archive);
        call("fill the runtime volume", LONG, upload).await?;
        if !self.holds_ours(keeper).await? {
            let message = "what was written cannot be read back".into();
            return Err(EngineError::Refused { action: "fill the runtime volume", message });
        }
        let volume = self.runtime.volume();
        tracing::info!(volume, elapsed = ?started.elapsed(), "runtime volume filled");
        Ok(true)
    }

    async fn holds_ours(&self, keeper: &str) -> Result<bool, EngineError> {
        const ACTION: &str = "read the runtime volume";
        // What else is in there is not ours, and not to fill our memory.
        let most = 2 * self.runtime.archive().len() + (1 << 20);
        let options = DownloadFromContainerOptionsBuilder::default().path(RUNTIME_MOUNT).build();
        let parts = self.api.docker.download_from_container(keeper, Some(options));
        let content = parts.try_fold(BytesMut::new(), |mut all, part| async move {
            if all.len() < most {
                all.extend_from_slice(&part);
            }
            Ok(all)
        });
        let content = call(ACTION, LONG, content).await?;
        self.runtime.is_in(&content).map_err(|err| EngineError::Refused { action: ACTION, message: err.to_string() })
    }

    /// Removes the volumes of other versions that no container uses, and images that were left by a crash.
    pub(super) async fn remove_old_volumes(&self) -> Result<(), EngineError> {
        let ours = format!("{LABEL_ROLE}={ROLE_RUNTIME}");
        let listed = self.volumes(&[("label", &[&ours])]).await?;
        for old in listed.iter().filter(|it| it.name != self.runtime.volume()) {
            self.remove_volume(&old.name).await?;
        }

        // No volume is being filled by this process meanwhile.
        let _filled = self.volume.lock().await;
        self.remove_leftover_images().await
    }

    /// Removes the images that were imported and left by a life of the service that was cut off: those of this instance,
    /// and old ones of others. The caller sees to it that none is in use.
    pub(super) async fn remove_leftover_images(&self) -> Result<(), EngineError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Listed {
            id: String,
            #[serde(default)]
            created: i64,
            labels: Option<BTreeMap<String, String>>,
        }
        let ours = format!("{LABEL_ROLE}={ROLE_RUNTIME}");
        let query = Query::default().filters(&[("label", &[&ours]), ("dangling", &["true"])]);
        let listed: Vec<Listed> = call("list the images", SHORT, self.api.get("/images/json", &query)).await?;
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |it| it.as_secs() as i64);
        for old in listed {
            let instance = old.labels.as_ref().and_then(|labels| labels.get(LABEL_INSTANCE));
            if instance == Some(&self.instance) || now - old.created > LEFTOVER_SECONDS {
                self.remove_imported(&old.id).await;
            }
        }
        Ok(())
    }
}
