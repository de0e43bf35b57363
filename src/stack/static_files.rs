//! Static sites: nginx serves the files as they are.

use std::collections::BTreeMap;

use super::project::{Project, looked_for};
use crate::domain::{
    error::Error,
    runtime::{APP_ROOT, BaseImage, ImagePlan, InstallPlan, Needs, RUNTIME_MOUNT, ReloadPlan, RunPlan, StartPlan},
    spec::Stack,
};

/// Where the page is by custom when it is not at the root, the likeliest first.
const FOLDERS: [&str; 10] = ["public", "dist", "site", "src", "www", "docs", "build", "out", "static", "html"];

/// Returns the folder below this one that has an `index.html`; empty for this one itself.
pub(super) fn published(project: &Project<'_>) -> Option<&'static str> {
    if project.has("index.html") {
        return Some("");
    }
    FOLDERS.into_iter().find(|folder| project.has(&format!("{folder}/index.html")))
}

/// Plans a static site.
///
/// # Errors
/// `StackNotFound` when there is no `index.html`.
pub(super) fn plan(project: &Project<'_>, notes: &mut Vec<String>) -> Result<RunPlan, Error> {
    let places = || [""].into_iter().chain(FOLDERS).map(|folder| project.path(folder).trim_end_matches('/').to_owned());
    let folder = published(project).ok_or_else(|| {
        looked_for(
            places().map(|folder| if folder.is_empty() { "index.html".into() } else { format!("{folder}/index.html") }),
        )
    })?;
    let root = if folder.is_empty() { project.root.clone() } else { project.path(folder) };
    notes.push(format!("static: index.html in /{root}"));
    let served = if root.is_empty() { format!("{APP_ROOT}/") } else { format!("{APP_ROOT}/{root}/") };
    let argv = ["nginx", "-e", "stderr", "-c", &format!("{RUNTIME_MOUNT}/static/nginx.conf"), "-p", &served];
    Ok(RunPlan {
        stack: Stack::Static,
        root,
        image: ImagePlan::Dependencies(InstallPlan {
            base: BaseImage::Static,
            commands: Vec::new(),
            inputs: BTreeMap::new(),
            environment: BTreeMap::new(),
        }),
        start: StartPlan {
            argv: argv.map(str::to_owned).to_vec(),
            environment: BTreeMap::new(),
            port: 80,
            named_port: true,
            ready_path: "/".into(),
            reload: ReloadPlan::Files,
        },
        needs: Needs::default(),
        notes: Vec::new(),
        supplied: BTreeMap::new(),
        data: Vec::new(),
    })
}
