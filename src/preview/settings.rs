//! What the core is told by the configuration.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use crate::domain::{
    limits::{Allowance, LimitOverrides, Limits},
    runtime::{BaseImage, RunPlan},
    spec::Stack,
};

/// Where what installations have downloaded is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Downloads {
    /// The name of its volume.
    pub volume: String,
    /// How many bytes of it are kept.
    pub most_bytes: u64,
}

/// Settings of the core, checked by the configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Names this life of the service: every container that it makes has it as a label.
    pub life: String,
    /// The base image of each kind.
    pub images: HashMap<BaseImage, String>,
    /// The default bounds of each stack's containers.
    pub limits: BTreeMap<Stack, Limits>,
    /// The stacks whose memory the operator has named.
    pub memory_named: Vec<Stack>,
    /// The most memory that a preview is given when it needs more than it began with.
    pub max_memory_bytes: u64,
    /// The CPU of a preview until it answers first.
    pub burst_cpus: f64,
    /// The bounds of installations and builds.
    pub install_limits: Limits,
    /// Where what installations download is kept for others, if it is.
    pub downloads: Option<Downloads>,
    /// How long an app may take to answer.
    pub start_timeout: Duration,
    /// How long dependencies may take to install, or an image to build.
    pub install_timeout: Duration,
    /// How long after a preview's first answer the packages of its pages are bundled for others. Zero: never.
    pub prebundle_after: Duration,
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
    /// Returns the bounds that a preview begins with, and how much memory it may be given beyond them.
    ///
    /// What the request names is neither raised for what a kind of project needs nor later; a setting is where it begins.
    pub fn bounds(&self, plan: &RunPlan, asked: &LimitOverrides) -> (Limits, Allowance) {
        let mut limits = self.limits(plan.stack);
        let own = limits.memory_bytes;
        if let Some(needed) = plan.needs.memory_bytes.filter(|_| !self.memory_named.contains(&plan.stack)) {
            limits.memory_bytes = own.max(needed.min(self.max_memory_bytes));
        }
        let allowance = match asked.memory_bytes {
            Some(_) => Allowance { most_bytes: 0, said_by: "limits.memory_bytes of the request" },
            None => Allowance { most_bytes: self.max_memory_bytes, said_by: "PREVIEW_MAX_MEM" },
        };
        (asked.over(limits), allowance)
    }

    /// Returns the default bounds of a stack.
    pub fn limits(&self, stack: Stack) -> Limits {
        const FALLBACK: Limits = Limits { memory_bytes: 512 * 1024 * 1024, cpus: 0.5, pids: 256 };
        self.limits.get(&stack).copied().unwrap_or(FALLBACK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        ignore::Ignore,
        runtime::{ImagePlan, Needs, ReloadPlan, StartPlan},
    };

    const MIB: u64 = 1024 * 1024;

    fn settings() -> Settings {
        Settings {
            life: String::new(),
            images: HashMap::new(),
            limits: BTreeMap::from([(Stack::Node, Limits { memory_bytes: 512 * MIB, cpus: 0.5, pids: 256 })]),
            memory_named: Vec::new(),
            max_memory_bytes: 2048 * MIB,
            burst_cpus: 2.0,
            install_limits: Limits { memory_bytes: 2048 * MIB, cpus: 2.0, pids: 256 },
            downloads: None,
            start_timeout: Duration::from_secs(180),
            install_timeout: Duration::from_secs(600),
            prebundle_after: Duration::ZERO,
            heartbeat_interval: Duration::from_secs(15),
            expiry: Duration::from_secs(3600),
            idle_timeout: Duration::from_secs(1800),
            cleanup_interval: Duration::from_secs(300),
            environment: BTreeMap::new(),
            authorities: BTreeMap::new(),
            build_arguments: BTreeMap::new(),
        }
    }

    fn plan(memory_bytes: Option<u64>) -> RunPlan {
        RunPlan {
            stack: Stack::Node,
            root: String::new(),
            image: ImagePlan::Build { dockerfile: "Dockerfile".into(), ignore: Ignore::default() },
            prebundle: None,
            start: StartPlan {
                argv: Vec::new(),
                environment: BTreeMap::new(),
                port: 3000,
                named_port: false,
                ready_path: "/".into(),
                reload: ReloadPlan::Restart,
            },
            needs: Needs { memory_bytes },
            notes: Vec::new(),
            supplied: BTreeMap::new(),
            data: Vec::new(),
        }
    }

    #[test]
    fn what_a_kind_needs_counts_where_nobody_names_its_memory() {
        let begins = |settings: &Settings, needs: Option<u64>, asked: Option<u64>| {
            let asked = LimitOverrides { memory_bytes: asked.map(|mib| mib * MIB), ..LimitOverrides::default() };
            let (limits, allowance) = settings.bounds(&plan(needs.map(|mib| mib * MIB)), &asked);
            (limits.memory_bytes / MIB, allowance.more_than(limits.memory_bytes).map(|bytes| bytes / MIB))
        };
        let mut settings = settings();
        assert_eq!(begins(&settings, None, None), (512, Some(1024)));
        assert_eq!(begins(&settings, Some(1024), None), (1024, Some(2048)));
        assert_eq!(begins(&settings, Some(1024), Some(256)), (256, None), "a request's is for good");
        settings.max_memory_bytes = 800 * MIB;
        assert_eq!(begins(&settings, Some(1024), None), (800, None));
        settings.max_memory_bytes = 100 * MIB;
        assert_eq!(begins(&settings, Some(1024), None), (512, None), "the most lowers nothing");
        settings.memory_named = vec![Stack::Node];
        settings.max_memory_bytes = 2048 * MIB;
        assert_eq!(begins(&settings, Some(1024), None), (512, Some(1024)));
    }
}
