//! Making and starting a container, so that nothing is left when it fails or when nobody waits for it any more.

use std::{sync::Arc, time::Duration};

use bollard::{
    body_full,
    errors::Error,
    query_parameters::{CreateContainerOptionsBuilder, StartContainerOptions, UploadToContainerOptionsBuilder},
};
use bytes::Bytes;
use tokio::{
    sync::oneshot,
    time::{Instant, sleep, timeout},
};

use super::{
    Inner,
    api::{LONG, call, failed, found, status},
    convert::create_body,
    runtime::VolumeState,
    volumes::{UPPER, WORK},
};
use crate::{
    domain::runtime::{APP_ROOT, HOME},
    engine::{
        APP_UID, ContainerSpec, ContainerState, EngineError, LABEL_INSTANCE, VolumeMount, VolumePurpose,
        removal::{FIRST_PAUSE, remove_in_the_end},
    },
};

const CREATE: &str = "create the container";
const START: &str = "start the container";
/// How often a container is made for which network or volume have vanished meanwhile.
const ATTEMPTS: u32 = 3;
/// How long a name may be taken by nothing that can be seen.
const UNSETTLED: Duration = Duration::from_secs(2);

/// What became of a container whose name was taken.
enum Leftover {
    None,
    Removed,
    /// It runs, or is not ours.
    Wanted,
}

/// A container of which nobody knows yet. Unless it is kept, it is removed.
struct Fresh {
    inner: Arc<Inner>,
    id: Option<String>,
}

impl Fresh {
    fn keep(mut self) -> String {
        self.id.take().unwrap_or_default()
    }

    /// Removes it now, for a caller who waits.
    async fn discard(mut self) {
        if let Some(id) = self.id.take() {
            discard(&self.inner, &id).await;
        }
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        // Nobody waits. Without a runtime the process is ending, and the next one finds the container by its labels.
        if tokio::runtime::Handle::try_current().is_ok() {
            let inner = self.inner.clone();
            self.inner.makings.spawn(async move { discard(&inner, &id).await });
        }
    }
}

/// Removes a container that nobody has. Where the daemon does not do it at once nobody waits for it, however often it takes.
async fn discard(inner: &Arc<Inner>, id: &str) {
    let Err(error) = inner.remove(id).await else { return };
    tracing::warn!(container = id, %error, "a container that did not start is removed later");
    let (inner, id) = (inner.clone(), id.to_owned());
    // No making: whoever removes everything does not wait for it.
    tokio::spawn(async move {
        sleep(FIRST_PAUSE).await;
        remove_in_the_end(&id, || inner.remove(&id)).await;
    });
}

impl Inner {
    /// Makes a container and starts it, at once or when told to.
    pub(super) async fn run(
        self: Arc<Self>,
        spec: ContainerSpec,
        told: Option<oneshot::Receiver<()>>,
    ) -> Result<String, EngineError> {
        let (mut answer, made) = oneshot::channel::<Result<Fresh, EngineError>>();
        // In a task, because a request that is dropped may have been carried out. The task hands over a guard: if the
        // caller is gone, at whatever moment, the guard is dropped and removes the container.
        let makings = self.makings.clone();
        makings.spawn(async move {
            let result = self.make(&spec, told, &mut answer).await;
            let _ = answer.send(result);
        });
        match made.await {
            Ok(result) => result.map(Fresh::keep),
            Err(_) => Err(EngineError::Refused { action: CREATE, message: "the task ended early".into() }),
        }
    }

    async fn make(
        self: &Arc<Self>,
        spec: &ContainerSpec,
        mut told: Option<oneshot::Receiver<()>>,
        caller: &mut oneshot::Sender<Result<Fresh, EngineError>>,
    ) -> Result<Fresh, EngineError> {
        let mut attempts = 1..ATTEMPTS;
        loop {
            self.be_prepared().await?;
            let begun = Instant::now();
            let fresh = Fresh { inner: self.clone(), id: Some(self.create(spec).await?) };
            // Before it is told to start: the daemon lays its volumes over one another for this, and to take that apart it
            // writes to disk what was written meanwhile.
            let made = if spec.make_folders { self.make_folders(&fresh, spec).await } else { Ok(()) };
            let created = begun.elapsed();
            if made.is_ok()
                && let Some(told) = told.take()
            {
                let told = tokio::select! {
                    told = told => told.is_ok(),
                    () = caller.closed() => false,
                };
                if !told {
                    fresh.discard().await;
                    return Err(nobody_waits());
                }
            }
            let started = match made {
                Ok(()) => self.start(&fresh, caller).await,
                Err(err) => Err(err),
            };
            let err = match started {
                Ok(()) => {
                    let (name, elapsed) = (&spec.name, begun.elapsed());
                    tracing::debug!(container = name, ?created, ?elapsed, "container started");
                    return Ok(fresh);
                }
                Err(err) => err,
            };
            fresh.discard().await;
            // Somebody may have removed the network or the volume between our look and the start.
            if attempts.next().is_none() || !self.mend().await? {
                return Err(err);
            }
        }
    }

    /// Looks again at what every container needs, believing nothing. Reports whether something was missing.
    async fn mend(&self) -> Result<bool, EngineError> {
        self.seen.doubt_prepared();
        let mut volume = self.volume.lock().await;
        *volume = VolumeState::default();
        let network = self.ensure_network().await?;
        Ok(self.ensure_volume(&mut volume).await? || network)
    }

    async fn create(&self, spec: &ContainerSpec) -> Result<String, EngineError> {
        const REMOVALS: u32 = 2;
        let mounts = self.mounts(spec).await?;
        let (mut removals, begun) = (0, Instant::now());
        loop {
            let options = CreateContainerOptionsBuilder::default().name(&spec.name).build();
            let labels = self.labels(&spec.labels);
            let body = create_body(spec, labels, &self.network, mounts.clone());
            let answer = timeout(LONG, self.api.docker.create_container(Some(options), body)).await;
            let err = match answer {
                Ok(Ok(made)) => return Ok(made.id),
                Ok(Err(err)) => err,
                Err(_) => Error::RequestTimeoutError,
            };
            match status(&err) {
                Some(404) => {
                    self.seen.doubt_images();
                    return Err(EngineError::NotFound { what: "image", name: spec.image.clone() });
                }
                Some(409) => match self.remove_leftover(&spec.name, true).await? {
                    Leftover::Removed if removals < REMOVALS => removals += 1,
                    // The daemon is still making or removing it.
                    Leftover::None if begun.elapsed() < UNSETTLED => sleep(Duration::from_millis(50)).await,
                    _ => return Err(EngineError::Conflict { what: "container", name: spec.name.clone() }),
                },
                Some(_) => return Err(failed(CREATE, err)),
                None => {
                    // It may have been made all the same. If the daemon is away, it is found by its labels later.
                    let _ = self.remove_leftover(&spec.name, false).await;
                    return Err(failed(CREATE, err));
                }
            }
        }
    }

    /// Removes a container of that name that is of this instance and does not run, or, unless `ended`, that was never
    /// started.
    async fn remove_leftover(&self, name: &str, ended: bool) -> Result<Leftover, EngineError> {
        let Some(found) = found(self.inspect(name).await)? else { return Ok(Leftover::None) };
        let left = match found.state() {
            ContainerState::Created => true,
            ContainerState::Exited { .. } => ended,
            ContainerState::Running | ContainerState::Paused => false,
        };
        // The daemon also takes a name for the beginning of an id.
        if !left || found.name.trim_start_matches('/') != name || found.label(LABEL_INSTANCE) != Some(&self.instance) {
            return Ok(Leftover::Wanted);
        }
        tracing::info!(container = name, "a leftover of that name is removed");
        self.remove(&found.id).await?;
        Ok(Leftover::Removed)
    }

    async fn make_folders(&self, fresh: &Fresh, spec: &ContainerSpec) -> Result<(), EngineError> {
        let id = fresh.id.as_deref().unwrap_or_default();
        let options = UploadToContainerOptionsBuilder::default().path("/").build();
        let upload = self.api.docker.upload_to_container(id, Some(options), body_full(folders(spec)?));
        call("make the folders", LONG, upload).await
    }

    async fn start(
        &self,
        fresh: &Fresh,
        caller: &oneshot::Sender<Result<Fresh, EngineError>>,
    ) -> Result<(), EngineError> {
        let id = fresh.id.as_deref().unwrap_or_default();
        if caller.is_closed() {
            return Err(nobody_waits());
        }
        self.seen.made(id);
        call(START, LONG, self.api.docker.start_container(id, None::<StartContainerOptions>)).await
    }
}

fn nobody_waits() -> EngineError {
    EngineError::Refused { action: START, message: "nobody waits for it".into() }
}

/// The folders that an app writes to, with their modes and whether they are the app's own. The last are those that the
/// usual servers write to, which in images of others belong to root.
const FOLDERS: [(&str, u32, bool); 7] = [
    (APP_ROOT, 0o755, true),
    (HOME, 0o755, true),
    ("/tmp", 0o1777, false),
    ("/run", 0o755, true),
    ("/var/cache/nginx", 0o755, true),
    ("/var/lib/nginx", 0o755, true),
    ("/var/log/nginx", 0o755, true),
];

/// Returns an archive of the folders that an app writes to, and of those that its volumes need.
fn folders(spec: &ContainerSpec) -> Result<Bytes, EngineError> {
    let failed = |err: std::io::Error| EngineError::Refused { action: "pack the folders", message: err.to_string() };
    let mut archive = tar::Builder::new(Vec::new());
    let usual = FOLDERS.map(|(path, mode, own)| (path.to_owned(), mode, own));
    for (path, mode, own) in usual.into_iter().chain(spec.volumes.iter().flat_map(folders_of)) {
        let owner = if own { u64::from(APP_UID) } else { 0 };
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_size(0);
        header.set_mode(mode);
        header.set_uid(owner);
        header.set_gid(owner);
        header.set_mtime(std::time::SystemTime::UNIX_EPOCH.elapsed().as_ref().map_or(0, Duration::as_secs));
        let path = format!("{}/", path.trim_start_matches('/'));
        archive.append_data(&mut header, path, std::io::empty()).map_err(failed)?;
    }
    archive.into_inner().map(Bytes::from).map_err(failed)
}

/// Returns the folders of a volume, with their modes and whether they are the app's own.
fn folders_of(volume: &VolumeMount) -> Vec<(String, u32, bool)> {
    let target = &volume.target;
    match volume.purpose {
        VolumePurpose::Write | VolumePurpose::Over { .. } | VolumePurpose::Cache { writes: true } => {
            vec![(target.clone(), 0o755, true)]
        }
        VolumePurpose::Read | VolumePurpose::Cache { writes: false } => Vec::new(),
        VolumePurpose::Changes => vec![
            (target.clone(), 0o755, false),
            (format!("{target}/{UPPER}"), 0o755, true),
            (format!("{target}/{WORK}"), 0o700, false),
        ],
    }
}
