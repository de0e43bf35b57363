//! Images that are there, are pulled, or are made of a container's files.

use std::{
    collections::{BTreeMap, HashMap},
    sync::atomic::Ordering,
    time::Duration,
};

use bollard::{
    models::{ContainerConfig, ImageInspect},
    query_parameters::{CommitContainerOptionsBuilder, RemoveImageOptionsBuilder},
};
use bytes::Bytes;
use futures_util::StreamExt;
use http::Method;
use serde::Deserialize;
use tokio::time::{Instant, timeout};

use super::{
    Inner,
    api::{LONG, Query, SHORT, call, call_on, claim, failed, found, status, words},
    convert,
};
use crate::engine::{EngineError, Image, LABEL_ROLE, Progress, ROLE_RUNTIME};

pub(super) const IMAGE: &str = "image";
const COMMIT_TIMEOUT: Duration = Duration::from_secs(300);
const PULL_TIMEOUT: Duration = Duration::from_secs(1800);
/// How long a pull may say nothing. The daemon tries a silent registry a few times.
const PULL_SILENCE: Duration = Duration::from_secs(120);

/// A line of a pull's or a build's progress.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ProgressLine {
    pub id: Option<String>,
    pub status: Option<String>,
    pub stream: Option<String>,
    pub error: Option<String>,
    error_detail: Option<ErrorDetail>,
    progress_detail: Option<ProgressDetail>,
}

#[derive(Debug, Deserialize)]
struct ErrorDetail {
    message: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ProgressDetail {
    current: Option<u64>,
    total: Option<u64>,
}

impl ProgressLine {
    /// Returns the daemon's words, if it failed.
    pub(super) fn failure(&mut self) -> Option<String> {
        self.error_detail.take().and_then(|it| it.message).or(self.error.take())
    }
}

/// Tells of a pull, layer by layer: each change of what is done, and once a second how far it is.
#[derive(Debug)]
pub(super) struct PullProgress {
    lines: Progress,
    layers: HashMap<String, String>,
    told: Instant,
}

impl PullProgress {
    pub(super) fn new(lines: Progress) -> Self {
        Self { lines, layers: HashMap::new(), told: Instant::now() }
    }

    pub(super) fn tell(&mut self, line: ProgressLine) {
        let Some(status) = line.status else { return };
        let id = line.id.unwrap_or_default();
        let subject = if id.is_empty() { String::new() } else { format!("{id}: ") };
        let changed = self.layers.insert(id, status.clone()).as_ref() != Some(&status);
        let text = match line.progress_detail {
            _ if changed => format!("{subject}{status}"),
            Some(ProgressDetail { current: Some(current), total: Some(total) })
                if self.told.elapsed() >= Duration::from_secs(1) =>
            {
                self.told = Instant::now();
                format!("{subject}{status} {:.1} of {:.1} MB", current as f64 / 1e6, total as f64 / 1e6)
            }
            _ => return,
        };
        let _ = self.lines.try_send(text);
    }
}

impl Inner {
    pub(super) async fn inspect_image(&self, reference: &str) -> Result<Option<ImageInspect>, EngineError> {
        let look = || call_on("look at the image", (IMAGE, reference), SHORT, self.api.docker.inspect_image(reference));
        match look().await {
            // A daemon that is busy with images keeps others waiting.
            Err(EngineError::Timeout(_)) => found(look().await),
            answer => found(answer),
        }
    }

    pub(super) async fn image(&self, reference: &str) -> Result<Option<Image>, EngineError> {
        Ok(self.inspect_image(reference).await?.map(convert::image))
    }

    /// As [`Self::image`], without a request where it was seen already.
    pub(super) async fn known_image(&self, reference: &str) -> Result<Option<Image>, EngineError> {
        if let Some(image) = self.seen.image(reference) {
            return Ok(Some(image));
        }
        let look = self.seen.look();
        let image = self.image(reference).await?;
        if let Some(image) = &image {
            self.seen.note_image(look, reference, image);
        }
        Ok(image)
    }

    pub(super) async fn pull(&self, reference: &str, progress: Progress) -> Result<Image, EngineError> {
        const ACTION: &str = "pull the image";
        let failure = |message| EngineError::Image { image: reference.to_owned(), message };
        match self.image(reference).await {
            Ok(Some(image)) => return Ok(image),
            Ok(None) => {}
            // It is no reference at all.
            Err(EngineError::Refused { message, .. }) => return Err(failure(message)),
            Err(err) => return Err(err),
        }
        let started = Instant::now();
        let deadline = started + PULL_TIMEOUT;
        let (api, _scope) = self.api.scoped().map_err(|err| failed(ACTION, err))?;
        let mut query = Query::default().with("fromImage", reference);
        if !names_version(reference) {
            // Without one the daemon pulls all there are.
            query = query.with("tag", "latest");
        }
        let open =
            timeout(PULL_SILENCE, api.stream::<ProgressLine>(Method::POST, "/images/create", &query, Bytes::new()));
        let mut lines = match open.await.map_err(|_| EngineError::Timeout(ACTION))? {
            Ok(lines) => lines,
            Err(err) if status(&err).is_some() => return Err(failure(words(err))),
            Err(err) => return Err(failed(ACTION, err)),
        };
        let mut progress = PullProgress::new(progress);
        loop {
            let until = deadline.min(Instant::now() + PULL_SILENCE);
            let line = tokio::time::timeout_at(until, lines.next()).await.map_err(|_| EngineError::Timeout(ACTION))?;
            let Some(line) = line else { break };
            let mut line = line.map_err(|err| failed(ACTION, err))?;
            if let Some(message) = line.failure() {
                return Err(failure(message));
            }
            progress.tell(line);
        }
        tracing::info!(image = reference, elapsed = ?started.elapsed(), "image pulled");
        self.image(reference).await?.ok_or_else(|| failure("it was pulled, and is gone".into()))
    }

    /// Makes an image of a container's files. Of its environment, the image gets what the container's own image had:
    /// the rest was for this container alone.
    pub(super) async fn commit(
        &self,
        container: &str,
        tag: &str,
        labels: BTreeMap<String, String>,
    ) -> Result<Image, EngineError> {
        let from = self.inspect(container).await?;
        let base = self.inspect_image(&from.image).await?.and_then(|it| it.config).and_then(|it| it.env);
        let config = ContainerConfig {
            labels: Some(self.labels(&labels).into_iter().collect()),
            env: Some(environment_of(base.unwrap_or_default(), from.config.env.unwrap_or_default())),
            ..Default::default()
        };
        let replaced = self.inspect_image(tag).await?.and_then(|it| it.id);
        let (repository, version) = tag.rsplit_once(':').filter(|(_, it)| !it.contains('/')).unwrap_or((tag, "latest"));
        let options = CommitContainerOptionsBuilder::default()
            .container(container)
            .repo(repository)
            .tag(version)
            // What is installed is there; who else runs in the container need not stand still.
            .pause(false)
            .build();
        let commit = self.api.docker.commit_container(options, config);
        let made = call_on("commit the container", ("container", container), COMMIT_TIMEOUT, commit).await?;
        if let Some(old) = replaced.filter(|it| *it != made.id) {
            self.remove_untagged(&old).await;
        }
        let look = self.seen.look();
        let image = self.image(&made.id).await?.ok_or(EngineError::NotFound { what: IMAGE, name: made.id })?;
        self.seen.note_image(look, tag, &image);
        Ok(image)
    }

    pub(super) async fn images(&self) -> Result<Vec<Image>, EngineError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Listed {
            id: String,
        }
        let own = self.own();
        let query = Query::default().filters(&[("label", &[&own])]);
        let listed: Vec<Listed> = call("list the images", SHORT, self.api.get("/images/json", &query)).await?;
        let mut images = Vec::with_capacity(listed.len());
        for it in listed {
            let found = self.image(&it.id).await?;
            images.extend(found.filter(|it| it.labels.get(LABEL_ROLE).is_none_or(|role| role != ROLE_RUNTIME)));
        }
        Ok(images)
    }

    pub(super) async fn remove_image(&self, image: &str) -> Result<(), EngineError> {
        let Some(old) = self.inspect_image(image).await? else { return Ok(()) };
        self.delete_image(image).await?;
        self.forget_stages(old.repo_tags.unwrap_or_default()).await;
        Ok(())
    }

    async fn delete_image(&self, image: &str) -> Result<(), EngineError> {
        let options = RemoveImageOptionsBuilder::default().force(false).noprune(false).build();
        let removal = self.api.docker.remove_image(image, Some(options), None);
        self.removals.fetch_add(1, Ordering::SeqCst);
        let removed = claim("remove the image", (IMAGE, image), LONG, removal).await;
        self.removals.fetch_add(1, Ordering::SeqCst);
        // Before anybody hears that it is gone: the event may be later.
        self.seen.lost(image, image);
        found(removed).map(|_| ())
    }

    /// Removes an image that has lost its last name, unless something is made from it. Reports whether that is why it
    /// stays.
    pub(super) async fn remove_untagged(&self, image: &str) -> bool {
        match self.inspect_image(image).await {
            Ok(Some(it)) if it.repo_tags.iter().flatten().chain(it.repo_digests.iter().flatten()).next().is_none() => {
                let removal = self.delete_image(image).await;
                if let Err(err) = &removal {
                    tracing::debug!(image, error = %err, "an image without a name stays");
                }
                removal.is_err()
            }
            _ => false,
        }
    }

    /// Removes a name of an image, and the image if it was the last. One that is gone, or in use, is fine.
    pub(super) async fn untag(&self, reference: &str) {
        if let Err(err) = self.delete_image(reference).await {
            tracing::debug!(image = reference, error = %err, "an image stays");
        }
    }
}

/// Reports whether a reference has a tag or a digest.
fn names_version(reference: &str) -> bool {
    reference.rsplit('/').next().is_some_and(|it| it.contains(':')) || reference.contains('@')
}

/// Returns the environment for an image made of a container: that of the container's own image, and for what the
/// container had beside it the bare name, which Docker takes for "absent".
fn environment_of(base: Vec<String>, container: Vec<String>) -> Vec<String> {
    fn name(it: &str) -> &str {
        it.split_once('=').map_or(it, |(name, _)| name)
    }
    let more = container.iter().map(|it| name(it)).filter(|it| !base.iter().any(|known| name(known) == *it));
    let mut more: Vec<String> = more.map(str::to_owned).collect();
    let mut environment = base;
    environment.append(&mut more);
    environment
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[test]
    fn a_port_is_no_tag() {
        assert!(names_version("python:3.12-slim"));
        assert!(names_version("registry.test:5000/a/b@sha256:00"));
        assert!(names_version("registry.test:5000/a/b:1"));
        assert!(!names_version("registry.test:5000/a/b"));
        assert!(!names_version("nginx"));
    }

    #[test]
    fn what_was_for_one_container_is_not_in_an_image_of_it() {
        let base = vec!["PATH=/bin".to_owned(), "LANG=C".to_owned()];
        let container = ["TOKEN=secret", "PATH=/mine", "LANG=C", "OTHER"].map(str::to_owned).to_vec();
        assert_eq!(environment_of(base, container), ["PATH=/bin", "LANG=C", "TOKEN", "OTHER"]);
        assert!(environment_of(vec![], vec![]).is_empty());
    }

    #[test]
    fn a_pull_tells_each_change_and_now_and_then_how_far_it_is() {
        let (lines, mut told) = mpsc::channel(100);
        let mut progress = PullProgress::new(lines);
        let tell = |progress: &mut PullProgress, status: &str, current: u64| {
            progress.tell(ProgressLine {
                id: Some("layer".into()),
                status: Some(status.into()),
                progress_detail: Some(ProgressDetail { current: Some(current), total: Some(9_000_000) }),
                ..Default::default()
            });
        };
        tell(&mut progress, "Downloading", 1);
        tell(&mut progress, "Downloading", 2);
        progress.told -= Duration::from_secs(1);
        tell(&mut progress, "Downloading", 4_500_000);
        tell(&mut progress, "Downloading", 5_000_000);
        tell(&mut progress, "Pull complete", 0);
        let mut seen = vec![];
        while let Ok(line) = told.try_recv() {
            seen.push(line);
        }
        assert_eq!(seen, ["layer: Downloading", "layer: Downloading 4.5 of 9.0 MB", "layer: Pull complete"]);
    }
}
