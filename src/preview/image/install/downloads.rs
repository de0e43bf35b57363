//! What package managers have downloaded, kept for the installations of other dependencies.
//!
//! One volume of the instance has it, each file under the hash of its content. An installation reads it, and its package
//! manager takes from there what it would fetch: by the hash that the index or a lockfile names, so that a file can only be
//! what it would have got. Only a container in which no project's code runs writes to it, and hashes what it writes.

use std::{collections::BTreeMap, sync::Arc};

use tokio::time::timeout;

use crate::{
    agent::{AgentClient, AgentEvent},
    domain::runtime::InstallPlan,
    engine::{VolumeMount, VolumePurpose},
    preview::{
        image::{
            install::{room, volumes::Volumes},
            make::Maker,
        },
        unit::container::Unclaimed,
    },
    stack::{self, DOWNLOADS},
};

/// Where the downloads of an installation are in the container that keeps them.
const SCRATCH: &str = "/handover/tmp";

impl Maker<'_> {
    /// Returns where an installation takes from what others have downloaded, if it does.
    pub(in crate::preview) fn to_take(&self, plan: &InstallPlan) -> Option<VolumeMount> {
        let downloads = self.settings.downloads.as_ref().filter(|_| stack::takes_downloads(plan));
        downloads.map(|it| mount(&it.volume, DOWNLOADS, VolumePurpose::Cache { writes: false }))
    }

    /// Returns what a container needs that keeps what an installation has downloaded, if everybody may have that.
    pub(in crate::preview) fn to_keep(&self, plan: &InstallPlan, volumes: &Volumes) -> Option<[VolumeMount; 2]> {
        let downloads = self.settings.downloads.as_ref().filter(|_| stack::gives_downloads(plan));
        downloads.map(|it| {
            [
                mount(&it.volume, DOWNLOADS, VolumePurpose::Cache { writes: true }),
                mount(&volumes.scratch, SCRATCH, VolumePurpose::Read),
            ]
        })
    }

    /// Keeps what an installation has downloaded, in a container that has what [`Self::to_keep`] says. Nobody waits for it:
    /// what is not kept is fetched again.
    pub(in crate::preview) fn keep_downloads(&self, container: Arc<Unclaimed>, agent: AgentClient) {
        let Some(downloads) = &self.settings.downloads else { return };
        let (time, key) = (self.settings.install_timeout, self.name.key.clone());
        let program = stack::keeping_downloads(SCRATCH, downloads.most_bytes, time);
        tokio::spawn(async move {
            let told = |event| {
                if let AgentEvent::Output(line) = event {
                    tracing::debug!(key, said = line.text.as_str(), "downloads");
                }
            };
            let ended = timeout(time, room::run(&agent, program, BTreeMap::new(), told)).await;
            if !matches!(ended, Ok(Ok(Some(exit))) if exit.code == 0) {
                tracing::warn!("what was downloaded could not be kept for others");
            }
            drop(container);
        });
    }
}

fn mount(name: &str, target: &str, purpose: VolumePurpose) -> VolumeMount {
    VolumeMount { name: name.to_owned(), target: target.to_owned(), purpose }
}
