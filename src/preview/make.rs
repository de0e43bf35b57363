//! The making of an image.
//!
//! Dependencies are installed in a container under limits of its own, and that is committed: no image is built for a
//! change of sources. Only a project's own Dockerfile is built, by the engine.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::mpsc;

use crate::{
    agent::{AgentClient, AgentEvent, Exit, StartSpec, SyncFile, SyncPlan},
    domain::{
        failure::{Failure, FailureStage},
        ids::FilePath,
        limits::Limits,
        logs::LogSource,
        reason::Reason,
        runtime::{APP_ROOT, ImagePlan, InstallPlan, RunPlan},
        text::unix_script,
        tree::EntryKind,
    },
    engine::{
        BuildSpec, ContainerSpec, EngineError, Image, LABEL_DEPENDENCY_KEY, LABEL_LIFE, LABEL_NOTES, LABEL_ROLE,
        LABEL_STACK, SharedEngine, VolumeMount,
    },
    preview::{
        container::Unclaimed,
        context::Context,
        failures::{engine_failure, session_failure},
        handover::{Coming, Installed, Offer, Volumes},
        images::{PROGRESS, SHORT, with_progress},
        log::Log,
        recipe::{BUILD, Below, Name, OnTop, Recipe, Source},
        session::{SessionError, connect},
        settings::Settings,
    },
    stack::{self, End},
};

/// What is said where packages are installed from nothing after all.
const FROM_NOTHING: &str = "previewd: that did not do; installing from nothing";
/// How much CPU that is made with which nobody waits for, at most.
const PATIENT_CPUS: f64 = 1.0;

impl Recipe {
    /// Makes the image. What goes into it is offered before that, where it takes long.
    pub(super) async fn make(
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
struct Maker<'a> {
    engine: &'a SharedEngine,
    settings: &'a Settings,
    name: &'a Name,
    log: &'a Log,
    run: &'a RunPlan,
    limits: Limits,
    role: &'static str,
    stage: FailureStage,
}

impl Maker<'_> {
    /// Gives a part of the work as long as the whole of an installation may take.
    async fn in_time<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let timeout = self.settings.install_timeout;
        tokio::time::timeout(timeout, work).await.unwrap_or_else(|_| {
            let message = format!("it did not end within {} s", timeout.as_secs());
            let mut failure = Failure::new(self.stage, Reason::Timeout, message);
            failure.log_excerpt = self.excerpt();
            Err(failure)
        })
    }

    async fn install(&self, plan: &InstallPlan, offer: Option<&Offer>) -> Result<Image, Failure> {
        if let Some(OnTop { below, commands }) = &self.name.on_top {
            let on_top = match below {
                // What is on top is little, and so is an image of it.
                Below::Image(image) => self.install_in(image, plan, commands, None, None).await,
                Below::Installed(it) => self.install_in(&self.name.base, plan, commands, offer, Some(it)).await,
            };
            match on_top {
                Ok(image) => return Ok(image),
                Err(failure) => {
                    tracing::debug!(key = self.name.key, reason = failure.reason.as_str(), "installing from nothing");
                    self.log.text(LogSource::Install, FROM_NOTHING);
                }
            }
        }
        self.install_in(&self.name.base, plan, &plan.commands, offer, None).await
    }

    /// Bundles in a container of the dependencies alone.
    async fn prebundle(&self, plan: &InstallPlan) -> Result<Image, Failure> {
        let Some(OnTop { below: Below::Image(image), commands }) = &self.name.on_top else {
            return Err(Failure::new(FailureStage::Install, Reason::Internal, "there is nothing to bundle"));
        };
        self.install_in(image, plan, commands, None, None).await
    }

    /// Installs in a container of an image, on top of what others have installed if there is such, and makes an image of it.
    async fn install_in(
        &self,
        image: &str,
        plan: &InstallPlan,
        commands: &[String],
        offer: Option<&Offer>,
        from: Option<&Installed>,
    ) -> Result<Image, Failure> {
        let lost = |error: EngineError| engine_failure(FailureStage::Install, &error);
        if !commands.is_empty() {
            // Package managers are silent at first.
            self.log.text(LogSource::Install, "previewd: making a container for the installation");
        }
        let handover = match offer.filter(|_| !commands.is_empty()) {
            Some(offer) => self.engine.image(image).await.map_err(lost)?.map(|below| (offer, below, Volumes::new())),
            None => None,
        };
        let mut mounts = handover.as_ref().map_or_else(Vec::new, |(.., volumes)| volumes.of_installation.clone());
        if let Some(installed) = from {
            if handover.is_none() {
                return Err(Failure::new(FailureStage::Install, Reason::Internal, "there is nothing to copy to"));
            }
            mounts.extend(installed.volumes.clone());
        }
        let container = Arc::new(self.container("install", image, self.limits, mounts).await.map_err(lost)?);
        if let Some((offer, below, volumes)) = &handover {
            let (key, image) = (self.name.key.clone(), below.id.clone());
            offer.announce(Coming { key, image, volumes: volumes.of_preview.clone() });
        }
        let working = async {
            if from.is_none() && commands.is_empty() {
                return Ok(());
            }
            let agent = connect(self.engine, container.id()).await.map_err(|error| install_failure(&error))?;
            if from.is_some() {
                self.copy(&agent).await?;
            }
            match (&handover, commands) {
                (_, []) => Ok(()),
                (Some(_), commands) => self.installed(&agent, plan, &Volumes::commands(commands)).await,
                (None, commands) => self.installed(&agent, plan, commands).await,
            }
        };
        self.in_time(working).await?;
        let mut labels = self.labels(self.role);
        let log = self.log.all(LogSource::Install);
        let began = log.iter().rposition(|line| line == FROM_NOTHING).map_or(0, |at| at + 1);
        let notes = stack::installed(&log[began..]);
        if !notes.is_empty() {
            labels.insert(LABEL_NOTES.to_owned(), notes.join("\n"));
        }
        let apart = match handover {
            Some((offer, below, volumes)) => {
                let below = Image { labels: labels.clone(), ..below };
                let mounts = volumes.of_image.clone();
                let wanted = offer.make(below, volumes, container.clone()).await;
                let cpus = if wanted { self.limits.cpus } else { self.limits.cpus.min(PATIENT_CPUS) };
                let limits = Limits { cpus, ..self.limits };
                Some((limits, mounts))
            }
            None => None,
        };
        let committing = async {
            let copy = match apart {
                Some((limits, mounts)) => {
                    let copy = self.container("copy", image, limits, mounts).await.map_err(lost)?;
                    let agent = connect(self.engine, copy.id()).await.map_err(|error| install_failure(&error))?;
                    self.copy(&agent).await?;
                    Some(copy)
                }
                None => None,
            };
            let whole = copy.as_ref().unwrap_or(&container);
            // The containers go by themselves: nobody has to wait for that.
            self.engine.commit(whole.id(), &self.name.tag, labels).await.map_err(lost)
        };
        self.in_time(committing).await
    }

    /// Makes a container for a part of the work.
    async fn container(
        &self,
        part: &str,
        image: &str,
        limits: Limits,
        volumes: Vec<VolumeMount>,
    ) -> Result<Unclaimed, EngineError> {
        let short = self.name.key.chars().take(SHORT).collect::<String>();
        let suffix = uuid::Uuid::new_v4().simple().to_string().chars().take(6).collect::<String>();
        let mut labels = self.labels("install");
        labels.insert(LABEL_LIFE.to_owned(), self.settings.life.clone());
        let spec = ContainerSpec {
            name: format!("previewd-{part}-{short}-{suffix}"),
            image: image.to_owned(),
            labels,
            environment: BTreeMap::new(),
            limits,
            make_folders: true,
            volumes,
        };
        Ok(Unclaimed::new(self.engine.clone(), self.engine.run(spec).await?))
    }

    /// Copies what was installed into volumes into a container.
    async fn copy(&self, agent: &AgentClient) -> Result<(), Failure> {
        let argv = vec!["/bin/sh".into(), "-ec".into(), Volumes::copying()];
        let copied = self.run_script(agent, argv, BTreeMap::new()).await;
        self.judge(copied.map_err(|error| install_failure(&error))?)
    }

    /// Installs in a container.
    async fn installed(&self, agent: &AgentClient, plan: &InstallPlan, commands: &[String]) -> Result<(), Failure> {
        let installed = self.run_commands(agent, plan, commands).await;
        self.judge(installed.map_err(|error| install_failure(&error))?)
    }

    /// Runs the commands and returns how they ended, or `None` if their container ended first.
    async fn run_commands(
        &self,
        agent: &AgentClient,
        plan: &InstallPlan,
        commands: &[String],
    ) -> Result<Option<Exit>, SessionError> {
        let writes = plan
            .inputs
            .iter()
            .filter_map(|(path, content)| {
                let path: FilePath = path.parse().ok()?;
                let content = unix_script(path.as_str(), content).unwrap_or_else(|| content.clone());
                Some(SyncFile { path, kind: EntryKind::File, content: Bytes::from(content) })
            })
            .collect();
        agent.sync(APP_ROOT, "dependencies", SyncPlan { full: false, writes, deletes: Vec::new() }).await?;
        let mut environment = self.settings.environment.clone();
        environment.extend(plan.environment.clone());
        // No file that the installation reads need be in its folder, which then is not there yet.
        let argv = vec![
            "/bin/sh".into(),
            "-ec".into(),
            format!("mkdir -p \"$1\"\ncd \"$1\"\n{}", commands.join("\n")),
            "sh".into(),
            self.run.working_folder(),
        ];
        self.run_script(agent, argv, environment).await
    }

    /// Runs a program to its end, with its output in the log of the installation. Returns how it ended, or `None` if its
    /// container ended first.
    async fn run_script(
        &self,
        agent: &AgentClient,
        argv: Vec<String>,
        environment: BTreeMap<String, String>,
    ) -> Result<Option<Exit>, SessionError> {
        let spec = StartSpec {
            argv,
            cwd: APP_ROOT.to_owned(),
            environment,
            grace: Duration::ZERO,
            control: false,
            install: true,
        };
        let generation = agent.start(spec).await?;
        let mut events = agent.watch(0).await?;
        // The end of the process comes after all of its output.
        while let Some(event) = events.next().await {
            match event?.1 {
                AgentEvent::Output(line) => self.log.push(line),
                AgentEvent::Dropped(lines) => self.log.lost(lines),
                AgentEvent::Exit(exit) if exit.generation == generation => return Ok(Some(exit)),
                AgentEvent::Exit(_) | AgentEvent::Memory(_) => {}
            }
        }
        Ok(None)
    }

    /// Returns what an end of the commands means.
    fn judge(&self, exit: Option<Exit>) -> Result<(), Failure> {
        let Some(exit) = exit else {
            let message = "the container of the installation ended";
            return Err(Failure::new(FailureStage::Install, Reason::Interrupted, message));
        };
        if exit.code == 0 {
            return Ok(());
        }
        if exit.out_of_memory {
            let limit = self.limits.memory_bytes / (1024 * 1024);
            let message = format!("the installation needed more than the {limit} MiB of PREVIEW_INSTALL_MEM");
            let mut failure = Failure::new(FailureStage::Install, Reason::OutOfMemory, message);
            failure.log_excerpt = self.excerpt();
            failure.exit_code = Some(exit.code);
            return Err(failure);
        }
        let end = End::Exited { code: exit.code, out_of_memory: false };
        Err(stack::explain(self.run, FailureStage::Install, &end, &self.log.all(LogSource::Install)))
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

    fn excerpt(&self) -> Vec<String> {
        self.log.excerpt(0, &[LogSource::Install])
    }

    fn labels(&self, role: &str) -> BTreeMap<String, String> {
        let pairs =
            [(LABEL_ROLE, role), (LABEL_STACK, self.run.stack.as_str()), (LABEL_DEPENDENCY_KEY, &self.name.key)];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

fn install_failure(error: &SessionError) -> Failure {
    session_failure(FailureStage::Install, error)
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
