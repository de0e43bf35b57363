//! How a commit is run: its tree, and what its files say.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{
    domain::{
        error::Error,
        ids::{CommitId, FilePath},
        runtime::RunPlan,
        spec::PreviewSpec,
        tree::Tree,
    },
    preview::core::Core,
    stack,
};

/// Reads a commit's tree, and finds how it is run.
pub(super) async fn plan(core: &Core, spec: &PreviewSpec, commit: &CommitId) -> Result<(Tree, RunPlan), Error> {
    let tree = core.vfs.tree(&spec.project, commit).await?;
    if tree.is_empty() {
        return Err(Error::EmptyProject(spec.project.clone(), spec.branch.clone()));
    }
    let settings = match stack::settings_file(&tree) {
        Some(entry) => core.vfs.read(&spec.project, vec![entry.blob.clone()]).await?.pop(),
        None => None,
    };
    let wanted: Vec<FilePath> = stack::wanted(&tree, settings.as_deref());
    let blobs = wanted.iter().filter_map(|path| tree.get(path)).map(|entry| entry.blob.clone()).collect();
    let contents = core.vfs.read(&spec.project, blobs).await?;
    let contents: BTreeMap<FilePath, Bytes> =
        wanted.into_iter().filter(|path| tree.contains_key(path)).zip(contents).collect();
    // Manifests are somebody else's text, and may take their time.
    let overrides = spec.overrides.clone();
    let planning = tokio::task::spawn_blocking(move || {
        let plan = stack::plan(&tree, &contents, &overrides);
        (tree, plan)
    });
    let (tree, plan) = planning.await.map_err(|error| Error::internal("plan the project", error))?;
    Ok((tree, plan?))
}
