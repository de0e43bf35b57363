//! What containers are given besides the project: the runtime volume, and the environment of every process.

use std::{collections::BTreeMap, fmt::Write as _};

use bytes::Bytes;

use crate::domain::runtime::{HOME, RUNTIME_MOUNT, RuntimeFile};

/// The public certificate authorities and the operator's own.
pub(super) const ALL_AUTHORITIES: &str = "ca.pem";
/// The operator's own certificate authorities.
pub(super) const OWN_AUTHORITIES: &str = "extra-ca.pem";

/// What of the settings concerns the stacks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StackConfig {
    /// Whether the operator has certificate authorities of its own, so that `ca.pem` is in the runtime volume.
    pub extra_ca: bool,
    /// The proxy variables, such as `HTTPS_PROXY`, under the names that they have outside.
    pub proxy: BTreeMap<String, String>,
}

/// The program that runs package managers at installations.
pub(super) const INSTALLER: &[u8] = include_bytes!("../../stacks/node/packages.cjs");
/// The agent, the first process of every container.
const AGENT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/previewd-agent"));
/// What stands in for package managers under their names.
const MANAGER: &[u8] = include_bytes!("../../stacks/node/manager.sh");
/// Those names.
const MANAGERS: [&str; 4] = ["pnpm", "yarn", "bun", "bunx"];

/// What the stacks need besides, each file with its path in the runtime volume.
const FILES: &[(&str, &[u8])] = &[
    ("python/serve.py", include_bytes!("../../stacks/python/serve.py")),
    ("python/previewd_control.py", include_bytes!("../../stacks/python/previewd_control.py")),
    ("python/previewd_script.py", include_bytes!("../../stacks/python/previewd_script.py")),
    ("python/gradio_told.py", include_bytes!("../../stacks/python/gradio_told.py")),
    ("python/streamlit_told.py", include_bytes!("../../stacks/python/streamlit_told.py")),
    ("python/version.py", include_bytes!("../../stacks/python/version.py")),
    ("python/warm.py", include_bytes!("../../stacks/python/warm.py")),
    ("node/prebundle.mjs", include_bytes!("../../stacks/node/prebundle.mjs")),
    ("node/vite.mjs", include_bytes!("../../stacks/node/vite.mjs")),
    ("node/packages.cjs", INSTALLER),
    ("node/downloads.cjs", include_bytes!("../../stacks/node/downloads.cjs")),
    ("node/hook.cjs", include_bytes!("../../stacks/node/hook.cjs")),
    ("node/next.cjs", include_bytes!("../../stacks/node/next.cjs")),
    ("node/told/documents.cjs", include_bytes!("../../stacks/node/told/documents.cjs")),
    ("node/told/listeners.cjs", include_bytes!("../../stacks/node/told/listeners.cjs")),
    ("node/told/native.cjs", include_bytes!("../../stacks/node/told/native.cjs")),
    ("node/told/nitro.cjs", include_bytes!("../../stacks/node/told/nitro.cjs")),
    ("node/told/nextpages.cjs", include_bytes!("../../stacks/node/told/nextpages.cjs")),
    ("node/told/places.mjs", include_bytes!("../../stacks/node/told/places.mjs")),
    ("node/told/program.mjs", include_bytes!("../../stacks/node/told/program.mjs")),
    ("node/compiled.cjs", include_bytes!("../../stacks/node/compiled.cjs")),
    ("node/hooks.cjs", include_bytes!("../../stacks/node/hooks.cjs")),
    ("node/told/beside.cjs", include_bytes!("../../stacks/node/told/beside.cjs")),
    ("node/told/builds.cjs", include_bytes!("../../stacks/node/told/builds.cjs")),
    ("node/told/child.cjs", include_bytes!("../../stacks/node/told/child.cjs")),
    ("node/told/check.mjs", include_bytes!("../../stacks/node/told/check.mjs")),
    ("node/told/control.mjs", include_bytes!("../../stacks/node/told/control.mjs")),
    ("node/told/eleventy.mjs", include_bytes!("../../stacks/node/told/eleventy.mjs")),
    ("node/told/errors.mjs", include_bytes!("../../stacks/node/told/errors.mjs")),
    ("node/told/proxies.cjs", include_bytes!("../../stacks/node/told/proxies.cjs")),
    ("node/told/renderers.mjs", include_bytes!("../../stacks/node/told/renderers.mjs")),
    ("node/told/requests.cjs", include_bytes!("../../stacks/node/told/requests.cjs")),
    ("node/told/running.cjs", include_bytes!("../../stacks/node/told/running.cjs")),
    ("node/told/servers.mjs", include_bytes!("../../stacks/node/told/servers.mjs")),
    ("node/told/turbo.cjs", include_bytes!("../../stacks/node/told/turbo.cjs")),
    ("node/told/tokens.cjs", include_bytes!("../../stacks/node/told/tokens.cjs")),
    ("node/told/typescript.cjs", include_bytes!("../../stacks/node/told/typescript.cjs")),
    ("node/told/upgrades.mjs", include_bytes!("../../stacks/node/told/upgrades.mjs")),
    ("node/told/watchers.cjs", include_bytes!("../../stacks/node/told/watchers.cjs")),
    ("node/told/webpack.cjs", include_bytes!("../../stacks/node/told/webpack.cjs")),
    ("node/told/work.mjs", include_bytes!("../../stacks/node/told/work.mjs")),
    ("node/told/writes.mjs", include_bytes!("../../stacks/node/told/writes.mjs")),
    ("static/nginx.conf", include_bytes!("../../stacks/static/nginx.conf")),
];

/// Returns the files of the read-only runtime volume: the agent, what the stacks need, and certificates when the operator
/// has authorities of its own.
///
/// `extra_ca` is a bundle in PEM. `ca.pem` then holds the public authorities as well, since most tools take such a file
/// in place of their own; `extra-ca.pem` is the bundle alone, for Node, which adds it to its own.
pub fn runtime_files(extra_ca: Option<&[u8]>) -> Vec<RuntimeFile> {
    let file = |path: &str, content: &'static [u8], executable: bool| RuntimeFile {
        path: path.to_owned(),
        content: Bytes::from_static(content),
        executable,
    };
    let mut files = vec![file("agent", AGENT, true)];
    files.extend(FILES.iter().map(|(path, content)| file(path, content, false)));
    files.extend(MANAGERS.map(|name| file(&format!("node/bin/{name}"), MANAGER, true)));
    if let Some(extra) = extra_ca {
        let own = |path: &str, content: Vec<u8>| RuntimeFile {
            path: path.into(),
            content: content.into(),
            executable: false,
        };
        files.push(own(ALL_AUTHORITIES, with_public_authorities(extra)));
        files.push(own(OWN_AUTHORITIES, extra.to_vec()));
    }
    files
}

/// Returns the variables by which tools find the certificate authorities of [`runtime_files`]; none if the operator has
/// none of its own.
pub fn authorities(config: &StackConfig) -> BTreeMap<String, String> {
    if !config.extra_ca {
        return BTreeMap::new();
    }
    let all = format!("{RUNTIME_MOUNT}/{ALL_AUTHORITIES}");
    let names = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "GIT_SSL_CAINFO"];
    // All package managers of Node.js follow this one. Those of their own (`npm_config_cafile`, `YARN_HTTPS_CA_FILE_PATH`)
    // would have npm read all authorities anew for each connection, an eighth of an installation, and end yarn 3, which
    // does not know its.
    let node = ("NODE_EXTRA_CA_CERTS".to_owned(), format!("{RUNTIME_MOUNT}/{OWN_AUTHORITIES}"));
    names.into_iter().map(|name| (name.to_owned(), all.clone())).chain([node]).collect()
}

/// Returns the environment of every process in a container: the home, the certificates and the proxy.
///
/// It has no `PATH`: each image has its own, which the stacks put their folders before.
pub fn base_environment(config: &StackConfig) -> BTreeMap<String, String> {
    let mut environment =
        BTreeMap::from([("HOME".to_owned(), HOME.to_owned()), ("LANG".to_owned(), "C.UTF-8".to_owned())]);
    environment.extend(authorities(config));
    for (name, value) in &config.proxy {
        // Both spellings, since tools differ in which they read.
        environment.insert(name.to_lowercase(), value.clone());
        environment.insert(name.to_uppercase(), value.clone());
    }
    environment
}

/// Returns the bundle with the public authorities before it, in PEM.
fn with_public_authorities(extra: &[u8]) -> Vec<u8> {
    let mut bundle = String::new();
    for certificate in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        bundle.push_str("-----BEGIN CERTIFICATE-----\n");
        let text = data_encoding::BASE64.encode(certificate);
        for line in text.as_bytes().chunks(64) {
            // Base64 is ASCII.
            let _ = writeln!(bundle, "{}", String::from_utf8_lossy(line));
        }
        bundle.push_str("-----END CERTIFICATE-----\n");
    }
    let mut bundle = bundle.into_bytes();
    bundle.extend_from_slice(extra);
    bundle
}
