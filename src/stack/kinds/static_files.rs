//! Static sites: nginx serves the files as they are.

use std::collections::BTreeMap;

use super::kind::Kind;
use crate::{
    domain::{
        error::Error,
        ids::FilePath,
        runtime::{APP_ROOT, BaseImage, ImagePlan, InstallPlan, Needs, RUNTIME_MOUNT, ReloadPlan, RunPlan, StartPlan},
        spec::Stack,
    },
    stack::{
        names::{MAX_ENTRY_DEPTH, MAX_MANIFEST_BYTES},
        project::{Project, looked_for},
        readers::{cause::Reader, nginx, shell},
        signs::Signs,
    },
};

/// Where the page is by custom when it is not at the root, the likeliest first.
const FOLDERS: [&str; 10] = ["public", "dist", "site", "src", "www", "docs", "build", "out", "static", "html"];

/// The stack `static`.
pub(super) struct Static;

impl Kind for Static {
    fn show(&self, project: &Project<'_>, signs: &mut Signs) -> Result<(), Error> {
        signs.index_page = published(project).is_some();
        Ok(())
    }

    fn entry(&self, path: &FilePath, depth: usize) -> Option<u64> {
        (path.name() == "index.html" && depth <= MAX_ENTRY_DEPTH).then_some(MAX_MANIFEST_BYTES)
    }

    fn plan(&self, project: &Project<'_>, _: Option<&str>, notes: &mut Vec<String>) -> Result<RunPlan, Error> {
        let places =
            || [""].into_iter().chain(FOLDERS).map(|folder| project.path(folder).trim_end_matches('/').to_owned());
        let folder = published(project).ok_or_else(|| {
            looked_for(
                places()
                    .map(|folder| if folder.is_empty() { "index.html".into() } else { format!("{folder}/index.html") }),
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
            prebundle: None,
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

    fn readers(&self) -> &'static [Reader] {
        &[nginx::read, shell::read]
    }
}

/// Returns the folder below this one that has an `index.html`; empty for this one itself.
pub(in crate::stack) fn published(project: &Project<'_>) -> Option<&'static str> {
    if project.has("index.html") {
        return Some("");
    }
    FOLDERS.into_iter().find(|folder| project.has(&format!("{folder}/index.html")))
}
