//! The place of a failure that only the project's files tell.

use crate::{
    domain::{
        failure::Failure,
        ids::{CommitId, FilePath},
        reason::Reason,
    },
    preview::driver::Driver,
    stack,
};

/// The largest file that is looked into.
const MAX_SOURCE_BYTES: u64 = 1024 * 1024;

impl Driver {
    /// Finds the line of an import that leads nowhere, where what failed has not said it.
    pub(in crate::preview::driver) async fn locate(&self, failure: &mut Failure, commit: &CommitId) {
        if failure.reason != Reason::ModuleNotFound || failure.line.is_some() {
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
            failure.line = stack::import_line(&failure.message, &String::from_utf8_lossy(&source));
        }
    }
}
