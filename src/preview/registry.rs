//! Who is who: previews by id, by what they show, and by the request that made them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Weak},
};

use parking_lot::Mutex;

use crate::{
    domain::ids::{BranchName, PreviewId, ProjectId},
    preview::{api::Target, handle::Handle},
};

/// What a preview shows.
type Shown = (ProjectId, BranchName);

/// Every preview that is known, also those that ended within the last day.
#[derive(Default)]
pub struct Registry {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    by_id: BTreeMap<PreviewId, Arc<Handle>>,
    // The newest of each branch: the live one if there is one.
    by_branch: HashMap<Shown, PreviewId>,
    by_request: HashMap<String, PreviewId>,
    // The entry goes with the last who waits.
    creating: HashMap<Creation, Weak<tokio::sync::Mutex<()>>>,
}

/// What creation is one at a time for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Creation {
    /// A branch.
    Branch(ProjectId, BranchName),
    /// A request.
    Request(String),
}

impl Registry {
    /// Adds a preview, which becomes the newest of its branch.
    pub fn insert(&self, handle: Arc<Handle>) {
        let spec = handle.spec();
        let mut inner = self.inner.lock();
        inner.by_request.extend(spec.request_ids.into_iter().map(|request| (request, spec.id.clone())));
        inner.by_branch.insert((spec.project, spec.branch), spec.id.clone());
        inner.by_id.insert(spec.id, handle);
    }

    /// Forgets a preview.
    pub fn remove(&self, id: &PreviewId) {
        let mut inner = self.inner.lock();
        let Some(handle) = inner.by_id.remove(id) else { return };
        let spec = handle.spec();
        for request in spec.request_ids {
            if inner.by_request.get(&request) == Some(id) {
                inner.by_request.remove(&request);
            }
        }
        let shown = (spec.project, spec.branch);
        if inner.by_branch.get(&shown) == Some(id) {
            inner.by_branch.remove(&shown);
        }
    }

    /// Returns the preview that is meant.
    pub fn find(&self, target: &Target) -> Option<Arc<Handle>> {
        let inner = self.inner.lock();
        let id = match target {
            Target::Preview(id) => id,
            Target::Branch(project, branch) => inner.by_branch.get(&(project.clone(), branch.clone()))?,
        };
        inner.by_id.get(id).cloned()
    }

    /// Returns the preview that a request made.
    pub fn by_request(&self, request: &str) -> Option<Arc<Handle>> {
        let inner = self.inner.lock();
        inner.by_request.get(request).and_then(|id| inner.by_id.get(id)).cloned()
    }

    /// Notes that a preview is the answer to another request, and no more to one of long ago.
    pub fn note_request(&self, request: String, forgotten: Option<&String>, id: &PreviewId) {
        let mut inner = self.inner.lock();
        inner.by_request.insert(request, id.clone());
        if let Some(forgotten) = forgotten
            && inner.by_request.get(forgotten) == Some(id)
        {
            inner.by_request.remove(forgotten);
        }
    }

    /// Returns every preview.
    pub fn all(&self) -> Vec<Arc<Handle>> {
        self.inner.lock().by_id.values().cloned().collect()
    }

    /// Returns the lock under which previews of a branch, or for a request, are made. Who takes both takes that of the
    /// request first.
    pub fn creation(&self, what: Creation) -> Arc<tokio::sync::Mutex<()>> {
        let mut inner = self.inner.lock();
        inner.creating.retain(|_, lock| lock.strong_count() > 0);
        if let Some(lock) = inner.creating.get(&what).and_then(Weak::upgrade) {
            return lock;
        }
        let lock = Arc::new(tokio::sync::Mutex::new(()));
        inner.creating.insert(what, Arc::downgrade(&lock));
        lock
    }
}
