//! Making a preview: the one live preview of a branch, and the same one for the same request.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::{
    domain::{
        address::Address,
        error::Error,
        ids::{CommitId, PreviewId},
        spec::{EndReason, PreviewSpec, ReloadMode},
    },
    preview::{
        api::{Create, Target},
        driver::Found,
        handle::Handle,
        manager::{
            Manager, Place, is_live,
            outcome::{Asked, stopping},
        },
        planner::{self, Planned},
        registry::Creation,
    },
    vfs::{Change, Scope},
};

/// How long `create` waits for the port of the preview that it replaces.
const REPLACE_PATIENCE: Duration = Duration::from_secs(5);
/// How many requests are remembered that one preview was the answer to.
const REQUESTS_KEPT: usize = 1000;

impl Manager {
    /// Commits the files, if any, and returns the live preview of the branch and whether this call made it.
    ///
    /// # Errors
    /// `EmptyProject`, `StackNotFound`, `RequestIdReused`, `Exhausted`, `EngineUnavailable`, and those of a commit.
    ///
    /// # Cancel safety
    /// Not safe: the transport runs it in a task of its own.
    pub async fn create(&self, request: Create) -> Result<(Asked, bool), Error> {
        let registry = &self.inner.registry;
        let by_request = request.request_id.clone().map(|id| registry.creation(Creation::Request(id)));
        let by_branch = registry.creation(Creation::Branch(request.project.clone(), request.branch.clone()));
        let one_request = match &by_request {
            Some(lock) => Some(lock.lock().await),
            None => None,
        };
        let creating = by_branch.lock().await;
        if let Some(handle) = self.made_by(&request)? {
            drop((creating, one_request));
            return Ok((Asked::first(handle, request.wait), false));
        }
        if !*self.inner.available.borrow() {
            return Err(Error::EngineUnavailable("it has not been seen".into()));
        }
        let wait = request.wait;
        let committed = !request.files.is_empty();
        let target = Target::Branch(request.project.clone(), request.branch.clone());
        let live = registry.find(&target).filter(|handle| is_live(handle));
        // Before the commit: a call that is refused for lack of a port leaves none.
        let id = PreviewId::random();
        let place = match &live {
            None => Some(self.open(id.clone(), None).await?),
            Some(_) => None,
        };
        let head = self.commit_whole(&request).await?;
        // It may have ended while that was written.
        let live = live.filter(|handle| is_live(handle));
        let replaced = match live {
            Some(handle) if !request.replace => {
                self.note_request(&handle, request.request_id).await?;
                drop((creating, one_request));
                let asked = if committed { Asked::settled(handle, wait, 1, head) } else { Asked::first(handle, wait) };
                return Ok((asked, false));
            }
            live => live,
        };
        let (spec, planned) = self.plan(id, request, &head).await?;
        if let Some(handle) = replaced {
            self.end(&handle, EndReason::Deleted).await?;
            // Its port is free then. What else is left of it goes by itself.
            let _ = tokio::time::timeout(REPLACE_PATIENCE, stopping(&handle)).await;
        }
        let place = match place {
            Some(place) => place,
            None => self.open(spec.id.clone(), None).await?,
        };
        let handle = self.make(spec, planned, place).await?;
        drop((creating, one_request));
        Ok((Asked::settled(handle, wait, 1, head), true))
    }

    /// Returns what is to be made for a request. What cannot be run at all is the caller's mistake, and nothing is made
    /// for it; code that is only broken is an answer, and gets a preview in which the next commit mends it.
    async fn plan(
        &self,
        id: PreviewId,
        request: Create,
        head: &CommitId,
    ) -> Result<(PreviewSpec, Option<Planned>), Error> {
        let settings = &self.inner.core.settings;
        let now = SystemTime::now();
        let spec = PreviewSpec {
            id,
            project: request.project,
            branch: request.branch,
            request_ids: request.request_id.into_iter().collect(),
            overrides: request.overrides,
            wanted: (request.reload == ReloadMode::Manual).then(|| head.clone()),
            reload: request.reload,
            claims: Vec::new(),
            address: Address::default(),
            created_at: now,
            expires_at: now + request.time_to_live.unwrap_or(settings.expiry),
            idle_timeout: request.idle_timeout.unwrap_or(settings.idle_timeout),
            ended: None,
        };
        let mut planned = None;
        match planner::plan(&self.inner.core, &spec, head, &mut planned).await {
            Ok(_) | Err(Error::BadManifest { .. }) => Ok((spec, planned)),
            Err(error) => Err(error),
        }
    }

    async fn make(&self, spec: PreviewSpec, planned: Option<Planned>, place: Place) -> Result<Arc<Handle>, Error> {
        let plan = planned.as_ref().map(|planned| planned.plan.clone());
        let handle = self.drive_at(spec, place, Found::Containers(Vec::new()), planned).await?;
        let spec = handle.spec();
        if let Some(plan) = plan {
            let (limits, _) = self.inner.core.settings.bounds(&plan, &spec.overrides.limits);
            // The driver will say the same; whoever does not wait for it reads it here.
            handle.set_status(|status| {
                status.stack.get_or_insert(plan.stack);
                status.limits = limits;
                status.notes = plan.warnings("");
            });
        }
        handle.log.lifecycle(format!("created for {} at {}", spec.project, spec.branch));
        tracing::info!(preview = %spec.id, project = %spec.project, branch = %spec.branch, url = spec.address.url, "preview created");
        Ok(handle)
    }

    fn made_by(&self, request: &Create) -> Result<Option<Arc<Handle>>, Error> {
        let Some(id) = &request.request_id else { return Ok(None) };
        let Some(handle) = self.inner.registry.by_request(id) else { return Ok(None) };
        let spec = handle.spec();
        if spec.project != request.project || spec.branch != request.branch {
            return Err(Error::RequestIdReused(spec.id));
        }
        Ok(Some(handle))
    }

    /// Remembers that a live preview is the answer to a request, whatever happens to the preview later.
    async fn note_request(&self, handle: &Handle, request: Option<String>) -> Result<(), Error> {
        let Some(request) = request else { return Ok(()) };
        let (noted, mut forgotten) = (request.clone(), None);
        self.change_spec(handle, |spec| {
            spec.request_ids.push(noted);
            if spec.request_ids.len() > REQUESTS_KEPT {
                forgotten = Some(spec.request_ids.remove(1));
            }
        })
        .await?;
        self.inner.registry.note_request(request, forgotten.as_ref(), &handle.id);
        Ok(())
    }

    async fn commit_whole(&self, request: &Create) -> Result<CommitId, Error> {
        let vfs = self.vfs();
        if request.files.is_empty() {
            let head = vfs.head(&request.project, &request.branch).await?;
            return head.ok_or_else(|| Error::EmptyProject(request.project.clone(), request.branch.clone()));
        }
        let change = Change {
            scope: Scope::Whole,
            writes: request.files.clone(),
            deletes: Vec::new(),
            message: request.message.clone(),
            expected_head: None,
        };
        Ok(vfs.commit(&request.project, &request.branch, change).await?.commit)
    }
}
