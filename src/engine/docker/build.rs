//! Images from a project's own Dockerfile, by the daemon's classic builder.
//!
//! The builder names only its last image. What it leaves without a name is either removed (a failed or dropped build) or
//! given one (the stages of a good build, which make the next build fast), so that it goes with the image.

use std::{
    collections::BTreeMap,
    sync::atomic::Ordering,
    time::{Duration, SystemTime},
};

use bollard::query_parameters::TagImageOptionsBuilder;
use data_encoding::HEXLOWER;
use futures_util::StreamExt;
use http::Method;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use super::{
    Inner,
    api::{Query, SHORT, call, failed, status, words},
    images::{IMAGE, ProgressLine, PullProgress},
    steps::Steps,
};
use crate::{
    domain::limits::Limits,
    engine::{BuildSpec, EngineError, Image, LABEL_DEPENDENCY_KEY, Progress},
};

const ACTION: &str = "build the image";
const BUILD_TIMEOUT: Duration = Duration::from_secs(1800);
/// How often what is built is built when images are removed meanwhile.
const ATTEMPTS: u32 = 3;
/// The builder's words for an image of its own that is gone, by the step that misses it.
const LOST_STEP: [&str; 5] = [
    "no such image: sha256:",
    "unknown parent image id sha256:",
    "failed to get destination image \"sha256:",
    "failed to export image:",
    "layer does not exist",
];
/// How many stages keep their cache.
const MOST_STAGES: usize = 16;
const CPU_PERIOD_MICROS: u64 = 100_000;

/// What one try of a build has made, and when it began, in seconds of the epoch.
struct Made {
    steps: Steps,
    began: i64,
}

impl Inner {
    pub(super) async fn build(
        &self,
        build: BuildSpec,
        progress: Progress,
        cancel: CancellationToken,
    ) -> Result<Image, EngineError> {
        // The steps run on our network, where they reach nobody else's containers.
        self.be_prepared().await?;
        let replaced = self.inspect_image(&build.tag).await?.and_then(|it| it.id);
        let started = Instant::now();
        if let Some(name) = &build.runtime_image {
            self.import_runtime(name).await?;
        }
        let mut attempts = 1..ATTEMPTS;
        let (outcome, made) = loop {
            let began = seconds_now();
            let mut steps = Steps::default();
            let removals = self.removals.load(Ordering::SeqCst);
            let outcome = tokio::select! {
                outcome = self.follow_build(&build, progress.clone(), &mut steps) => outcome,
                () = cancel.cancelled() => Err(EngineError::Refused { action: ACTION, message: "nobody waits for it".into() }),
            };
            // The daemon lets an image be removed that a running build has found in its cache and not used yet: then it
            // is not what is built that is at fault. The removal may have been another's.
            let disturbed = self.removals.load(Ordering::SeqCst) != removals;
            let again = matches!(&outcome, Ok(Some(message)) if disturbed || is_lost_step(message));
            if !again || attempts.next().is_none() {
                break (outcome, Made { steps, began });
            }
            let _ = progress.try_send("the build is tried again: images were removed while it ran".to_owned());
        };
        if let Some(name) = &build.runtime_image {
            self.remove_imported(name).await;
        }
        match outcome {
            Ok(None) => {
                self.keep_stages(&build.tag, made.steps.stages()).await;
                let image = self.image(&build.tag).await?;
                let image = image.ok_or_else(|| EngineError::NotFound { what: IMAGE, name: build.tag.clone() })?;
                if let Some(old) = replaced.filter(|it| *it != image.id) {
                    self.remove_untagged(&old).await;
                }
                tracing::info!(image = build.tag, elapsed = ?started.elapsed(), "image built");
                Ok(image)
            }
            Ok(Some(message)) => {
                self.remove_steps(&build, &made, 1).await;
                let message = message.trim().to_owned();
                Err(EngineError::Build { message, lines: made.steps.into_last_lines() })
            }
            Err(err) => {
                // The daemon takes a moment to end the step that runs.
                self.remove_steps(&build, &made, 5).await;
                Err(err)
            }
        }
    }

    /// Builds, and returns the daemon's words if what is built is at fault.
    async fn follow_build(
        &self,
        build: &BuildSpec,
        progress: Progress,
        steps: &mut Steps,
    ) -> Result<Option<String>, EngineError> {
        // Closes the connection when this future is dropped, by which the daemon ends the build.
        let (api, _scope) = self.api.scoped().map_err(|err| failed(ACTION, err))?;
        let deadline = Instant::now() + BUILD_TIMEOUT;
        let query = self.build_query(build);
        let context = build.context.clone();
        let open = timeout_at(deadline, api.stream::<ProgressLine>(Method::POST, "/build", &query, context));
        let mut output = match open.await.map_err(|_| EngineError::Timeout(ACTION))? {
            Ok(output) => output,
            Err(err) if status(&err).is_some() => return Ok(Some(words(err))),
            Err(err) => return Err(failed(ACTION, err)),
        };
        let mut pull = PullProgress::new(progress.clone());
        loop {
            let line = timeout_at(deadline, output.next()).await.map_err(|_| EngineError::Timeout(ACTION))?;
            let Some(line) = line else { return Ok(None) };
            let mut line = line.map_err(|err| failed(ACTION, err))?;
            if let Some(message) = line.failure() {
                return Ok(Some(message));
            }
            for text in steps.take(line.stream.as_deref().unwrap_or_default()) {
                let _ = progress.try_send(text);
            }
            pull.tell(line);
        }
    }

    fn build_query(&self, build: &BuildSpec) -> Query {
        let Limits { memory_bytes, cpus, pids: _ } = build.limits;
        let quota = (cpus * CPU_PERIOD_MICROS as f64).round() as u64;
        Query::default()
            .with("t", &build.tag)
            .with("dockerfile", &build.dockerfile)
            .with("rm", "1")
            .with("forcerm", "1")
            .with("memory", &memory_bytes.to_string())
            .with("memswap", &memory_bytes.to_string())
            .with("cpuperiod", &CPU_PERIOD_MICROS.to_string())
            .with("cpuquota", &quota.to_string())
            .with("networkmode", &self.network)
            .with("labels", &json!(self.labels_of_build(&build.labels)).to_string())
            .with("buildargs", &json!(build.arguments).to_string())
    }

    /// Removes what a build without a result has left, last first. What others use, or have named, stays.
    async fn remove_steps(&self, build: &BuildSpec, made: &Made, attempts: u32) {
        for attempt in 0..attempts {
            let mut left = false;
            for id in self.unheard_of(build, made).await.iter().chain(made.steps.stages().iter().flatten().rev()) {
                left |= self.remove_untagged(id).await;
            }
            // Where the build was cut off, the step that ran then may still come to its end.
            if !left && (attempts == 1 || attempt > 1) {
                return;
            }
            sleep(Duration::from_millis(100 << attempt)).await;
        }
    }

    /// Returns the images of steps that the daemon made after nobody listened any more, last first: those with this
    /// build's key, those that were made from what only this build has, and since it began from its last step. Of the last
    /// kind one may be another build's, which is built again then.
    async fn unheard_of(&self, build: &BuildSpec, made: &Made) -> Vec<String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Listed {
            id: String,
            #[serde(default)]
            parent_id: String,
            #[serde(default)]
            created: i64,
            labels: Option<BTreeMap<String, String>>,
        }
        let query = Query::default().filters(&[("dangling", &["true"])]);
        let listed = call("list the images", SHORT, self.api.get::<Vec<Listed>>("/images/json", &query)).await;
        let key = build.labels.get(LABEL_DEPENDENCY_KEY).filter(|key| !key.is_empty());
        let ours = |image: &Listed| {
            let labelled = image.labels.as_ref().and_then(|labels| labels.get(LABEL_DEPENDENCY_KEY));
            let parent = image.parent_id.trim_start_matches("sha256:");
            let last = made.steps.stages().last().and_then(|stage| stage.last());
            (key.is_some() && labelled == key)
                || made.steps.made().iter().any(|made| parent.starts_with(made))
                || image.created >= made.began && last.is_some_and(|last| parent.starts_with(last))
        };
        // The newest come first.
        listed.unwrap_or_default().into_iter().filter(ours).map(|image| image.id).collect()
    }

    /// Names the last image of every stage but the final one, in place of those of the build before.
    async fn keep_stages(&self, tag: &str, stages: &[Vec<String>]) {
        let repository = stage_repository(tag);
        let earlier = stages.len().saturating_sub(1).min(MOST_STAGES);
        let mut replaced = vec![];
        for (index, id) in stages[..earlier].iter().enumerate().filter_map(|(index, it)| Some((index, it.last()?))) {
            let name = format!("{repository}:{index}");
            replaced.extend(self.inspect_image(&name).await.ok().flatten().and_then(|it| it.id));
            let options = TagImageOptionsBuilder::default().repo(&repository).tag(&index.to_string()).build();
            if let Err(err) = call("name a stage", SHORT, self.api.docker.tag_image(id, Some(options))).await {
                tracing::debug!(error = %err, "a stage of a build has no name");
            }
        }
        for old in replaced {
            self.remove_untagged(&old).await;
        }
    }

    /// Removes the stages of builds of those names, of which the images are gone.
    pub(super) async fn forget_stages(&self, tags: Vec<String>) {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Listed {
            repo_tags: Option<Vec<String>>,
        }
        for tag in tags {
            let pattern = format!("{}:*", stage_repository(&tag));
            let query = Query::default().filters(&[("reference", &[&pattern])]);
            let listed = call("list the stages", SHORT, self.api.get::<Vec<Listed>>("/images/json", &query)).await;
            for name in listed.unwrap_or_default().into_iter().flat_map(|it| it.repo_tags.unwrap_or_default()) {
                if name.starts_with(&stage_repository(&tag)) {
                    self.untag(&name).await;
                }
            }
        }
    }
}

fn seconds_now() -> i64 {
    SystemTime::UNIX_EPOCH.elapsed().ok().and_then(|since| i64::try_from(since.as_secs()).ok()).unwrap_or(i64::MAX)
}

/// Returns the name under which the stages of an image are kept.
fn stage_repository(tag: &str) -> String {
    let tag = if tag.rsplit('/').next().is_some_and(|it| it.contains(':')) {
        tag.to_owned()
    } else {
        format!("{tag}:latest")
    };
    format!("previewd-stage/{}", HEXLOWER.encode(&Sha256::digest(tag)[..10]))
}

/// Returns whether a build ended because the image of one of its own steps was gone. Images that a Dockerfile names are
/// told by name, and what a step prints comes after the builder's own words.
fn is_lost_step(message: &str) -> bool {
    let message = message.trim().to_ascii_lowercase();
    LOST_STEP.iter().any(|words| message.starts_with(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_was_lost_is_told_from_an_image_that_is_not_there() {
        assert!(is_lost_step("No such image: sha256:a5aa78c3b1289a3b630f4b2af493be0036803e5c7d664357a6559047ce03ec88"));
        assert!(is_lost_step(
            "unknown parent image ID sha256:704ad5161c316ac9ccce43aa98e6dbbf2802d553dd582e4a00a0aaabbb43d58d"
        ));
        assert!(!is_lost_step("No such image: nginx:none"));
        assert!(!is_lost_step("The command '/bin/sh -c echo No such image: sha256:a5' returned a non-zero code: 1"));
    }

    #[test]
    fn the_stages_of_a_name_are_found_with_and_without_its_tag() {
        assert_eq!(stage_repository("a/b"), stage_repository("a/b:latest"));
        assert_ne!(stage_repository("a/b:1"), stage_repository("a/b:2"));
    }
}
