//! Installations by uv and by Poetry, from their own lockfiles.

use std::collections::BTreeMap;

use toml::Table;

use super::{
    pip::Requirements,
    pyproject::{reduced, without_version},
};
use crate::{
    domain::{error::Error, runtime::HOME},
    stack::project::Project,
};

/// The release of uv that installs `uv.lock`.
const UV: &str = "uv==0.13.9";
/// The release of Poetry that installs `poetry.lock`.
const POETRY: &str = "poetry==2.5.1";

/// Installs what `uv.lock` has.
pub(super) fn locked_by_uv(project: &Project<'_>, table: &Table) -> Result<Requirements, Error> {
    let tool = format!(
        "python3 -m venv --without-pip /tmp/uv\n\"$HOME/venv/bin/pip\" --python /tmp/uv/bin/python install --quiet --no-input --disable-pip-version-check --no-cache-dir {UV}"
    );
    let sync = "/tmp/uv/bin/uv sync --frozen --inexact --no-cache --no-install-project --no-install-workspace --no-install-local";
    Ok(Requirements {
        commands: vec![tool, sync.to_owned(), "rm -rf /tmp/uv".to_owned()],
        inputs: with_lock(project, table, "uv.lock")?,
        environment: BTreeMap::from([
            ("UV_PROJECT_ENVIRONMENT".to_owned(), format!("{HOME}/venv")),
            ("UV_PYTHON".to_owned(), format!("{HOME}/venv/bin/python")),
            ("UV_PYTHON_DOWNLOADS".to_owned(), "never".to_owned()),
            ("UV_COMPILE_BYTECODE".to_owned(), "1".to_owned()),
            ("UV_LINK_MODE".to_owned(), "copy".to_owned()),
        ]),
        folders: Vec::new(),
    })
}

/// Installs what `poetry.lock` has, or without one what the manifest lists.
pub(super) fn by_poetry(project: &Project<'_>, table: &Table) -> Result<Requirements, Error> {
    let tool = format!(
        "python3 -m venv --without-pip /tmp/poetry\n\"$HOME/venv/bin/pip\" --python /tmp/poetry/bin/python install --quiet --no-input --disable-pip-version-check --no-cache-dir {POETRY}"
    );
    let sync =
        "VIRTUAL_ENV=\"$HOME/venv\" /tmp/poetry/bin/poetry install --no-root --no-interaction --no-ansi --compile";
    Ok(Requirements {
        commands: vec![tool, sync.to_owned(), "rm -rf /tmp/poetry /tmp/poetry-cache".to_owned()],
        inputs: with_lock(project, table, "poetry.lock")?,
        environment: BTreeMap::from([
            ("POETRY_CACHE_DIR".to_owned(), "/tmp/poetry-cache".to_owned()),
            ("POETRY_VIRTUALENVS_CREATE".to_owned(), "false".to_owned()),
        ]),
        folders: Vec::new(),
    })
}

fn with_lock(project: &Project<'_>, table: &Table, lock: &str) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let mut inputs = BTreeMap::from([(project.path("pyproject.toml"), reduced(project, table)?)]);
    if let Some(bytes) = project.bytes(lock)? {
        inputs.insert(project.path(lock), without_version(bytes));
    }
    Ok(inputs)
}
