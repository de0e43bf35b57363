//! What a Python project depends on, and the commands that install it.

mod conda;
mod locks;
mod pyproject;
mod setup;
mod version;

use std::collections::{BTreeMap, BTreeSet};

use toml::Table;

pub(super) use self::pyproject::describes_project;
use self::pyproject::{dependencies, dynamic_files, field, is_dynamic, parse, poetry_list, reduced};
use super::{
    packages::bring,
    project::{Project, bad, bad_line, resolve},
    python::PIP,
    wanted::is_archive,
};
use crate::domain::{
    error::Error,
    ids::FilePath,
    runtime::{APP_ROOT, HOME, RUNTIME_MOUNT},
};

/// The release of uv that installs `uv.lock`.
const UV: &str = "uv==0.13.9";
/// The release of Poetry that installs `poetry.lock`.
const POETRY: &str = "poetry==2.5.1";
/// Lists of requirements that are looked for where nothing else lists any.
const USUAL_LISTS: [&str; 6] = [
    "requirements/base.txt",
    "requirements/production.txt",
    "requirements/prod.txt",
    "requirements/main.txt",
    "requirements/requirements.txt",
    "requirements-prod.txt",
];
/// The most requirement files that include one another.
const MAX_FILES: usize = 32;
/// The longest list of dependencies on a command line, in bytes; a single argument may have 128 KiB.
const MAX_LIST_BYTES: usize = 64 * 1024;

/// The files by which a folder is one of Python, besides a `pyproject.toml` that describes a project.
pub(super) const MANIFESTS: [&str; 7] =
    ["requirements.txt", "Pipfile", "Pipfile.lock", "setup.py", "setup.cfg", "environment.yml", "environment.yaml"];

/// Modules that an app without a list of dependencies may import, and the packages that have them.
const KNOWN_MODULES: [(&str, &str); 24] = [
    ("aiohttp", "aiohttp"),
    ("bottle", "bottle"),
    ("django", "django"),
    ("dotenv", "python-dotenv"),
    ("fastapi", "fastapi"),
    ("flask", "flask"),
    ("flask_cors", "flask-cors"),
    ("flask_sqlalchemy", "flask-sqlalchemy"),
    ("gradio", "gradio"),
    ("httpx", "httpx"),
    ("jinja2", "jinja2"),
    ("litestar", "litestar"),
    ("markdown", "markdown"),
    ("multipart", "python-multipart"),
    ("numpy", "numpy"),
    ("pandas", "pandas"),
    ("pydantic", "pydantic"),
    ("quart", "quart"),
    ("requests", "requests"),
    ("rest_framework", "djangorestframework"),
    ("sqlalchemy", "sqlalchemy"),
    ("starlette", "starlette"),
    ("streamlit", "streamlit"),
    ("uvicorn", "uvicorn"),
];

/// What is installed, and how.
#[derive(Debug, Default)]
pub(super) struct Requirements {
    pub commands: Vec<String>,
    pub inputs: BTreeMap<String, Vec<u8>>,
    pub environment: BTreeMap<String, String>,
    /// Folders of the project that modules are imported from, because they are listed as local packages.
    pub folders: Vec<String>,
}

/// Reads a project's dependencies: `uv.lock`, else `poetry.lock`, else `requirements.txt`, else what `pyproject.toml`
/// lists or refers to with `pdm.lock`, else `Pipfile` with its lock, else `setup.cfg` or `setup.py`, else conda's
/// `environment.yml`, else a list of requirements under a usual name, else what the entry file imports.
///
/// # Errors
/// `BadManifest` that names the file and the line or field.
pub(super) fn read(project: &Project<'_>, entry: &str, notes: &mut Vec<String>) -> Result<Requirements, Error> {
    let pyproject = match project.text("pyproject.toml")? {
        Some(text) => Some(parse(project, &text)?),
        None => None,
    };
    match &pyproject {
        Some(table) if project.has("uv.lock") => locked_by_uv(project, table),
        Some(table) if project.has("poetry.lock") => by_poetry(project, table),
        _ if project.has("requirements.txt") => {
            by_files(project, &["requirements.txt".to_owned()], pyproject.as_ref(), notes)
        }
        Some(table) if poetry_list(table) => by_poetry(project, table),
        Some(table) if field(table, "dependencies").is_some() => match locks::pdm(project, notes)? {
            Some(list) => locked(list, project.path("pdm.lock")),
            None => by_list(dependencies(project, table, notes)?, project.path("pyproject.toml")),
        },
        Some(table) if is_dynamic(table) => match dynamic_files(project, table) {
            Some(files) => by_files(project, &files, pyproject.as_ref(), notes),
            None => {
                notes.push(format!(
                    "{}: the project's build says what it depends on, and nothing of it is installed; `install` in previewd.toml can",
                    project.path("pyproject.toml")
                ));
                Ok(Requirements::default())
            }
        },
        // The settings of tools alone, or a project that says nothing of what it needs.
        _ => by_other_tools(project, pyproject.as_ref(), entry, notes),
    }
}

/// Reads what Pipenv, setuptools and conda list.
fn by_other_tools(
    project: &Project<'_>,
    pyproject: Option<&Table>,
    entry: &str,
    notes: &mut Vec<String>,
) -> Result<Requirements, Error> {
    if let Some(list) = locks::pipenv(project, notes)? {
        return locked(list, project.path("Pipfile.lock"));
    }
    if let Some(list) = locks::pipfile(project, notes)? {
        return by_list(list, project.path("Pipfile"));
    }
    match setup::read(project, notes)? {
        Some(setup::Setup::List(list)) => return by_list(list, project.path("setup.py")),
        Some(setup::Setup::File(file)) => return by_files(project, &[file], pyproject, notes),
        None => {}
    }
    if let Some(conda) = conda::read(project, notes)? {
        let mut requirements = by_list(conda.list, project.path(conda::FILES[0]))?;
        if !conda.files.is_empty() {
            let named = by_files(project, &conda.files, pyproject, notes)?;
            requirements.commands.extend(named.commands);
            requirements.inputs = named.inputs;
            requirements.folders = named.folders;
        }
        return Ok(requirements);
    }
    match project.first(&USUAL_LISTS) {
        Some(file) => by_files(project, &[file.to_owned()], pyproject, notes),
        None => by_imports(project, entry, notes),
    }
}

/// Installs exact versions, which name all that they need.
fn locked(list: Vec<String>, file: String) -> Result<Requirements, Error> {
    let mut requirements = by_list(list, file)?;
    for command in &mut requirements.commands {
        *command = command.replacen(PIP, &format!("{PIP} --no-deps"), 1);
    }
    Ok(requirements)
}

/// Returns the command that says in the log where the project asks for another Python than the image has.
pub(super) fn version_check(project: &Project<'_>) -> Option<String> {
    let conda = || conda::read(project, &mut Vec::new()).ok().flatten()?.python;
    let (asked, file) = version::asked(project, conda)?;
    let words = shlex::try_join([asked.as_str(), file.as_str()]).ok()?;
    Some(format!("python3 {RUNTIME_MOUNT}/python/version.py {words}"))
}

fn locked_by_uv(project: &Project<'_>, table: &Table) -> Result<Requirements, Error> {
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

fn by_poetry(project: &Project<'_>, table: &Table) -> Result<Requirements, Error> {
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
        inputs.insert(project.path(lock), pyproject::without_version(bytes));
    }
    Ok(inputs)
}

fn by_list(list: Vec<String>, file: String) -> Result<Requirements, Error> {
    if list.is_empty() {
        return Ok(Requirements::default());
    }
    let words = shlex::try_join(list.iter().map(String::as_str)).map_err(|error| bad(&file, error.to_string()))?;
    if words.len() > MAX_LIST_BYTES {
        return Err(bad(file, format!("lists dependencies of more than {MAX_LIST_BYTES} bytes")));
    }
    Ok(Requirements { commands: vec![format!("{PIP} -- {words}")], ..Requirements::default() })
}

/// Lists the packages of the known modules that the entry file imports.
fn by_imports(project: &Project<'_>, entry: &str, notes: &mut Vec<String>) -> Result<Requirements, Error> {
    let imported = |line: &str| {
        let rest = line.trim_start().strip_prefix("import ").or_else(|| line.trim_start().strip_prefix("from "))?;
        Some(rest.split([' ', '.', ',']).next().unwrap_or_default().to_owned())
    };
    let modules: BTreeSet<String> = entry.lines().filter_map(imported).collect();
    let found: Vec<String> = KNOWN_MODULES
        .into_iter()
        .filter(|(module, _)| modules.contains(*module))
        .map(|(_, package)| package.to_owned())
        .collect();
    if !found.is_empty() {
        notes.push(format!(
            "python: no file lists dependencies; installing {}, which the app imports",
            found.join(", ")
        ));
    }
    by_list(found, project.path("requirements.txt"))
}

/// Takes requirement files and what they include, without comments and local packages.
fn by_files(
    project: &Project<'_>,
    files: &[String],
    pyproject: Option<&Table>,
    notes: &mut Vec<String>,
) -> Result<Requirements, Error> {
    let mut requirements = Requirements::default();
    let mut waiting = files.to_vec();
    let mut itself: Option<Vec<String>> = None;
    let mut archived = BTreeMap::new();
    while let Some(name) = waiting.pop() {
        let path = project.path(&name);
        if requirements.inputs.contains_key(&path) {
            continue;
        }
        if requirements.inputs.len() == MAX_FILES {
            return Err(bad(path, format!("is one of more than {MAX_FILES} requirement files")));
        }
        let text =
            project.text(&name)?.ok_or_else(|| bad(&path, "is included by a requirements file but is not there"))?;
        let mut kept = String::new();
        for (index, line) in text.lines().enumerate() {
            let line = without_comment(line);
            match read_line(line) {
                Line::Include(file) => {
                    let file =
                        beside(&name, file).ok_or_else(|| bad_line(&path, index + 1, format!("{file} is outside")))?;
                    waiting.push(file);
                    kept.push_str(line);
                }
                Line::Local(folder) => {
                    let folder = beside(&name, folder);
                    let folder = folder.ok_or_else(|| bad_line(&path, index + 1, format!("{line} is outside")))?;
                    if folder.is_empty() {
                        itself.get_or_insert_default().extend(extras(line));
                    } else {
                        notes.push(format!("{path}: {folder} is not installed; modules are imported from it"));
                        requirements.folders.extend([format!("{folder}/src"), folder]);
                    }
                }
                Line::Archives(named) => {
                    // pip takes these from the folder that it runs in.
                    let found = beside("requirements.txt", named).map(|found| archives(project, &found));
                    bring(project, found.unwrap_or_default(), &mut archived, notes);
                    kept.push_str(line);
                }
                Line::Other => kept.push_str(line),
            }
            // Lines keep their numbers, which pip's messages name.
            kept.push('\n');
        }
        requirements.inputs.insert(path, kept.into_bytes());
    }
    let blank = |content: &Vec<u8>| content.iter().all(u8::is_ascii_whitespace);
    if requirements.inputs.values().all(blank) {
        requirements.inputs.clear();
    } else {
        let words = files.iter().flat_map(|file| ["-r", file]);
        let words = shlex::try_join(words).map_err(|error| bad(project.path(&files[0]), error.to_string()))?;
        requirements.commands.push(format!("{PIP} {words}"));
        requirements.inputs.append(&mut archived);
    }
    // The project itself is run from its folder, so that what it depends on is all that there is to install of it.
    if let Some(extras) = itself {
        let mut list = match pyproject {
            Some(table) if field(table, "dependencies").is_some() => dependencies(project, table, notes)?,
            _ => match setup::read(project, notes)? {
                Some(setup::Setup::List(list)) => list,
                _ => Vec::new(),
            },
        };
        for name in &extras {
            list.extend(
                pyproject.map(|table| pyproject::extra(project, table, name, notes)).transpose()?.unwrap_or_default(),
            );
        }
        requirements.commands.extend(by_list(list, project.path("pyproject.toml"))?.commands);
    }
    Ok(requirements)
}

/// Returns the extras of a line such as `-e .[dev,web]`.
fn extras(line: &str) -> Vec<String> {
    let named = line.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map_or("", |(named, _)| named);
    named.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Returns the packages in archives that a path names: itself, or those in the folder.
fn archives<'a>(project: &Project<'a>, path: &str) -> Vec<&'a str> {
    let folder = format!("{path}/");
    project.files().filter(|file| is_archive(file) && (*file == path || file.starts_with(&folder))).collect()
}

enum Line<'a> {
    /// `-r file` or `-c file`.
    Include(&'a str),
    /// `-e folder` or `./folder`.
    Local(&'a str),
    /// `./wheels/package.whl` or `--find-links folder`.
    Archives(&'a str),
    Other,
}

fn read_line(line: &str) -> Line<'_> {
    let line = line.trim();
    let option = |names: [&str; 2]| {
        names.into_iter().find_map(|name| {
            let rest = line.strip_prefix(name)?;
            // `-rfile`, `-r file`, `--requirement=file` and `--requirement file` are all taken.
            let apart = rest.starts_with([' ', '\t', '=']) || !name.starts_with("--");
            apart.then(|| rest.trim_start_matches(['=', ' ', '\t']).trim()).filter(|rest| !rest.is_empty())
        })
    };
    let remote = |target: &str| target.contains("://") && !target.starts_with("file:");
    if let Some(file) = option(["--requirement", "-r"]).or_else(|| option(["--constraint", "-c"])) {
        return if remote(file) { Line::Other } else { Line::Include(file) };
    }
    if let Some(target) = option(["--editable", "-e"]) {
        return if remote(target) || target.starts_with("git+") { Line::Other } else { Line::Local(target) };
    }
    if let Some(folder) = option(["--find-links", "-f"]) {
        return if remote(folder) { Line::Other } else { Line::Archives(folder) };
    }
    // `name @ file:...` as well as the path alone, each with a marker behind it.
    let path = line.split([';', ' ']).rfind(|part| is_archive(part.trim())).unwrap_or_default().trim();
    if !path.is_empty() && !remote(path) && path.contains('/') {
        return Line::Archives(path);
    }
    let folder = line.starts_with("./")
        || line.starts_with("../")
        || line == "."
        || line.starts_with(".[")
        || line.starts_with("file:");
    if folder { Line::Local(line) } else { Line::Other }
}

fn without_comment(line: &str) -> &str {
    let end = match line.trim_start() {
        comment if comment.starts_with('#') => 0,
        _ => line.find(" #").or_else(|| line.find("\t#")).unwrap_or(line.len()),
    };
    line[..end].trim_end()
}

/// Returns a path that a requirements file names, from the project's folder; `None` if it leads outside.
fn beside(file: &str, name: &str) -> Option<String> {
    let name = name.trim_start_matches("file:").split(['[', '#', ';']).next()?.trim();
    if name.starts_with('/') {
        return name.strip_prefix(APP_ROOT)?.strip_prefix('/').map(str::to_owned);
    }
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let path = resolve(folder, name)?;
    (path.is_empty() || path.parse::<FilePath>().is_ok()).then_some(path)
}
