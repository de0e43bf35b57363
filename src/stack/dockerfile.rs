//! Projects with a Dockerfile of their own.

use std::collections::BTreeMap;

use super::{looked_for, project::Project};
use crate::domain::{
    error::Error,
    ignore::Ignore,
    runtime::{ImagePlan, ReloadPlan, RunPlan, StartPlan},
    spec::Stack,
};

/// The file's name.
pub(super) const FILE: &str = "Dockerfile";
/// The file that says what is left out of the build.
pub(super) const IGNORE: &str = ".dockerignore";

/// Plans a project that is built by its own Dockerfile, with its folder as the context.
///
/// # Errors
/// `StackNotFound` when there is none.
pub(super) fn plan(project: &Project<'_>, notes: &mut Vec<String>) -> Result<RunPlan, Error> {
    if !project.has(FILE) {
        return Err(looked_for([project.path(FILE)]));
    }
    let ignore = project.text(IGNORE)?.map(|text| Ignore::parse(&text)).unwrap_or_default();
    notes.push(format!("dockerfile: the image is built by {}", project.path(FILE)));
    Ok(RunPlan {
        stack: Stack::Dockerfile,
        root: project.root.clone(),
        image: ImagePlan::Build { dockerfile: project.path(FILE), ignore },
        start: StartPlan {
            argv: Vec::new(),
            environment: BTreeMap::new(),
            port: 0,
            ready_path: "/".into(),
            reload: ReloadPlan::Restart,
        },
        notes: Vec::new(),
        supplied: BTreeMap::new(),
    })
}
