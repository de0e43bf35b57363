//! The making of an image: of dependencies in `install.rs`, and here of a project's own Dockerfile, which the engine builds.

use std::collections::BTreeMap;

use tokio::sync::mpsc;

use crate::{
    domain::{
        failure::{Failure, FailureStage},
        limits::Limits,
        logs::LogSource,
        reason::Reason,
        runtime::{ImagePlan, RunPlan},
    },
    engine::{BuildSpec, EngineError, Image, LABEL_DEPENDENCY_KEY, LABEL_ROLE, LABEL_STACK, SharedEngine},
    preview::{
        face::log::Log,
        image::{
            context::Context,
            images::{PROGRESS, with_progress},
            install::handover::Offer,
            recipe::{BUILD, Name, Recipe, Source},
        },
        settings::Settings,
        unit::failures::engine_failure,
    },
    stack::{self, End},
};

/// How much CPU that is made with which nobody waits for, at most.
pub(in crate::preview) const PATIENT_CPUS: f64 = 1.0;

impl Recipe {
    /// Makes the image. What goes into it is offered before that, where it takes long.
    pub(in crate::preview) async fn make(
        self,
        engine: &SharedEngine,
        settings: &Settings,
        name: &Name,
        log: &Log,
        offer: Option<&Offer>,
    ) -> Result<Image, Failure> {
        let stage = match self.source {
            Source::Dependencies(_) | Source::Prebundle(_) => FailureStage::Install,
            Source::Build(_) => FailureStage::Build,
        };
        let machine = engine.machine().await.map_err(|error| engine_failure(stage, &error))?;
        let mut limits = settings.install_limits.on_machine(machine.cpus);
        if let Source::Prebundle(_) = self.source {
            limits.cpus = limits.cpus.min(PATIENT_CPUS);
        }
        let maker = Maker { engine, settings, name, log, run: &self.run, limits, role: self.role(), stage };
        match &self.source {
            Source::Dependencies(plan) => maker.install(plan, offer).await,
            Source::Prebundle(plan) => maker.prebundle(plan).await,
            Source::Build(context) => maker.in_time(maker.build(context)).await,
        }
    }
}

/// Makes one image.
pub(in crate::preview) struct Maker<'a> {
    pub(in crate::preview) engine: &'a SharedEngine,
    pub(in crate::preview) settings: &'a Settings,
    pub(in crate::preview) name: &'a Name,
    pub(in crate::preview) log: &'a Log,
    pub(in crate::preview) run: &'a RunPlan,
    pub(in crate::preview) limits: Limits,
    pub(in crate::preview) role: &'static str,
    pub(in crate::preview) stage: FailureStage,
}

impl Maker<'_> {
    /// Gives a part of the work as long as the whole of an installation may take.
    pub(in crate::preview) async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let timeout = self.settings.install_timeout;
        tokio::time::timeout(timeout, work).await.unwrap_or_else(|_| {
            let message = format!("it did not end within {} s", timeout.as_secs());
            let mut failure = Failure::new(self.stage, Reason::Timeout, message);
            failure.log_excerpt = self.excerpt();
            Err(failure)
        })
    }

    async fn build(&self, context: &Context) -> Result<Image, Failure> {
        let runtime_image = format!("{}-runtime", self.name.tag);
        let (archive, wants_runtime) = context.archive(&runtime_image).await?;
        let spec = BuildSpec {
            tag: self.name.tag.clone(),
            context: archive,
            dockerfile: context.dockerfile.clone(),
            labels: self.labels(BUILD),
            arguments: self.settings.build_arguments.clone(),
            limits: self.limits,
            runtime_image: wants_runtime.then_some(runtime_image),
        };
        let (sender, receiver) = mpsc::channel(PROGRESS);
        let outcome = with_progress(self.engine.build(spec, sender), receiver, self.log).await;
        match outcome {
            Ok(image) => Ok(image),
            Err(EngineError::Build { message, lines }) => {
                let mut line = misspelt_line(&message);
                if line.is_none() {
                    let text = context.dockerfile_text().await;
                    line = text.and_then(|text| stack::ended_at(&text, &lines));
                }
                let file = match &self.run.image {
                    ImagePlan::Build { dockerfile, .. } => line.and(Some(dockerfile.clone())),
                    ImagePlan::Dependencies(_) => None,
                };
                let end = End::Reported { message, file, line };
                Err(stack::explain(self.run, FailureStage::Build, &end, &lines))
            }
            Err(error) => Err(engine_failure(FailureStage::Build, &error)),
        }
    }

    pub(in crate::preview) fn excerpt(&self) -> Vec<String> {
        self.log.excerpt(0, &[LogSource::Install])
    }

    pub(in crate::preview) fn labels(&self, role: &str) -> BTreeMap<String, String> {
        let pairs =
            [(LABEL_ROLE, role), (LABEL_STACK, self.run.stack.as_str()), (LABEL_DEPENDENCY_KEY, &self.name.key)];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

/// Returns the line at which the builder could not read a Dockerfile, from its words: `dockerfile parse error line 1: ...`,
/// or newer, `... parse error on line 1: ...`.
fn misspelt_line(message: &str) -> Option<u32> {
    let (_, place) = message.split_once("dockerfile parse error")?;
    let (_, number) = place.split_once("line ")?;
    number.split(|it: char| !it.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_the_builder_cannot_read_is_found_in_its_words() {
        assert_eq!(misspelt_line("dockerfile parse error line 3: unknown instruction: FORM"), Some(3));
        assert_eq!(misspelt_line("dockerfile parse error on line 12: unknown flag: x"), Some(12));
        assert_eq!(misspelt_line("The command '/bin/sh -c line 3' returned a non-zero code: 1"), None);
    }
}
