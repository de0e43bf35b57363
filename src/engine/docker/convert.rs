//! From our words to Docker's, and back.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, HostConfigLogConfig, ImageInspect, Mount, MountType,
    MountVolumeOptions, ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum,
};
use serde::Deserialize;

use crate::{
    domain::{
        limits::Limits,
        runtime::{APP_ROOT, HOME, RUNTIME_MOUNT},
    },
    engine::{APP_UID, Container, ContainerSpec, ContainerState, Image, LABEL_ROLE, ROLE_RUNTIME},
};

/// The most open files of one process: plenty for watchers, few enough for programs that close each at a fork, and not
/// above what a daemon without special rights may hand down.
const OPEN_FILES: i64 = 16_384;

/// Who everything in a container runs as.
pub(super) fn user() -> String {
    format!("{APP_UID}:{APP_UID}")
}

/// Returns what Docker makes a container from. `environment` is what every container has; the spec's own wins.
pub(super) fn create_body(
    spec: &ContainerSpec,
    labels: BTreeMap<String, String>,
    network: &str,
    mounts: Vec<Mount>,
) -> ContainerCreateBody {
    // The image may have no entry for our user, from which a home would be known.
    let mut variables = BTreeMap::from([("HOME".to_owned(), HOME.to_owned())]);
    variables.extend(spec.environment.clone());
    ContainerCreateBody {
        image: Some(spec.image.clone()),
        labels: Some(labels.into_iter().collect()),
        env: Some(variables.into_iter().map(|(name, value)| format!("{name}={value}")).collect()),
        hostname: Some("preview".into()),
        user: Some(user()),
        working_dir: Some(APP_ROOT.into()),
        entrypoint: Some(vec![format!("{RUNTIME_MOUNT}/agent"), "run".into()]),
        cmd: Some(vec![]),
        healthcheck: Some(HealthConfig { test: Some(vec!["NONE".into()]), ..Default::default() }),
        tty: Some(false),
        open_stdin: Some(false),
        stop_timeout: Some(1),
        host_config: Some(host_config(spec, network, mounts)),
        ..Default::default()
    }
}

/// Returns what bounds a container's resources.
pub(super) fn resources(limits: Limits) -> HostConfig {
    let memory = i64::try_from(limits.memory_bytes).unwrap_or(i64::MAX);
    HostConfig {
        memory: Some(memory),
        memory_swap: Some(memory),
        nano_cpus: Some((limits.cpus * 1e9).round() as i64),
        pids_limit: Some(i64::from(limits.pids)),
        ..Default::default()
    }
}

/// What holds a container in. Masked and read-only paths, seccomp and AppArmor stay Docker's own.
fn host_config(spec: &ContainerSpec, network: &str, mounts: Vec<Mount>) -> HostConfig {
    HostConfig {
        oom_kill_disable: Some(false),
        ulimits: Some(vec![ResourcesUlimits {
            name: Some("nofile".into()),
            soft: Some(OPEN_FILES),
            hard: Some(OPEN_FILES),
        }]),
        privileged: Some(false),
        cap_drop: Some(vec!["ALL".into()]),
        security_opt: Some(vec!["no-new-privileges:true".into()]),
        // The agent is PID 1 and reaps.
        init: Some(false),
        ipc_mode: Some("private".into()),
        network_mode: Some(network.to_owned()),
        publish_all_ports: Some(false),
        // Images such as nginx's listen on port 80, here without a capability.
        sysctls: Some(HashMap::from([("net.ipv4.ip_unprivileged_port_start".into(), "0".into())])),
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".into()),
            config: Some(HashMap::from([("max-size".into(), "10m".into()), ("max-file".into(), "2".into())])),
        }),
        restart_policy: Some(RestartPolicy { name: Some(RestartPolicyNameEnum::NO), maximum_retry_count: None }),
        auto_remove: Some(false),
        mounts: Some(mounts),
        ..resources(spec.limits)
    }
}

/// Returns the labels of the runtime volume, which is no instance's.
pub(super) fn runtime_labels() -> HashMap<String, String> {
    HashMap::from([(LABEL_ROLE.to_owned(), ROLE_RUNTIME.to_owned())])
}

/// Returns the mount of the runtime volume.
pub(super) fn runtime_mount(volume: &str, read_only: bool) -> Mount {
    Mount {
        typ: Some(MountType::VOLUME),
        source: Some(volume.to_owned()),
        target: Some(RUNTIME_MOUNT.into()),
        read_only: Some(read_only),
        volume_options: Some(MountVolumeOptions {
            no_copy: Some(true),
            // The daemon makes a volume that was removed a moment ago anew: empty, but to be known as ours.
            labels: Some(runtime_labels()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// Keeps the labels that say something; see `Inner::labels`.
fn said(labels: impl IntoIterator<Item = (String, String)>) -> BTreeMap<String, String> {
    labels.into_iter().filter(|(name, value)| !(value.is_empty() && name.starts_with("previewd."))).collect()
}

/// Returns what is told of an image.
pub(super) fn image(found: ImageInspect) -> Image {
    let config = found.config.unwrap_or_default();
    let mut ports: Vec<u16> = config
        .exposed_ports
        .unwrap_or_default()
        .iter()
        .filter_map(|it| {
            let (port, protocol) = it.split_once('/').unwrap_or((it, "tcp"));
            (protocol == "tcp").then(|| port.parse().ok()).flatten()
        })
        .collect();
    ports.sort_unstable();
    ports.dedup();
    Image {
        id: found.id.unwrap_or_default(),
        entrypoint: config.entrypoint.unwrap_or_default(),
        command: config.cmd.unwrap_or_default(),
        working_dir: config.working_dir.unwrap_or_default(),
        // A name without a value is one that is to be absent; see `Inner::commit`.
        environment: config.env.unwrap_or_default().into_iter().filter(|it| it.contains('=')).collect(),
        exposed_ports: ports,
        labels: said(config.labels.unwrap_or_default()),
    }
}

/// A container in a list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListedContainer {
    pub id: String,
    #[serde(default)]
    pub names: Vec<String>,
    #[serde(rename = "ImageID", default)]
    pub image: String,
    pub labels: Option<HashMap<String, String>>,
    #[serde(default)]
    pub state: String,
}

impl ListedContainer {
    /// Returns what is told of a container, or `None` if more has to be asked: how it ended.
    pub(super) fn container(&self) -> Option<Container> {
        let state = match self.state.as_str() {
            "running" => ContainerState::Running,
            "paused" => ContainerState::Paused,
            "exited" | "dead" | "removing" => return None,
            _ => ContainerState::Created,
        };
        Some(Container {
            id: self.id.clone(),
            name: self.names.first().map(|it| it.trim_start_matches('/').to_owned()).unwrap_or_default(),
            labels: said(self.labels.clone().unwrap_or_default()),
            state,
            image: self.image.clone(),
        })
    }
}

/// A container that was asked about.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct InspectedContainer {
    pub id: String,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub image: String,
    pub state: InspectedState,
    pub config: InspectedConfig,
    #[serde(default)]
    pub network_settings: InspectedNetworks,
    #[serde(default)]
    pub host_config: InspectedBounds,
    mounts: Option<Vec<InspectedMount>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InspectedMount {
    #[serde(default)]
    name: String,
    #[serde(default)]
    destination: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct InspectedBounds {
    memory: i64,
    nano_cpus: i64,
    pids_limit: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct InspectedState {
    #[serde(default)]
    pub status: String,
    #[serde(default)]
    pub exit_code: i64,
    #[serde(rename = "OOMKilled", default)]
    pub oom_killed: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct InspectedConfig {
    pub labels: Option<HashMap<String, String>>,
    pub env: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct InspectedNetworks {
    pub networks: Option<HashMap<String, InspectedEndpoint>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct InspectedEndpoint {
    #[serde(rename = "IPAddress", default)]
    pub address: String,
}

impl InspectedContainer {
    /// Returns the names of its volumes, but for that of the runtime.
    pub(super) fn volumes(&self) -> Vec<String> {
        let mounts = self.mounts.iter().flatten();
        mounts.filter(|it| it.destination != RUNTIME_MOUNT && !it.name.is_empty()).map(|it| it.name.clone()).collect()
    }

    pub(super) fn container(self) -> Container {
        Container {
            state: self.state(),
            id: self.id,
            name: self.name.trim_start_matches('/').to_owned(),
            labels: said(self.config.labels.unwrap_or_default()),
            image: self.image,
        }
    }

    pub(super) fn limits(&self) -> Limits {
        let bounds = &self.host_config;
        Limits {
            memory_bytes: u64::try_from(bounds.memory).unwrap_or_default(),
            cpus: bounds.nano_cpus as f64 / 1e9,
            pids: bounds.pids_limit.and_then(|pids| u32::try_from(pids).ok()).unwrap_or_default(),
        }
    }

    pub(super) fn state(&self) -> ContainerState {
        match self.state.status.as_str() {
            "running" => ContainerState::Running,
            "paused" => ContainerState::Paused,
            "exited" | "dead" | "removing" => ContainerState::Exited {
                code: self.state.exit_code,
                // Docker says so too when it was a child that was killed; PID 1 then has a status of its own.
                out_of_memory: self.state.oom_killed && self.state.exit_code == 137,
            },
            _ => ContainerState::Created,
        }
    }

    pub(super) fn label(&self, name: &str) -> Option<&str> {
        self.config.labels.as_ref()?.get(name).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(state: &str) -> Option<Container> {
        let json = serde_json::json!({"Id": "1", "Names": ["/a"], "ImageID": "i", "Labels": null, "State": state});
        serde_json::from_value::<ListedContainer>(json).unwrap().container()
    }

    #[test]
    fn an_unknown_state_fails_no_list() {
        assert_eq!(listed("hibernating").unwrap().state, ContainerState::Created);
        assert_eq!(listed("running").unwrap().name, "a");
        assert_eq!(listed("exited"), None);
    }

    #[test]
    fn an_unknown_state_fails_no_inspection() {
        let json = serde_json::json!({
            "Id": "1", "State": {"Status": "hibernating", "Unheard": 1}, "Config": {"Labels": null, "Env": null},
        });
        let found: InspectedContainer = serde_json::from_value(json).unwrap();
        assert_eq!(found.state(), ContainerState::Created);
    }

    #[test]
    fn exposed_ports_are_tcp_and_ascending() {
        let found: ImageInspect = serde_json::from_value(serde_json::json!({"Config": {
            "ExposedPorts": {"8080/tcp": {}, "53/udp": {}, "80/tcp": {}, "9000": {}},
            "Env": ["A=1", "GONE"], "Labels": {"previewd.stack": "", "mine": ""},
        }}))
        .unwrap();
        let image = image(found);
        assert_eq!(image.exposed_ports, [80, 8080, 9000]);
        assert_eq!(image.environment, ["A=1"]);
        assert_eq!(image.labels.keys().collect::<Vec<_>>(), ["mine"]);
    }
}
