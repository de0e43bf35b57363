//! The files that decide what is installed, whoever reads them: their names, and how large they are at most.

use crate::domain::path;

/// The largest manifest that is read, in bytes.
pub(super) const MAX_MANIFEST_BYTES: u64 = 1024 * 1024;
/// The largest file of those that matter less, such as a source that may be a server, in bytes.
pub(super) const MAX_SIDE_FILE_BYTES: u64 = 64 * 1024;
/// How deep pages and scripts are read, of which a project may have many.
pub(super) const MAX_ENTRY_DEPTH: usize = 2;

/// The file that says what is left out of the build.
pub(super) const DOCKERIGNORE: &str = ".dockerignore";
/// The files that list dependencies, or say how to install them.
pub(super) const MANIFESTS: [&str; 22] = [
    "package.json",
    "requirements.txt",
    "pyproject.toml",
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    "pnpm-workspace.yaml",
    ".pnpmfile.cjs",
    ".pnpmfile.mjs",
    "bunfig.toml",
    "uv.toml",
    ".python-version",
    "runtime.txt",
    "Pipfile",
    "Pipfile.lock",
    "setup.py",
    "setup.cfg",
    "environment.yml",
    "environment.yaml",
    "pdm.lock",
    ".nvmrc",
    ".node-version",
];
/// Those of them in which package managers of Node.js are told of package indexes, and of how to get into them.
pub(super) const INDEX_SETTINGS: [&str; 4] = [".npmrc", ".yarnrc", ".yarnrc.yml", "bunfig.toml"];
/// The files that pin dependencies.
pub(super) const LOCKFILES: [&str; 8] = [
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
    "yarn.lock",
    "bun.lock",
    "bun.lockb",
    "uv.lock",
    "poetry.lock",
];
/// Manifests and lockfiles that only a project's own installation reads.
pub(super) const CUSTOM_MANIFESTS: [&str; 3] = ["pdm.toml", "deno.json", "deno.lock"];
/// Folders whose files a project's own installation may name, whatever their kind.
pub(super) const SIDE_FOLDERS: [&str; 8] =
    ["prisma", "patches", "scripts", "bin", "tools", "requirements", "vendor", "wheels"];
/// Where yarn keeps its plugins.
pub(super) const YARN_PLUGINS: &str = ".yarn/plugins/";

/// Returns whether a file of that name is a package in an archive.
pub(super) fn is_archive(name: &str) -> bool {
    [".tgz", ".tar.gz", ".whl"].iter().any(|ending| name.ends_with(ending))
}

/// Returns whether a file decides what is installed by its name alone, whoever reads it: a manifest, a lockfile, the
/// settings of a package manager, a list of requirements.
pub(super) fn decides_by_name(path: &str) -> bool {
    let (folder, name) = path::split(path);
    let folder = path::name(folder);
    let list = [".txt", ".in", ".pip"].iter().any(|ending| name.ends_with(ending))
        && (name.contains("requirements") || name.starts_with("constraints") || folder == "requirements");
    list || MANIFESTS.contains(&name)
        || LOCKFILES.contains(&name)
        || CUSTOM_MANIFESTS.contains(&name)
        || path.contains(YARN_PLUGINS)
}
