//! Reads settings one by one and keeps every error.
//!
//! A reader always returns a value, the default where the given one is wrong, and says at the end whether the values
//! may be used.

use std::{
    collections::BTreeMap,
    fmt::Display,
    fs,
    net::{SocketAddr, ToSocketAddrs},
    ops::RangeInclusive,
    path::Path,
    str::FromStr,
    time::Duration,
};

use super::{
    errors::{ConfigError, ConfigErrors, no_setting},
    settings::{PROXIES, default_of, is_unknown},
    types::{CorsOrigins, LogFormat},
    values,
};
use crate::domain::limits::{CPUS, Limits, MEMORY_BYTES};

/// How many bytes may be kept of something.
const KEPT_BYTES: RangeInclusive<u64> = 0..=1024 * 1024 * 1024 * 1024;

pub(super) struct Reader {
    variables: BTreeMap<String, String>,
    errors: Vec<ConfigError>,
}

impl Reader {
    /// Returns a reader of those variables, having checked their names.
    pub(super) fn new(mut variables: BTreeMap<String, String>) -> Self {
        variables.retain(|_, value| !value.trim().is_empty());
        let mut reader = Self { variables, errors: Vec::new() };
        let unknown = reader.variables.iter().filter(|(name, _)| is_unknown(name));
        reader.errors = unknown.map(|(name, value)| no_setting(name, value)).collect();
        reader
    }

    /// Returns the configuration, or everything that was wrong.
    pub(super) fn finish<T>(self, config: T) -> Result<T, ConfigErrors> {
        if self.errors.is_empty() { Ok(config) } else { Err(ConfigErrors(self.errors)) }
    }

    pub(super) fn text(&self, name: &str) -> String {
        self.given(name).unwrap_or_else(|| default_of(name)).to_owned()
    }

    pub(super) fn parsed<T: FromStr + Fallback>(&mut self, name: &str, valid: &str) -> T {
        self.read(name, |text| text.parse().map_err(|_| format!("must be {valid}"))).unwrap_or_else(T::fallback)
    }

    /// Returns an address to listen at. A name is looked up once; its IPv4 address comes first, as for most clients.
    pub(super) fn listen(&mut self, name: &str) -> SocketAddr {
        self.read(name, |text| {
            let found: Vec<SocketAddr> = text.to_socket_addrs().map(Iterator::collect).unwrap_or_default();
            let first = found.iter().find(|address| address.is_ipv4()).or(found.first());
            first.copied().ok_or_else(|| "must be an address and a port, such as 127.0.0.1:50051".to_owned())
        })
        .unwrap_or_else(SocketAddr::fallback)
    }

    pub(super) fn number<T>(&mut self, name: &str, range: RangeInclusive<T>) -> T
    where
        T: FromStr + PartialOrd + Display + Copy,
    {
        let valid = format!("must be a whole number from {} to {}", range.start(), range.end());
        self.read(name, |text| text.parse().ok().filter(|number| range.contains(number)).ok_or(valid))
            .unwrap_or(*range.start())
    }

    pub(super) fn duration(&mut self, name: &str, unit: Duration, range: RangeInclusive<Duration>) -> Duration {
        self.read(name, |text| values::duration(text, unit, &range)).unwrap_or(*range.start())
    }

    pub(super) fn switch(&mut self, name: &str) -> bool {
        self.read(name, |text| match text {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            _ => Err("must be true or false".to_owned()),
        })
        .unwrap_or(true)
    }

    pub(super) fn docker_host(&mut self, name: &str) -> Option<String> {
        self.read(name, |text| {
            let known = ["unix://", "tcp://", "http://"];
            let rest = known.iter().find_map(|scheme| text.strip_prefix(scheme));
            match rest {
                Some(rest) if !rest.is_empty() => Ok(text.to_owned()),
                _ => Err("must be unix:///path or tcp://host:port".to_owned()),
            }
        })
    }

    pub(super) fn engine_name(&mut self, name: &str) -> String {
        self.read(name, |text| {
            let valid = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
            if text.len() <= 63 && text.bytes().all(valid) && text.as_bytes()[0].is_ascii_alphanumeric() {
                return Ok(text.to_owned());
            }
            Err("must be 1 to 63 of A-Z, a-z, 0-9, '_', '.' and '-', beginning with a letter or a digit".to_owned())
        })
        .unwrap_or_default()
    }

    pub(super) fn image(&mut self, name: &str) -> String {
        self.read(name, |text| {
            if text.len() <= 512 && text.bytes().all(|b| b.is_ascii_graphic()) && !text.starts_with('-') {
                return Ok(text.to_owned());
            }
            Err("must be the name of an image, such as python:3.12-slim".to_owned())
        })
        .unwrap_or_default()
    }

    pub(super) fn certificates(&mut self, name: &str) -> Option<String> {
        self.read(name, |path| {
            let pem = fs::read_to_string(Path::new(path)).map_err(|error| format!("cannot be read: {error}"))?;
            values::check_certificates(&pem)?;
            Ok(pem)
        })
    }

    /// Returns the proxy variables, each in both cases, for programs that look at one only.
    pub(super) fn proxies(&mut self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for upper in PROXIES {
            let lower = upper.to_lowercase();
            let Some(name) = [upper, lower.as_str()].into_iter().find(|name| self.given(name).is_some()) else {
                continue;
            };
            let value = self.read(name, |text| {
                let valid = text.chars().all(|c| !c.is_control());
                if valid { Ok(text.to_owned()) } else { Err("must not have control characters".to_owned()) }
            });
            if let Some(value) = value {
                all.insert(upper.to_owned(), value.clone());
                all.insert(lower, value);
            }
        }
        all
    }

    pub(super) fn ports(&mut self, first: &str, last: &str) -> RangeInclusive<u16> {
        let range = self.number(first, 1..=65_535)..=self.number(last, 1..=65_535);
        if range.is_empty() && !self.errors.iter().any(|error| error.name == first || error.name == last) {
            self.fail(last, &format!("must not be below {first}, which is {}", range.start()));
        }
        range
    }

    pub(super) fn limits(&mut self, memory: &str, cpus: &str, pids: u32) -> Limits {
        Limits { memory_bytes: self.memory(memory), cpus: self.cpus(cpus), pids }
    }

    pub(super) fn memory(&mut self, name: &str) -> u64 {
        self.read(name, |text| values::memory(text, &MEMORY_BYTES)).unwrap_or_default()
    }

    /// Returns the bytes that are kept of something, of which `0` keeps none.
    pub(super) fn kept(&mut self, name: &str) -> u64 {
        self.read(name, |text| values::memory(text, &KEPT_BYTES)).unwrap_or_default()
    }

    pub(super) fn cpus(&mut self, name: &str) -> f64 {
        self.read(name, |text| values::fraction(text, &CPUS)).unwrap_or_default()
    }

    /// Returns whether a variable says something, rather than its default.
    pub(super) fn is_given(&self, name: &str) -> bool {
        self.given(name).is_some()
    }

    pub(super) fn cors_origins(&mut self, name: &str) -> CorsOrigins {
        self.read(name, |text| {
            match text {
                "*" => return Ok(CorsOrigins::Any),
                "local" => return Ok(CorsOrigins::Local),
                _ => {}
            }
            text.split(',').map(|origin| values::origin(origin.trim())).collect::<Result<_, _>>().map(CorsOrigins::List)
        })
        .unwrap_or(CorsOrigins::Any)
    }

    pub(super) fn hosts(&mut self, name: &str) -> Vec<String> {
        self.read(name, |text| text.split(',').map(|host| values::host(host.trim())).collect()).unwrap_or_default()
    }

    pub(super) fn log_format(&mut self, name: &str) -> LogFormat {
        self.read(name, |text| match text {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            _ => Err("must be text or json".to_owned()),
        })
        .unwrap_or(LogFormat::Text)
    }

    pub(super) fn log_filter(&mut self, name: &str) -> String {
        self.read(name, |text| {
            tracing_subscriber::EnvFilter::builder()
                .parse(text)
                .map(|_| text.to_owned())
                .map_err(|error| format!("must be a filter such as info or previewd=debug,info: {error}"))
        })
        .unwrap_or_default()
    }

    /// Returns what a variable, or else its default, says; `None` where there is neither, or it is wrong.
    fn read<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.text(name);
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        match parse(text) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.fail(name, &problem);
                None
            }
        }
    }

    fn given(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    fn fail(&mut self, name: &str, problem: &str) {
        let value = self.text(name);
        self.errors.push(ConfigError { name: name.to_owned(), value, problem: problem.to_owned() });
    }
}

/// What stands in for a value that is wrong until all errors are known.
pub(super) trait Fallback {
    fn fallback() -> Self;
}

impl Fallback for SocketAddr {
    fn fallback() -> Self {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }
}

impl Fallback for std::net::IpAddr {
    fn fallback() -> Self {
        std::net::Ipv4Addr::LOCALHOST.into()
    }
}
