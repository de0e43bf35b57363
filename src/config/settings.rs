//! The names of all settings with their defaults, in the order of `.env.example`.

/// One variable that the service reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// The value that is taken where none is given; empty for none.
    pub default: &'static str,
}

const fn setting(name: &'static str, default: &'static str) -> Setting {
    Setting { name, default }
}

/// Every setting.
pub const SETTINGS: &[Setting] = &[
    setting("PREVIEW_LISTEN", "127.0.0.1:50051"),
    setting("PREVIEW_DATA_DIR", "data"),
    setting("PREVIEW_LOG", "info"),
    setting("PREVIEW_LOG_FORMAT", "text"),
    setting("DOCKER_HOST", ""),
    setting("PREVIEW_NETWORK", "previewd"),
    setting("PREVIEW_PYTHON_IMAGE", "python:3.12-slim"),
    setting("PREVIEW_NODE_IMAGE", "node:22-slim"),
    setting("PREVIEW_STATIC_IMAGE", "nginx:alpine"),
    setting("PREVIEW_EXTRA_CA_CERTS", ""),
    setting("HTTP_PROXY", ""),
    setting("HTTPS_PROXY", ""),
    setting("NO_PROXY", ""),
    setting("PREVIEW_BIND_ADDRESS", "127.0.0.1"),
    setting("PREVIEW_PORT_RANGE_START", "8100"),
    setting("PREVIEW_PORT_RANGE_END", "8200"),
    setting("PREVIEW_EXPIRY_HOURS", "1"),
    setting("PREVIEW_IDLE_MINUTES", "30"),
    setting("PREVIEW_CLEANUP_INTERVAL", "300"),
    setting("PREVIEW_POLL_INTERVAL", "2"),
    setting("PREVIEW_INOTIFY", "true"),
    setting("PREVIEW_BACKEND_MEM", "512m"),
    setting("PREVIEW_BACKEND_CPU", "0.5"),
    setting("PREVIEW_FRONTEND_MEM", "512m"),
    setting("PREVIEW_FRONTEND_CPU", "0.5"),
    setting("PREVIEW_STATIC_MEM", "256m"),
    setting("PREVIEW_STATIC_CPU", "0.25"),
    setting("PREVIEW_MAX_MEM", "2g"),
    setting("PREVIEW_LOG_MEMORY", "256m"),
    setting("PREVIEW_BURST_CPU", "2"),
    setting("PREVIEW_INSTALL_MEM", "2g"),
    setting("PREVIEW_INSTALL_CPU", "2"),
    setting("PREVIEW_DOWNLOADS_MAX", "512m"),
    setting("PREVIEW_PIDS", "256"),
    setting("PREVIEW_START_TIMEOUT", "180"),
    setting("PREVIEW_ANSWER_TIMEOUT", "60"),
    setting("PREVIEW_INSTALL_TIMEOUT", "600"),
    setting("PREVIEW_PREBUNDLE_AFTER", "15"),
    setting("PREVIEW_HEARTBEAT_INTERVAL", "15"),
    setting("PREVIEW_MAX_CONCURRENT_CALLS", "256"),
    setting("PREVIEW_MAX_CONCURRENT_STREAMS", "1024"),
    setting("PREVIEW_CORS_ORIGINS", "*"),
    setting("PREVIEW_HOSTS", ""),
];

/// What every setting's name begins with, but for those that other programs share.
const PREFIX: &str = "PREVIEW_";

/// The proxy variables, which count in lower case too.
pub(super) const PROXIES: [&str; 3] = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];

/// Variables that begin like settings and are read by others: the command line, and the scripts of the set-up.
const OTHERS: &[&str] = &[
    "PREVIEW_ADDR",
    "PREVIEW_DEBIAN_MIRROR",
    "PREVIEW_DEBIAN_SECURITY_MIRROR",
    "PREVIEW_ENGINES_DIR",
    "PREVIEW_ENV_FILE",
    "PREVIEW_PULL_FIRST_ANSWER",
    "PREVIEW_PULL_TIMEOUT",
];

/// Returns the default of a setting; empty for none.
pub(super) fn default_of(name: &str) -> &'static str {
    SETTINGS.iter().find(|setting| setting.name == name).map_or("", |setting| setting.default)
}

/// Returns the setting whose name is most like that one.
pub(super) fn nearest(name: &str) -> &'static str {
    let likeness = |setting: &&Setting| (strsim::jaro_winkler(setting.name, name) * 1000.0) as u32;
    SETTINGS.iter().max_by_key(likeness).map_or("", |setting| setting.name)
}

/// Returns whether a variable is called like a setting and nobody reads it.
pub(super) fn is_unknown(name: &str) -> bool {
    name.starts_with(PREFIX) && !OTHERS.contains(&name) && !SETTINGS.iter().any(|setting| setting.name == name)
}
