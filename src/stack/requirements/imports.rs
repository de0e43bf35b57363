//! What an app without a list of dependencies imports.

use std::collections::BTreeSet;

use super::pip::{Requirements, by_list};
use crate::{domain::error::Error, stack::project::Project};

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

/// Lists the packages of the known modules that the entry file imports.
pub(super) fn by_imports(project: &Project<'_>, entry: &str, notes: &mut Vec<String>) -> Result<Requirements, Error> {
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
