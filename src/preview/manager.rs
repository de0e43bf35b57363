//! The one door to the core: finds previews, makes them, and hands requests to their drivers.

use std::sync::Arc;

use futures_util::stream::BoxStream;

use crate::{
    domain::{error::Error, ids::CommitId},
    preview::api::{Create, ListFilter, ListPage, LogItem, LogQuery, PreviewView, Target, Update, WatchItem},
    vfs::Vfs,
};

/// The core, shared by every transport.
#[derive(Clone)]
pub struct Manager {
    inner: Arc<Inner>,
}

struct Inner {
    vfs: Vfs,
}

impl Manager {
    /// Returns the store of all projects.
    pub fn vfs(&self) -> &Vfs {
        &self.inner.vfs
    }

    /// Returns whether the engine can be reached, now and from now on.
    pub fn engine_available(&self) -> tokio::sync::watch::Receiver<bool> {
        todo!()
    }

    /// Commits the files, if any, and returns the live preview of the branch and whether this call made it.
    pub async fn create(&self, _request: Create) -> Result<(PreviewView, bool), Error> {
        todo!()
    }

    /// Returns one preview, and counts as a use of it.
    pub async fn get(&self, _target: Target) -> Result<PreviewView, Error> {
        todo!()
    }

    /// Commits the changes, if any, and applies the head; returns the commit.
    pub async fn update(&self, _target: Target, _update: Update) -> Result<(PreviewView, CommitId), Error> {
        todo!()
    }

    /// Ends a preview, and returns once nothing of it is left.
    pub async fn delete(&self, _target: Target) -> Result<PreviewView, Error> {
        todo!()
    }

    /// Returns one page of previews, ordered by creation.
    pub async fn list(&self, _filter: ListFilter) -> Result<ListPage, Error> {
        todo!()
    }

    /// Returns the log of a preview.
    pub async fn logs(&self, _target: Target, _query: LogQuery) -> Result<BoxStream<'static, LogItem>, Error> {
        todo!()
    }

    /// Returns what happens to a preview's commits, after the one that is given.
    pub async fn watch(
        &self,
        _target: Target,
        _after: Option<CommitId>,
    ) -> Result<BoxStream<'static, WatchItem>, Error> {
        todo!()
    }
}
