//! What the core is told by the configuration.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use crate::domain::{limits::Limits, runtime::BaseImage, spec::Stack};

/// Settings of the core, checked by the configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The base image of each kind.
    pub images: HashMap<BaseImage, String>,
    /// The default bounds of each stack's containers.
    pub limits: BTreeMap<Stack, Limits>,
    /// The bounds of installations and builds.
    pub install_limits: Limits,
    /// How long an app may take to answer.
    pub start_timeout: Duration,
    /// How long dependencies may take to install, or an image to build.
    pub install_timeout: Duration,
    /// How often reload streams send a heartbeat.
    pub heartbeat_interval: Duration,
    /// How long a preview lives.
    pub expiry: Duration,
    /// How long a preview lives without use.
    pub idle_timeout: Duration,
    /// How often the reaper looks, at the latest.
    pub cleanup_interval: Duration,
    /// The environment of every process in a container.
    pub environment: BTreeMap<String, String>,
    /// Those of them that name the operator's own certificate authorities; none if it has none.
    pub authorities: BTreeMap<String, String>,
    /// The variables that a build of a project's own Dockerfile gets as arguments, such as those of the proxy.
    pub build_arguments: BTreeMap<String, String>,
}

impl Settings {
    /// Returns the default bounds of a stack.
    pub fn limits(&self, stack: Stack) -> Limits {
        const FALLBACK: Limits = Limits { memory_bytes: 512 * 1024 * 1024, cpus: 0.5, pids: 256 };
        self.limits.get(&stack).copied().unwrap_or(FALLBACK)
    }
}
