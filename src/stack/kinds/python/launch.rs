//! How what was found is run: by `serve.py`, which is told what to serve and as what.

use super::entry::{Entry, imports_module, is_relative, own_folder};
use crate::{
    domain::runtime::{HOME, RUNTIME_MOUNT, ReloadPlan},
    stack::project::Project,
};

/// How an app is run.
pub(super) struct Launch {
    /// The program and its arguments; none where a command of the project's own comes in their place.
    pub argv: Vec<String>,
    /// The folders below the project's own that modules are imported from, the first first; empty for itself.
    pub folders: Vec<String>,
    /// How a change becomes visible.
    pub reload: ReloadPlan,
}

impl Launch {
    /// Returns how an entry is run whose text is `source`, and says what it is. `package` is the name of the package that
    /// the project's folder is, if it is one.
    pub(super) fn of(
        project: &Project<'_>,
        entry: Entry,
        source: &str,
        package: Option<&str>,
        notes: &mut Vec<String>,
    ) -> Self {
        let file = entry.file();
        let path = project.path(&file);
        match entry {
            Entry::Django { folder } => {
                notes.push(format!("python: the Django project of {path}"));
                Self::served(file, "django", vec![folder, String::new()], ReloadPlan::Restart)
            }
            Entry::Module { module, folder, .. } => {
                let mut folders = vec![folder.to_owned(), String::new()];
                folders.extend(own_folder(project, &file));
                if let Some(Page { title, word, reload }) = page_of(source) {
                    notes.push(format!("python: the {title} app in {path}"));
                    return Self::served(file, word, folders, reload);
                }
                notes.push(format!("python: the app in {path}"));
                let inside = package.filter(|_| folder.is_empty() && is_relative(source));
                let module = inside.map_or(module.clone(), |package| format!("{package}.{module}"));
                Self::served(module, "auto", folders, ReloadPlan::Restart)
            }
        }
    }

    /// Returns how a project is run by a command of its own, of which nothing is known.
    pub(super) fn by_command() -> Self {
        Self { argv: Vec::new(), folders: vec![String::new()], reload: ReloadPlan::Restart }
    }

    fn served(what: String, word: &str, folders: Vec<String>, reload: ReloadPlan) -> Self {
        let (python, serve) = (format!("{HOME}/venv/bin/python"), format!("{RUNTIME_MOUNT}/python/serve.py"));
        Self { argv: vec![python, serve, what, word.to_owned()], folders, reload }
    }
}

/// What draws a page from a script, with a server of its own.
struct Page {
    title: &'static str,
    /// What `serve.py` knows it by.
    word: &'static str,
    reload: ReloadPlan,
}

/// Returns what draws the page of a script; `None` for one that makes an app object.
fn page_of(source: &str) -> Option<Page> {
    let page = |title, word, reload| Some(Page { title, word, reload });
    if imports_module(source, "streamlit") {
        page("Streamlit", "streamlit", ReloadPlan::Control)
    } else if imports_module(source, "gradio") && source.contains(".launch(") && !source.contains("mount_gradio_app") {
        page("Gradio", "gradio", ReloadPlan::Control)
    } else if imports_module(source, "nicegui") && source.contains("ui.run(") {
        page("NiceGUI", "nicegui", ReloadPlan::Restart)
    } else {
        None
    }
}
