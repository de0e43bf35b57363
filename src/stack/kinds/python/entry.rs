//! Which Python file is started: a Django project, or the module that is likeliest to hold an app object.

use crate::{
    domain::path::{above, join, split},
    stack::project::{FOREIGN, Project},
};

/// The file names that may hold an app.
const ENTRY_NAMES: [&str; 13] = [
    "main.py",
    "app.py",
    "wsgi.py",
    "asgi.py",
    "manage.py",
    "server.py",
    "api.py",
    "application.py",
    "run.py",
    "index.py",
    "web.py",
    "streamlit_app.py",
    "__init__.py",
];
/// The files that are looked at, the likeliest first.
pub(super) const ENTRIES: [&str; 21] = [
    "main.py",
    "app.py",
    "app/main.py",
    "app/app.py",
    "app/__init__.py",
    "src/main.py",
    "src/app.py",
    "src/app/main.py",
    "src/app/__init__.py",
    "wsgi.py",
    "asgi.py",
    "server.py",
    "api.py",
    "application.py",
    "run.py",
    "index.py",
    "web.py",
    "streamlit_app.py",
    "api/main.py",
    "api/index.py",
    "backend/main.py",
];
/// The files of a package of any name that are looked at, the likeliest first.
const PACKAGE_ENTRIES: [&str; 10] = [
    "main.py",
    "app.py",
    "__init__.py",
    "wsgi.py",
    "asgi.py",
    "server.py",
    "api.py",
    "application.py",
    "web.py",
    "run.py",
];
/// What scripts that draw a page are often called besides, where they stand at the top.
const PAGE_NAMES: [&str; 10] = [
    "Home.py",
    "home.py",
    "Hello.py",
    "hello.py",
    "dashboard.py",
    "Dashboard.py",
    "demo.py",
    "chatbot.py",
    "gradio_app.py",
    "ui.py",
];
/// What draws a page from a script.
const PAGE_MAKERS: [&str; 2] = ["streamlit", "gradio"];
/// Folders whose files use an app and are none.
const NO_PACKAGES: [&str; 7] = ["tests", "test", "docs", "examples", "scripts", "migrations", "alembic"];
/// The files by which a folder lists dependencies.
const LISTS: [&str; 5] = ["requirements.txt", "pyproject.toml", "Pipfile", "environment.yml", "setup.py"];
/// The most packages that are looked into.
const MAX_PACKAGES: usize = 64;
/// What makes an app object when it is called at the left margin.
const MAKERS: [&str; 14] = [
    "FastAPI",
    "Flask",
    "Starlette",
    "Quart",
    "Litestar",
    "Sanic",
    "Bottle",
    "APIFlask",
    "NiceGUI",
    "get_wsgi_application",
    "get_asgi_application",
    "create_app",
    "make_app",
    "get_app",
];
/// How a line begins that makes an app object itself.
const OBJECTS: [&str; 6] =
    ["async def app(", "async def application(", "def app(", "def application(", "app = ", "application = "];

/// What is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// A project with a `manage.py`, in a folder below the root; empty for the root itself.
    Django { folder: String },
    /// A module, and the folder below the root that it is imported from.
    Module { file: String, module: String, folder: &'static str },
}

impl Entry {
    /// Returns the path of the file that is started.
    pub(super) fn file(&self) -> String {
        match self {
            Self::Django { folder } => join(folder, "manage.py"),
            Self::Module { file, .. } => file.clone(),
        }
    }
}

/// Returns whether a file of that name may be what is started.
pub(super) fn is_entry_name(name: &str) -> bool {
    ENTRY_NAMES.contains(&name) || PAGE_NAMES.contains(&name)
}

/// Returns whether the folder has a Python file that can be started.
pub(super) fn has_entry(project: &Project<'_>) -> bool {
    find(project).is_some()
}

/// Returns whether what would be started shows signs of an app, and is not only a script with a likely name.
pub(super) fn makes_app(project: &Project<'_>) -> bool {
    match find(project) {
        None => false,
        Some(Entry::Django { .. }) => true,
        Some(Entry::Module { file, .. }) => promise(&project.source(&file).unwrap_or_default()) > 0,
    }
}

/// Finds what to start: a Django project, else the file that promises most of those with a likely name. Where two
/// promise the same, a likelier name wins over a package of any name, and of two packages the first by name.
pub(super) fn find(project: &Project<'_>) -> Option<Entry> {
    let django = |folder: &str| {
        let file = join(folder, "manage.py");
        let found = project.source(&file)?.contains("DJANGO_SETTINGS_MODULE") && !belongs_elsewhere(project, &file);
        found.then(|| Entry::Django { folder: folder.to_owned() })
    };
    if let Some(found) = django("").or_else(|| project.folders().into_iter().find_map(django)) {
        return Some(found);
    }
    let usual =
        ENTRIES.into_iter().map(str::to_owned).filter(|file| project.has(file) && !belongs_elsewhere(project, file));
    let others = package_entries(project);
    let mut best: Option<(u8, String)> = None;
    for (named, file) in usual.map(|file| (true, file)).chain(others.into_iter().map(|file| (false, file))) {
        let score = promise(&project.source(&file).unwrap_or_default());
        // An empty package marker is nothing to start, nor is any file of a package that only might be.
        if score == 0 && (!named || file.ends_with("__init__.py")) {
            continue;
        }
        if best.as_ref().is_none_or(|(other, _)| score > *other) {
            best = Some((score, file));
        }
    }
    let (_, file) = best?;
    Some(module_of(project, file))
}

/// Finds the app of a project that keeps it in none of the usual places: the file with a likely name that promises most,
/// of those that promise the same the shallowest. `None` where the likeliest only might be one.
///
/// For projects that are known to be Python's: others have such files for other ends.
pub(super) fn find_deep(project: &Project<'_>) -> Option<Entry> {
    let good = |file: &&str| {
        let (folder, name) = split(file);
        let named = ENTRY_NAMES.contains(&name) || (folder.is_empty() && PAGE_NAMES.contains(&name));
        let other = |part: &str| {
            NO_PACKAGES.contains(&part) || FOREIGN.contains(&part) || part == "pages" || part.starts_with('.')
        };
        named && !folder.split('/').any(other) && !belongs_elsewhere(project, file)
    };
    let score = |file: &str| {
        let source = project.source(file).unwrap_or_default();
        let draws = PAGE_MAKERS.iter().any(|maker| imports_module(&source, maker));
        promise(&source).max(if draws { 2 } else { 0 })
    };
    let mut found: Vec<(u8, usize, &str)> = project
        .files()
        .filter(good)
        .take(MAX_PACKAGES)
        .map(|file| (score(file), file.matches('/').count(), file))
        .filter(|(score, _, _)| *score > 1)
        .collect();
    found.sort_by_key(|(score, depth, file)| (std::cmp::Reverse(*score), *depth, *file));
    let (_, _, file) = found.first()?;
    Some(module_of(project, (*file).to_owned()))
}

fn module_of(project: &Project<'_>, file: String) -> Entry {
    let folder = if file.starts_with("src/") && !project.has("src/__init__.py") { "src" } else { "" };
    let path = file.strip_prefix(folder).unwrap_or(&file).trim_start_matches('/');
    let module = path.trim_end_matches(".py").trim_end_matches("/__init__").replace('/', ".");
    Entry::Module { file, module, folder }
}

/// Returns the files with a likely name in the packages of the folder, and in those below `src`.
fn package_entries(project: &Project<'_>) -> Vec<String> {
    let below = project.at(&project.path("src"));
    let packages = project.folders().into_iter().map(|name| (name, name.to_owned()));
    let packages = packages.chain(below.folders().into_iter().map(|name| (name, join("src", name))));
    // A name with a hyphen, say, cannot be imported.
    let good =
        |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && !NO_PACKAGES.contains(&name);
    packages
        .filter(|(name, folder)| good(name) && folder != "src")
        .take(MAX_PACKAGES)
        .flat_map(|(_, folder)| PACKAGE_ENTRIES.map(|name| join(&folder, name)))
        .filter(|file| project.has(file) && !ENTRIES.contains(&file.as_str()) && !belongs_elsewhere(project, file))
        .collect()
}

/// Returns whether a file is part of a project of its own below this folder, which lists no dependencies itself: run from
/// here, it would be without those that are listed there.
fn belongs_elsewhere(project: &Project<'_>, file: &str) -> bool {
    let lists = |folder: &str| LISTS.iter().any(|name| project.has(&join(folder, name)));
    !lists("") && above(file).any(lists)
}

/// Returns the folder of a file if it is no package, since its modules then import one another by their bare names.
pub(super) fn own_folder(project: &Project<'_>, file: &str) -> Option<String> {
    let (folder, _) = file.rsplit_once('/')?;
    (!project.has(&join(folder, "__init__.py"))).then(|| folder.to_owned())
}

/// Returns the folder above the project's own where that is a package, from the root of all files, and the package's name:
/// its `__init__.py` says so, or an import of it in the source that is started.
pub(super) fn package(project: &Project<'_>, source: &str) -> Option<(String, String)> {
    let outer = |folder: &str| {
        let (above, name) = split(folder);
        (!name.is_empty()).then(|| (above.to_owned(), name.to_owned()))
    };
    let (mut above, mut name) = outer(&project.root)?;
    if !project.has("__init__.py") {
        return imports_module(source, &name).then_some((above, name));
    }
    while project.at(&above).has("__init__.py")
        && let Some((further, package)) = outer(&above)
    {
        (above, name) = (further, format!("{package}.{name}"));
    }
    Some((above, name))
}

/// Returns whether a source imports its neighbours as parts of its own package.
pub(super) fn is_relative(source: &str) -> bool {
    source.lines().any(|line| line.starts_with("from ."))
}

/// Returns whether a source imports a module at the left margin.
pub(super) fn imports_module(source: &str, module: &str) -> bool {
    source.lines().any(|line| {
        let rest = line.strip_prefix("import ").or_else(|| line.strip_prefix("from "));
        rest.is_some_and(|rest| rest.split([' ', '.', ',']).next() == Some(module))
    })
}

/// Returns how likely a source file holds an app: 3 it makes the object, 2 it has a factory or is a page of Streamlit, 1 it
/// imports the object.
fn promise(source: &str) -> u8 {
    let line = |line: &str| {
        let made = |maker: &&str| line.contains(&format!("{maker}("));
        if line.starts_with([' ', '\t', '#']) {
            0
        } else if line.contains('=') && MAKERS.iter().any(made) && !line.starts_with("def ")
            || OBJECTS.iter().any(|start| line.starts_with(start))
        {
            3
        } else if ["def create_app(", "def make_app(", "def get_app("].iter().any(|start| line.starts_with(start)) {
            2
        } else if line.starts_with("from ")
            && line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| matches!(word, "app" | "application"))
            && line.contains(" import ")
        {
            1
        } else {
            0
        }
    };
    let best = source.lines().map(line).max().unwrap_or(0);
    if best < 2 && imports_module(source, "streamlit") { 2 } else { best }
}
