//! Settings: their defaults, their checks, and the file that lists them.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use previewd::{
    config::{Config, ConfigErrors, CorsOrigins, LogFormat, SETTINGS},
    domain::{limits::Limits, spec::Stack},
};

const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";
const MIB: u64 = 1024 * 1024;

fn config(variables: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    Config::from(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

/// Returns the names and problems of what is wrong.
fn errors(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    let errors = config(variables).map(|_| ()).unwrap_err();
    errors.0.into_iter().map(|error| (error.name, error.problem)).collect()
}

#[test]
fn no_variables_make_the_documented_defaults() {
    let config = config(&[]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:50051");
    assert_eq!(config.data_dir, Path::new("data"));
    assert_eq!(config.docker_host, None);
    assert_eq!(config.network, "previewd");
    assert_eq!(config.images.python, "python:3.12-slim");
    assert_eq!(config.images.node, "node:22-slim");
    assert_eq!(config.images.static_pages, "nginx:alpine");
    assert_eq!(config.bind_address.to_string(), "127.0.0.1");
    assert_eq!(config.ports, 8100..=8200);
    assert_eq!(config.expiry, Duration::from_secs(3600));
    assert_eq!(config.idle, Duration::from_secs(1800));
    assert_eq!(config.cleanup_interval, Duration::from_secs(300));
    assert_eq!(config.poll_interval, Duration::from_secs(2));
    assert!(config.inotify);
    let backend = Limits { memory_bytes: 512 * MIB, cpus: 0.5, pids: 256 };
    assert_eq!(config.limits.of(Stack::Python), backend);
    assert_eq!(config.limits.of(Stack::Dockerfile), backend);
    assert_eq!(config.limits.of(Stack::React), backend);
    assert_eq!(config.limits.of(Stack::Static), Limits { memory_bytes: 256 * MIB, cpus: 0.25, pids: 256 });
    assert_eq!((config.max_memory_bytes, config.memory_named.as_slice()), (2048 * MIB, &[][..]));
    assert!((config.burst_cpus - 2.0).abs() < f64::EPSILON);
    assert_eq!(config.install_limits, Limits { memory_bytes: 2048 * MIB, cpus: 2.0, pids: 256 });
    assert_eq!(config.downloads_max_bytes, 512 * MIB);
    assert_eq!(config.start_timeout, Duration::from_secs(180));
    assert_eq!(config.install_timeout, Duration::from_secs(600));
    assert_eq!(config.heartbeat_interval, Duration::from_secs(15));
    assert_eq!((config.max_concurrent_calls, config.max_concurrent_streams), (256, 1024));
    assert_eq!(config.cors_origins, CorsOrigins::Any);
    assert!(config.hosts.is_empty());
    assert_eq!(config.log_memory_bytes, 256 * MIB);
    assert_eq!((config.log_format, config.log_filter.as_str()), (LogFormat::Text, "info"));
    assert!(config.proxies.0.is_empty() && config.extra_ca_certs.is_none());
}

#[test]
fn values_are_read_with_their_units() {
    let config = config(&[
        ("PREVIEW_EXPIRY_HOURS", "0.5"),
        ("PREVIEW_IDLE_MINUTES", "1.5"),
        ("PREVIEW_POLL_INTERVAL", "0.5"),
        ("PREVIEW_BACKEND_MEM", "1.5g"),
        ("PREVIEW_FRONTEND_MEM", "300M"),
        ("PREVIEW_STATIC_MEM", "20971520"),
        ("PREVIEW_STATIC_CPU", "2"),
        ("PREVIEW_INSTALL_MEM", "3g"),
        ("PREVIEW_INSTALL_CPU", "1.5"),
        ("PREVIEW_DOWNLOADS_MAX", "0"),
        ("PREVIEW_INOTIFY", "false"),
        ("PREVIEW_CORS_ORIGINS", "https://app.example, http://localhost:3000"),
        ("PREVIEW_HOSTS", "Previews.example, other.example"),
        ("PREVIEW_LOG_MEMORY", "64m"),
        ("PREVIEW_LOG", "previewd=debug,info"),
        ("PREVIEW_LOG_FORMAT", "json"),
    ])
    .unwrap();
    assert_eq!(config.expiry, Duration::from_secs(1800));
    assert_eq!(config.idle, Duration::from_secs(90));
    assert_eq!(config.poll_interval, Duration::from_millis(500));
    assert_eq!(config.limits.backend.memory_bytes, 1536 * MIB);
    assert_eq!(config.limits.frontend.memory_bytes, 300 * MIB);
    assert_eq!(config.limits.static_pages.memory_bytes, 20 * MIB);
    assert!((config.limits.static_pages.cpus - 2.0).abs() < f64::EPSILON);
    assert_eq!(config.memory_named, Stack::ALL);
    assert_eq!(config.install_limits.memory_bytes, 3072 * MIB);
    assert!((config.install_limits.cpus - 1.5).abs() < f64::EPSILON);
    assert_eq!(config.downloads_max_bytes, 0);
    assert!(!config.inotify);
    let origins = vec!["https://app.example".to_owned(), "http://localhost:3000".to_owned()];
    assert_eq!(config.cors_origins, CorsOrigins::List(origins));
    assert_eq!(config.hosts, ["previews.example", "other.example"]);
    assert_eq!(config.log_memory_bytes, 64 * MIB);
    assert_eq!((config.log_format, config.log_filter.as_str()), (LogFormat::Json, "previewd=debug,info"));
}

#[test]
fn pages_that_may_call_are_named_in_a_word_or_a_list() {
    for (text, origins) in [("*", CorsOrigins::Any), ("local", CorsOrigins::Local)] {
        assert_eq!(config(&[("PREVIEW_CORS_ORIGINS", text)]).unwrap().cors_origins, origins);
    }
}

#[test]
fn each_wrong_value_is_refused_with_its_name() {
    let table = [
        ("PREVIEW_LISTEN", "localhost"),
        ("PREVIEW_LISTEN", "127.0.0.1:70000"),
        ("DOCKER_HOST", "/var/run/docker.sock"),
        ("DOCKER_HOST", "unix://"),
        ("PREVIEW_NETWORK", "a b"),
        ("PREVIEW_NETWORK", "-a"),
        ("PREVIEW_PYTHON_IMAGE", "--privileged"),
        ("PREVIEW_STATIC_IMAGE", "nginx alpine"),
        ("PREVIEW_EXTRA_CA_CERTS", "/there/is/no/such.pem"),
        ("PREVIEW_BIND_ADDRESS", "all"),
        ("PREVIEW_PORT_RANGE_START", "0"),
        ("PREVIEW_PORT_RANGE_END", "65536"),
        ("PREVIEW_PORT_RANGE_START", "8201"),
        ("PREVIEW_EXPIRY_HOURS", "0"),
        ("PREVIEW_EXPIRY_HOURS", "-1"),
        ("PREVIEW_EXPIRY_HOURS", "721"),
        ("PREVIEW_IDLE_MINUTES", "NaN"),
        ("PREVIEW_IDLE_MINUTES", "inf"),
        ("PREVIEW_IDLE_MINUTES", "1e300"),
        ("PREVIEW_CLEANUP_INTERVAL", "0"),
        ("PREVIEW_POLL_INTERVAL", "0.01"),
        ("PREVIEW_INOTIFY", "maybe"),
        ("PREVIEW_BACKEND_MEM", "lots"),
        ("PREVIEW_BACKEND_MEM", "1m"),
        ("PREVIEW_BACKEND_MEM", "-1g"),
        ("PREVIEW_FRONTEND_MEM", "512t"),
        ("PREVIEW_STATIC_CPU", "0"),
        ("PREVIEW_STATIC_CPU", "NaN"),
        ("PREVIEW_PIDS", "1.5"),
        ("PREVIEW_MAX_CONCURRENT_CALLS", "0"),
        ("PREVIEW_CORS_ORIGINS", "app.example"),
        ("PREVIEW_CORS_ORIGINS", "https://app.example/path"),
        ("PREVIEW_LOG_FORMAT", "xml"),
        ("PREVIEW_LOG", "previewd=loud"),
    ];
    for (name, value) in table {
        let found = errors(&[(name, value)]);
        assert_eq!(found.len(), 1, "{name}={value}: {found:?}");
        // A first port behind the last one is the last one's error too; either names the other.
        assert!(found[0].0 == name || found[0].1.contains(name), "{name}={value}: {found:?}");
    }
}

#[test]
fn all_errors_are_reported_together_with_values_and_what_is_valid() {
    let wrong = [
        ("PREVIEW_PORT_RANGE_START", "many"),
        ("PREVIEW_STATIC_MEM", "lots"),
        ("PREVIEW_EXPIRY_HOURS", "-1"),
        ("PREVIEW_LISTN", "1"),
    ];
    let text = config(&wrong).unwrap_err().to_string();
    for (name, value) in wrong {
        assert!(text.contains(name) && text.contains(&format!("{value:?}")), "{text}");
    }
    assert!(text.contains("nearest is PREVIEW_LISTEN"), "{text}");
    assert!(text.contains("from 1 to 65535") && text.contains("number of hours"), "{text}");
}

#[test]
fn empty_values_and_variables_of_others_are_passed_over() {
    let config = config(&[
        ("PREVIEW_PIDS", ""),
        ("PREVIEW_NETWORK", "  "),
        ("PREVIEW_ADDR", "http://elsewhere:1"),
        ("PATH", "/bin"),
        ("PREVIEWD_BIN", "x"),
    ]);
    assert_eq!(config.unwrap().network, "previewd");
}

#[test]
fn certificates_are_read_and_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let good = file("good.pem", &format!("# of the company\n{CERTIFICATE}{CERTIFICATE}"));
    assert!(config(&[("PREVIEW_EXTRA_CA_CERTS", &good)]).unwrap().extra_ca_certs.unwrap().contains("of the company"));

    let key = file("key.pem", "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n");
    assert!(errors(&[("PREVIEW_EXTRA_CA_CERTS", &key)])[0].1.contains("at least one certificate"));
    let damaged = file("damaged.pem", &format!("{CERTIFICATE}{}", CERTIFICATE.replace("MAM", "!!!")));
    assert!(errors(&[("PREVIEW_EXTRA_CA_CERTS", &damaged)])[0].1.contains("certificate 2"));
    let cut = file("cut.pem", "-----BEGIN CERTIFICATE-----\nMAMCAQE=");
    assert!(errors(&[("PREVIEW_EXTRA_CA_CERTS", &cut)])[0].1.contains("certificate 1"));
}

#[test]
fn proxies_come_in_both_cases_and_are_never_printed() {
    let config = config(&[("https_proxy", "http://user:secret@proxy:3128"), ("NO_PROXY", "localhost")]).unwrap();
    let proxies = &config.proxies.0;
    assert_eq!(proxies["HTTPS_PROXY"], proxies["https_proxy"]);
    assert_eq!(proxies["no_proxy"], "localhost");
    assert!(!proxies.contains_key("HTTP_PROXY"));
    assert!(!format!("{config:?}").contains("secret"));
}

#[test]
fn env_example_lists_every_setting_with_its_default_and_nothing_else() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join(".env.example")).unwrap();
    let compose = fs::read_to_string(root.join("docker-compose.yml")).unwrap();
    let listed: BTreeMap<&str, &str> = text.lines().filter_map(|line| assignment(line)).collect();
    for setting in SETTINGS {
        let value = listed.get(setting.name);
        assert!(value.is_some(), "{} is missing", setting.name);
        // One without a default of its own may show what its user falls back on.
        assert!(setting.default.is_empty() || value == Some(&setting.default), "{} = {value:?}", setting.name);
    }
    for name in listed.keys() {
        let known = SETTINGS.iter().any(|setting| setting.name == *name);
        assert!(known || compose.contains(&format!("${{{name}")), "{name} is read by nobody");
    }
    let given: Vec<(&str, &str)> = listed.into_iter().collect();
    config(&given).unwrap();
}

/// Returns what a line of the file sets, in a comment or not.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.trim_start_matches('#').split_once('=')?;
    let is_name = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    (!name.is_empty() && name.bytes().all(is_name)).then_some((name, value.trim()))
}
