//! How a commit is run: its tree, and what its files say.

use std::{collections::BTreeMap, sync::Arc};

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

/// What was planned last for one preview. Nearly every commit changes sources alone, and is run in the same way.
#[derive(Debug)]
pub struct Planned {
    pub(super) plan: RunPlan,
    tree: Arc<Tree>,
    settings: Option<Bytes>,
    wanted: Vec<FilePath>,
}

impl Planned {
    /// Returns whether a tree has the same plan.
    fn is_of(&self, tree: &Tree) -> bool {
        let [before, after] = [&*self.tree, tree].map(|it| stack::settings_file(it).map(|entry| &entry.blob));
        before == after
            && stack::wanted(tree, self.settings.as_deref()) == self.wanted
            && stack::is_run_alike(&self.tree, tree, &self.wanted)
    }
}

/// Reads a commit's tree, and finds how it is run. `last` is what was planned for the same preview before, and is afterwards
/// what this plan was made of.
pub(super) async fn plan(
    core: &Core,
    spec: &PreviewSpec,
    commit: &CommitId,
    last: &mut Option<Planned>,
) -> Result<(Arc<Tree>, RunPlan), Error> {
    let tree = Arc::new(core.vfs.tree(&spec.project, commit).await?);
    if tree.is_empty() {
        return Err(Error::EmptyProject(spec.project.clone(), spec.branch.clone()));
    }
    if let Some(last) = last.as_ref().filter(|last| last.is_of(&tree)) {
        return Ok((tree, last.plan.clone()));
    }
    let settings = match stack::settings_file(&tree) {
        Some(entry) => core.vfs.read(&spec.project, vec![entry.blob.clone()]).await?.pop(),
        None => None,
    };
    let wanted: Vec<FilePath> = stack::wanted(&tree, settings.as_deref());
    let blobs = wanted.iter().filter_map(|path| tree.get(path)).map(|entry| entry.blob.clone()).collect();
    let contents = core.vfs.read(&spec.project, blobs).await?;
    let contents: BTreeMap<FilePath, Bytes> = wanted.iter().cloned().zip(contents).collect();
    // Manifests are somebody else's text, and may take their time.
    let (overrides, planned) = (spec.overrides.clone(), tree.clone());
    let planning = tokio::task::spawn_blocking(move || stack::plan(&planned, &contents, &overrides));
    let plan = planning.await.map_err(|error| Error::internal("plan the project", error))??;
    *last = Some(Planned { plan: plan.clone(), tree: tree.clone(), settings, wanted });
    Ok((tree, plan))
}
