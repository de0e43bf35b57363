//! Every setting, its default and its check.
//!
//! A configuration is made from a map of variables, so that tests never touch the process environment; only
//! [`Config::load`] looks at that and at `.env`. All errors are reported together.

mod errors;
mod reader;
mod settings;
mod types;
mod values;

use std::{
    collections::BTreeMap,
    env, fmt, io,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::domain::{
    limits::{Limits, MAX_LIFETIME, MEMORY_BYTES, PIDS},
    spec::Stack,
};

use self::{errors::no_setting, reader::Reader};
pub use self::{
    errors::{ConfigError, ConfigErrors},
    settings::{SETTINGS, Setting},
    types::{CorsOrigins, Images, LogFormat, Proxies, StackLimits},
};

/// The file beside the service whose variables stand below those of the environment.
pub const ENV_FILE: &str = ".env";

/// What the service is told from outside, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where gRPC, grpc-web, health and reflection are served.
    pub listen: SocketAddr,
    /// Where the VFS and the specs are kept.
    pub data_dir: PathBuf,
    /// The address of the Docker daemon; `None` for the client's own default.
    pub docker_host: Option<String>,
    /// The name of the network that previews are on.
    pub network: String,
    /// The base images.
    pub images: Images,
    /// Certificates, as PEM, that installs and apps trust beside the usual ones.
    pub extra_ca_certs: Option<String>,
    /// The proxy variables that installs and apps get.
    pub proxies: Proxies,
    /// The address that previews' ports are opened on.
    pub bind_address: IpAddr,
    /// The ports of previews.
    pub ports: RangeInclusive<u16>,
    /// The time after which a preview ends whatever happens.
    pub expiry: Duration,
    /// The time without use after which a preview ends.
    pub idle: Duration,
    /// The longest time between two sweeps.
    pub cleanup_interval: Duration,
    /// The time between two looks at the repositories.
    pub poll_interval: Duration,
    /// Whether inotify announces other processes' commits.
    pub inotify: bool,
    /// The bounds of previews' containers.
    pub limits: StackLimits,
    /// The stacks whose memory was named, rather than left to the default.
    pub memory_named: Vec<Stack>,
    /// The most memory that a preview is given when it needs more than it began with.
    pub max_memory_bytes: u64,
    /// The most bytes that the logs of all previews keep together.
    pub log_memory_bytes: u64,
    /// The CPU of a preview until it answers first.
    pub burst_cpus: f64,
    /// The bounds of an installation, and of each step of a build.
    pub install_limits: Limits,
    /// How many bytes of what installations download are kept for others. Zero: none.
    pub downloads_max_bytes: u64,
    /// How long an app may take to answer first.
    pub start_timeout: Duration,
    /// How long an app may take to begin an answer.
    pub answer_timeout: Duration,
    /// How long an installation may take.
    pub install_timeout: Duration,
    /// How long after a preview's first answer the packages of its pages are bundled for others. Zero: never.
    pub prebundle_after: Duration,
    /// The time between two heartbeats.
    pub heartbeat_interval: Duration,
    /// Calls with one answer that are served at once.
    pub max_concurrent_calls: usize,
    /// Streams that are served at once.
    pub max_concurrent_streams: usize,
    /// Which pages may call over grpc-web.
    pub cors_origins: CorsOrigins,
    /// The names, beside addresses and local ones, by which a page may call this service.
    pub hosts: Vec<String>,
    /// How logs are written.
    pub log_format: LogFormat,
    /// What is logged, as `tracing_subscriber::EnvFilter` reads it.
    pub log_filter: String,
    /// What was in the environment, looks like a setting and is none: others may have put it there, as Kubernetes does
    /// for a service of the name `preview`.
    pub ignored: Vec<ConfigError>,
}

impl Config {
    /// Returns the configuration of this process: its environment, above the `.env` of its working folder.
    ///
    /// # Errors
    /// Every setting that is wrong, an `.env` that cannot be read, and every name in it that is no setting.
    pub fn load() -> Result<Self, ConfigErrors> {
        let mut variables = read_env_file(Path::new(ENV_FILE)).map_err(|error| ConfigErrors(vec![error]))?;
        let mut ignored = Vec::new();
        for (name, value) in env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            if settings::is_unknown(&name) {
                ignored.push(no_setting(&name, &value.to_string_lossy()));
                continue;
            }
            if settings::PROXIES.contains(&name.to_uppercase().as_str()) {
                // Whichever way the file writes it.
                variables.retain(|other, _| !other.eq_ignore_ascii_case(&name) || env::var_os(other).is_some());
            }
            variables.insert(name, value.to_string_lossy().into_owned());
        }
        match Self::from(variables) {
            Ok(config) => Ok(Self { ignored, ..config }),
            // Said here too: one of them may be a setting that is misspelt.
            Err(ConfigErrors(errors)) => Err(ConfigErrors(errors.into_iter().chain(ignored).collect())),
        }
    }

    /// Returns the configuration that the variables make. One that is empty counts as absent.
    ///
    /// # Errors
    /// Every setting that is wrong, and every variable whose name begins with `PREVIEW_` and is no setting.
    pub fn from(variables: BTreeMap<String, String>) -> Result<Self, ConfigErrors> {
        let mut read = Reader::new(variables);
        let memory_named =
            Stack::ALL.into_iter().filter(|stack| read.is_given(StackLimits::memory_setting(*stack))).collect();
        let pids = read.number("PREVIEW_PIDS", PIDS);
        let config = Self {
            listen: read.listen("PREVIEW_LISTEN"),
            data_dir: read.text("PREVIEW_DATA_DIR").into(),
            docker_host: read.docker_host("DOCKER_HOST"),
            network: read.engine_name("PREVIEW_NETWORK"),
            images: Images {
                python: read.image("PREVIEW_PYTHON_IMAGE"),
                node: read.image("PREVIEW_NODE_IMAGE"),
                static_pages: read.image("PREVIEW_STATIC_IMAGE"),
            },
            extra_ca_certs: read.certificates("PREVIEW_EXTRA_CA_CERTS"),
            proxies: Proxies(read.proxies()),
            bind_address: read.parsed("PREVIEW_BIND_ADDRESS", "an IP address, such as 127.0.0.1"),
            ports: read.ports("PREVIEW_PORT_RANGE_START", "PREVIEW_PORT_RANGE_END"),
            expiry: read.duration("PREVIEW_EXPIRY_HOURS", HOUR, SECOND / 10..=MAX_LIFETIME),
            idle: read.duration("PREVIEW_IDLE_MINUTES", MINUTE, SECOND / 10..=MAX_LIFETIME),
            cleanup_interval: read.duration("PREVIEW_CLEANUP_INTERVAL", SECOND, SECOND / 10..=24 * HOUR),
            poll_interval: read.duration("PREVIEW_POLL_INTERVAL", SECOND, SECOND / 10..=HOUR),
            inotify: read.switch("PREVIEW_INOTIFY"),
            limits: StackLimits {
                backend: read.limits("PREVIEW_BACKEND_MEM", "PREVIEW_BACKEND_CPU", pids),
                frontend: read.limits("PREVIEW_FRONTEND_MEM", "PREVIEW_FRONTEND_CPU", pids),
                static_pages: read.limits("PREVIEW_STATIC_MEM", "PREVIEW_STATIC_CPU", pids),
            },
            memory_named,
            max_memory_bytes: read.memory("PREVIEW_MAX_MEM"),
            log_memory_bytes: read.memory("PREVIEW_LOG_MEMORY"),
            burst_cpus: read.cpus("PREVIEW_BURST_CPU"),
            install_limits: read.limits("PREVIEW_INSTALL_MEM", "PREVIEW_INSTALL_CPU", pids),
            downloads_max_bytes: read.kept("PREVIEW_DOWNLOADS_MAX"),
            start_timeout: read.duration("PREVIEW_START_TIMEOUT", SECOND, SECOND..=HOUR),
            answer_timeout: read.duration("PREVIEW_ANSWER_TIMEOUT", SECOND, SECOND..=HOUR),
            install_timeout: read.duration("PREVIEW_INSTALL_TIMEOUT", SECOND, SECOND..=6 * HOUR),
            prebundle_after: read.duration("PREVIEW_PREBUNDLE_AFTER", SECOND, Duration::ZERO..=HOUR),
            heartbeat_interval: read.duration("PREVIEW_HEARTBEAT_INTERVAL", SECOND, SECOND / 10..=HOUR),
            max_concurrent_calls: read.number("PREVIEW_MAX_CONCURRENT_CALLS", 1..=65_536),
            max_concurrent_streams: read.number("PREVIEW_MAX_CONCURRENT_STREAMS", 1..=65_536),
            cors_origins: read.cors_origins("PREVIEW_CORS_ORIGINS"),
            hosts: read.hosts("PREVIEW_HOSTS"),
            log_format: read.log_format("PREVIEW_LOG_FORMAT"),
            log_filter: read.log_filter("PREVIEW_LOG"),
            ignored: Vec::new(),
        };
        read.finish(config)
    }
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Returns bytes given as Docker takes them: `512m`, `1.5g`, or plain bytes.
///
/// # Errors
/// What would be valid, for a text that is not.
pub fn parse_memory(text: &str) -> Result<u64, String> {
    values::memory(text, &MEMORY_BYTES)
}

/// Returns a variable of `.env` in the working folder, or `None` where there is no such line or no file that can be read.
pub fn in_env_file(name: &str) -> Option<String> {
    read_env_file(Path::new(ENV_FILE)).ok()?.remove(name).filter(|value| !value.is_empty())
}

/// Returns the variables of an env file, none where there is no such file. The process environment stays as it is.
fn read_env_file(path: &Path) -> Result<BTreeMap<String, String>, ConfigError> {
    let fail = |error: &dyn fmt::Display| ConfigError {
        name: "the file of settings".to_owned(),
        value: path.display().to_string(),
        problem: format!("cannot be read: {error}"),
    };
    let lines = match dotenvy::from_path_iter(path) {
        Ok(lines) => lines,
        Err(dotenvy::Error::Io(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(fail(&error)),
    };
    lines.collect::<Result<_, _>>().map_err(|error| fail(&error))
}
