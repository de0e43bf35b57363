//! The place of a failure that only the project's files tell.

use crate::{
    domain::{
        failure::{Failure, FailureStage},
        ids::{CommitId, FilePath},
        reason::Reason,
    },
    preview::driver::Driver,
    stack,
};

/// The largest file that is looked into.
const MAX_SOURCE_BYTES: u64 = 1024 * 1024;

impl Driver {
    /// Finds the line of an import that leads nowhere, or of a package that cannot be installed, where what failed has not said
    /// it.
    pub(in crate::preview::driver) async fn locate(&self, failure: &mut Failure, commit: &CommitId) {
        let is_listed = failure.stage == FailureStage::Install
            && failure.file.as_deref().is_some_and(|file| file.ends_with("package.json"));
        if failure.line.is_some() || !(is_listed || failure.reason == Reason::ModuleNotFound) {
            return;
        }
        let Some(path) = failure.file.as_deref().and_then(|file| file.parse::<FilePath>().ok()) else { return };
        let source = async {
            let (vfs, project) = (&self.core.vfs, &self.spec.project);
            let tree = vfs.tree(project, commit).await.ok()?;
            let entry = tree.get(&path).filter(|entry| entry.size_bytes <= MAX_SOURCE_BYTES)?;
            vfs.read(project, vec![entry.blob.clone()]).await.ok()?.pop()
        };
        if let Some(source) = source.await {
            let find = if is_listed { stack::listing_line } else { stack::import_line };
            failure.line = find(&failure.message, &String::from_utf8_lossy(&source));
        }
    }
}
