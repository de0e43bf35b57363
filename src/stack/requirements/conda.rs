//! What of conda's `environment.yml` pip can install.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{
    domain::{error::Error, runtime::warning},
    stack::project::{Project, bad_line},
};

/// The file's names.
pub(super) const FILES: [&str; 2] = ["environment.yml", "environment.yaml"];
/// Packages that the index of Python has under another name.
const NAMES: [(&str, &str); 12] = [
    ("pytorch", "torch"),
    ("pytorch-cpu", "torch"),
    ("tensorflow-cpu", "tensorflow"),
    ("opencv", "opencv-python-headless"),
    ("py-opencv", "opencv-python-headless"),
    ("matplotlib-base", "matplotlib"),
    ("msgpack-python", "msgpack"),
    ("dask-core", "dask"),
    ("pytables", "tables"),
    ("python-graphviz", "graphviz"),
    ("uvicorn-standard", "uvicorn[standard]"),
    ("redis-py", "redis"),
];
/// What is there already, or is no package of Python.
const OTHERS: [&str; 36] = [
    "pip",
    "setuptools",
    "wheel",
    "conda",
    "mamba",
    "cudatoolkit",
    "cudnn",
    "pytorch-cuda",
    "mkl",
    "openblas",
    "blas",
    "nodejs",
    "nomkl",
    "gcc",
    "gxx",
    "compilers",
    "c-compiler",
    "cxx-compiler",
    "make",
    "git",
    "openssl",
    "ffmpeg",
    "zlib",
    "sqlite",
    "readline",
    "ncurses",
    "tk",
    "xz",
    "bzip2",
    "ca-certificates",
    "postgresql",
    "redis-server",
    "r-base",
    "gdal",
    "geos",
    "proj",
];
/// Those of them that nobody misses.
const THERE: [&str; 5] = ["pip", "setuptools", "wheel", "conda", "ca-certificates"];

#[derive(Deserialize)]
struct Environment {
    #[serde(default)]
    dependencies: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    Package(String),
    Section(BTreeMap<String, Vec<String>>),
}

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Conda {
    /// What pip installs.
    pub list: Vec<String>,
    /// Files of requirements that the section for pip names.
    pub files: Vec<String>,
    /// The version of Python that is asked for, as pip writes it.
    pub python: Option<String>,
}

/// Reads the file; `None` if there is none.
///
/// # Errors
/// `BadManifest` if it is no YAML of that shape.
pub(super) fn read(project: &Project<'_>, notes: &mut Vec<String>) -> Result<Option<Conda>, Error> {
    let Some(name) = project.first(&FILES) else { return Ok(None) };
    let path = project.path(name);
    let text = project.text(name)?.unwrap_or_default();
    let environment: Environment = serde_saphyr::from_str(&text).map_err(|error| {
        let line = error.location().and_then(|place| usize::try_from(place.line()).ok()).unwrap_or(1);
        let said = error.to_string();
        bad_line(&path, line, said.lines().next().unwrap_or_default())
    })?;
    let mut found = Conda::default();
    let mut missing = Vec::new();
    for item in environment.dependencies {
        match item {
            Item::Package(package) => {
                let package = package.rsplit("::").next().unwrap_or_default().trim();
                let end = package.find(|c: char| "=<>!~ ".contains(c)).unwrap_or(package.len());
                let (name, version) = package.split_at(end);
                let name = name.to_lowercase();
                let version = version_of(version);
                if name == "python" {
                    found.python = Some(version).filter(|version| !version.is_empty());
                } else if OTHERS.contains(&name.as_str()) || name.starts_with('_') || name.starts_with("lib") {
                    missing.extend((!THERE.contains(&name.as_str())).then_some(name));
                } else if name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
                    let name = NAMES.iter().find(|(own, _)| *own == name).map_or(name.as_str(), |(_, other)| other);
                    found.list.push(format!("{name}{version}"));
                }
            }
            Item::Section(sections) => {
                for line in sections.get("pip").into_iter().flatten().map(|line| line.trim()) {
                    match line.strip_prefix("-r ") {
                        Some(file) => found.files.push(file.trim().to_owned()),
                        None if line.starts_with('-') || line.starts_with('.') => {
                            notes.push(warning(format!("{path}: {line} of the section for pip is passed over")));
                        }
                        None => found.list.push(line.to_owned()),
                    }
                }
            }
        }
    }
    if !missing.is_empty() {
        let list = missing.join(", ");
        notes.push(warning(format!("{path}: pip cannot install {list}; a Dockerfile of the project's own can")));
    }
    Ok(Some(found))
}

/// Returns a version of conda's as pip writes it: `=1.26` is any of 1.26, a build behind it says nothing.
fn version_of(version: &str) -> String {
    let version = version.trim();
    let Some(exact) = version.strip_prefix('=').filter(|exact| !exact.starts_with('=')) else {
        let bare = version.starts_with(|c: char| c.is_ascii_digit());
        return if bare { format!("=={version}") } else { version.replace(' ', "") };
    };
    match exact.split_once('=') {
        Some((exact, _)) => format!("=={exact}"),
        None if exact.ends_with('*') => format!("=={exact}"),
        None => format!("=={exact}.*"),
    }
}
