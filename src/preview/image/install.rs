//! The installation of dependencies: in a container under limits of its own, of which an image is made. No image is built
//! for a change of sources.

pub(in crate::preview) mod downloads;
pub(in crate::preview) mod handover;
pub(in crate::preview) mod room;
pub(in crate::preview) mod volumes;

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;

use crate::{
    agent::{AgentClient, AgentEvent, Exit, SyncFile, SyncPlan},
    domain::{
        failure::{Failure, FailureStage},
        ids::FilePath,
        limits::Limits,
        logs::LogSource,
        reason::Reason,
        runtime::{APP_ROOT, InstallPlan},
        text::unix_script,
        tree::EntryKind,
    },
    engine::{ContainerSpec, EngineError, Image, LABEL_LIFE, LABEL_NOTES, VolumeMount},
    preview::{
        image::{
            images::SHORT,
            install::{
                handover::{Coming, Installed, Offer},
                room::{NextRoom, Room},
                volumes::Volumes,
            },
            make::{Maker, PATIENT_CPUS},
            recipe::{Below, OnTop},
        },
        unit::{
            container::Unclaimed,
            failures::{engine_failure, session_failure},
            session::SessionError,
        },
    },
    stack::{self, End},
};

/// What is said where packages are installed from nothing after all.
const FROM_NOTHING: &str = "previewd: that did not do; installing from nothing";

/// Runs its arguments, each in a shell and from the folder that is the first: what one does to its shell is not the next
/// one's, and one that fails is the end. In one shell for all, `-e` would let `false && true` pass. No file that the
/// installation reads need be in its folder, which then is not there yet.
const EACH: &str = r#"mkdir -p "$1" && cd "$1" || exit
shift
for command; do /bin/sh -ec "$command" || exit; done"#;

impl Maker<'_> {
    /// Installs dependencies, on top of others where that will do, and makes an image of them.
    pub(in crate::preview) async fn install(
        &self,
        plan: &InstallPlan,
        offer: Option<&Offer>,
    ) -> Result<Image, Failure> {
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
    pub(in crate::preview) async fn prebundle(&self, plan: &InstallPlan) -> Result<Image, Failure> {
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
        let room = self.in_time(self.room(image, plan, commands, offer, from)).await?;
        if let (Some(offer), Some((below, volumes))) = (offer, &room.into) {
            let (key, image) = (self.name.key.clone(), below.id.clone());
            offer.announce(Coming { key, image, volumes: volumes.of_preview.clone() });
        }
        let mut next = room.into.as_ref().map(|(below, volumes)| self.next_room(image, plan, below, volumes));
        self.in_time(self.fill(&room, plan, commands, from.is_some())).await?;
        next.iter_mut().for_each(NextRoom::installed);
        let labels = self.labels_of_installed();
        let Room { container, into, .. } = room;
        let apart = match (offer, into, next) {
            (Some(offer), Some((below, volumes)), Some(next)) => {
                let to_keep = self.to_keep(plan, &volumes);
                let keeps = to_keep.is_some();
                let mounts: Vec<_> = volumes.of_image.iter().cloned().chain(to_keep.into_iter().flatten()).collect();
                let below = Image { labels: labels.clone(), ..below };
                let limits = self.hand_over(offer, below, volumes, container.clone(), next).await;
                Some((limits, mounts, keeps))
            }
            _ => None,
        };
        let committing = async {
            // The containers go by themselves: nobody has to wait for that.
            let commit = async |container: &Unclaimed| {
                self.engine.commit(container.id(), &self.name.tag, labels).await.map_err(|error| lost(&error))
            };
            let Some((limits, mounts, keeps)) = apart else { return commit(&container).await };
            let (copy, agent) = self.copied(image, limits, &mounts).await?;
            let image = commit(&copy).await?;
            if keeps {
                self.keep_downloads(copy, agent);
            }
            Ok(image)
        };
        self.in_time(committing).await
    }

    /// Returns a container to install in: the one that is there for whoever goes on from what others have installed, or
    /// another.
    async fn room(
        &self,
        image: &str,
        plan: &InstallPlan,
        commands: &[String],
        offer: Option<&Offer>,
        from: Option<&Installed>,
    ) -> Result<Room, Failure> {
        if let Some(from) = from.filter(|_| offer.is_some())
            && let Some(room) = from.next_room().await
        {
            return Ok(room);
        }
        if !commands.is_empty() {
            // Package managers are silent at first.
            self.log.text(LogSource::Install, "previewd: making a container for the installation");
        }
        let into = match offer.filter(|_| !commands.is_empty()) {
            Some(_) => self.engine.image(image).await.map_err(|error| lost(&error))?,
            None => None,
        };
        let from = from.map_or(&[][..], |from| &from.volumes);
        let read: Vec<_> = from.iter().cloned().chain(self.to_take(plan)).collect();
        let room = Room::new(self.engine, self.container("install", image, self.limits), into, &read).await;
        room.map_err(|error| lost(&error))
    }

    /// Installs in a container, which may go on from what others have installed.
    async fn fill(&self, room: &Room, plan: &InstallPlan, commands: &[String], goes_on: bool) -> Result<(), Failure> {
        if !goes_on && commands.is_empty() {
            return Ok(());
        }
        let agent = room.agent(self.engine).await.map_err(|error| install_failure(&error))?;
        if goes_on && room.into.is_none() {
            return Err(Failure::new(FailureStage::Install, Reason::Internal, "there is nothing to copy to"));
        }
        if goes_on && !room.copied {
            self.copy(&agent).await?;
        }
        match (&room.into, commands) {
            (_, []) => Ok(()),
            (Some(_), commands) => self.installed(&agent, plan, &Volumes::commands(commands)).await,
            (None, commands) => self.installed(&agent, plan, commands).await,
        }
    }

    /// Returns the labels of the image that is made, with what the package manager had to say.
    fn labels_of_installed(&self) -> BTreeMap<String, String> {
        let mut labels = self.labels(self.role);
        let log = self.log.all(LogSource::Install);
        let began = log.iter().rposition(|line| line == FROM_NOTHING).map_or(0, |at| at + 1);
        let notes = stack::installed(&log[began..]);
        if !notes.is_empty() {
            labels.insert(LABEL_NOTES.to_owned(), notes.join("\n"));
        }
        labels
    }

    /// Offers what was installed, and waits until it is time to make the image. Returns what that may use.
    async fn hand_over(
        &self,
        offer: &Offer,
        below: Image,
        volumes: Volumes,
        container: Arc<Unclaimed>,
        next: NextRoom,
    ) -> Limits {
        let wanted = offer.make(below, volumes, container, next).await;
        let cpus = if wanted { self.limits.cpus } else { self.limits.cpus.min(PATIENT_CPUS) };
        Limits { cpus, ..self.limits }
    }

    /// Begins to make a container for what may be installed next, which goes on from these volumes.
    fn next_room(&self, image: &str, plan: &InstallPlan, below: &Image, volumes: &Volumes) -> NextRoom {
        let spec = self.container("next", image, self.limits);
        let read: Vec<_> = volumes.of_image.iter().cloned().chain(self.to_take(plan)).collect();
        let (engine, below) = (self.engine.clone(), below.clone());
        NextRoom::begin(|told| Room::ahead(engine, spec, below, read, told))
    }

    /// Returns a container with a copy of what was installed into volumes, and the agent in it.
    async fn copied(
        &self,
        image: &str,
        limits: Limits,
        mounts: &[VolumeMount],
    ) -> Result<(Arc<Unclaimed>, AgentClient), Failure> {
        let spec = self.container("copy", image, limits);
        let copy = Room::new(self.engine, spec, None, mounts).await.map_err(|error| lost(&error))?;
        let agent = copy.agent(self.engine).await.map_err(|error| install_failure(&error))?;
        self.copy(&agent).await?;
        Ok((copy.container, agent))
    }

    /// Returns what a container for a part of the work is made from.
    fn container(&self, part: &str, image: &str, limits: Limits) -> ContainerSpec {
        let short = self.name.key.chars().take(SHORT).collect::<String>();
        let suffix = uuid::Uuid::new_v4().simple().to_string().chars().take(6).collect::<String>();
        let mut labels = self.labels("install");
        labels.insert(LABEL_LIFE.to_owned(), self.settings.life.clone());
        ContainerSpec {
            name: format!("previewd-{part}-{short}-{suffix}"),
            image: image.to_owned(),
            labels,
            environment: BTreeMap::new(),
            limits,
            make_folders: true,
            volumes: Vec::new(),
        }
    }

    /// Copies what was installed into volumes into a container.
    async fn copy(&self, agent: &AgentClient) -> Result<(), Failure> {
        let copied = self.run_script(agent, Volumes::copying(), BTreeMap::new()).await;
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
        let mut argv = vec!["/bin/sh".into(), "-c".into(), EACH.into(), "sh".into(), self.run.working_folder()];
        argv.extend_from_slice(commands);
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
        let log = |event| match event {
            AgentEvent::Output(line) => self.log.push(line),
            AgentEvent::Dropped(lines) => self.log.lost(lines),
            AgentEvent::Exit(_) | AgentEvent::Memory(_) => {}
        };
        room::run(agent, argv, environment, log).await
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
}

fn lost(error: &EngineError) -> Failure {
    engine_failure(FailureStage::Install, error)
}

fn install_failure(error: &SessionError) -> Failure {
    session_failure(FailureStage::Install, error)
}
