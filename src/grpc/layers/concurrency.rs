//! How many calls are served at once. More are turned away at once rather than kept waiting.

use std::{collections::HashSet, net::IpAddr, sync::Arc};

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http_body_util::BodyExt;
use parking_lot::Mutex;
use prost::Message;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::{Code, Status};

use super::{
    shares::{Share, Shares, Whose},
    trace::Caller,
};
use crate::{
    domain::ids::{BranchName, ProjectId},
    grpc::status::with_reason,
    proto::preview::v1::FILE_DESCRIPTOR_SET,
};

/// The place that a call holds. Work that goes on when its caller is gone keeps it, so that it still counts.
#[derive(Debug, Clone)]
pub struct Slot(Arc<Held>);

/// What is given back when nobody has it any more.
#[derive(Debug)]
struct Held {
    _place: OwnedSemaphorePermit,
    _of_caller: Option<Share>,
    of_branch: Mutex<Option<Share>>,
    /// What the call's request has of memory.
    weight: Mutex<Option<OwnedSemaphorePermit>>,
    shares: Arc<Shares>,
    /// How many places a preview may have for this call to be one of them. It is known only when the call has been read.
    most: Option<usize>,
}

impl Slot {
    /// Holds what the call's request has of memory, too.
    pub fn weighs(&self, weight: OwnedSemaphorePermit) {
        *self.0.weight.lock() = Some(weight);
    }

    /// Gives that back: the request is not in memory any more.
    pub fn is_light(&self) {
        self.0.weight.lock().take();
    }

    /// Says which preview the place is for, if it may have it.
    ///
    /// # Errors
    /// When the place is one of those that are kept for other previews.
    pub fn is_for(&self, project: &ProjectId, branch: &BranchName) -> Result<(), Status> {
        let (share, theirs) = self.0.shares.take(Whose::Branch(project.clone(), branch.clone()));
        if self.0.most.is_some_and(|most| theirs > most) {
            let message = format!("too many calls for {branch} of {project} are being served");
            return Err(with_reason(Code::ResourceExhausted, "TOO_MANY_CALLS", message));
        }
        *self.0.of_branch.lock() = Some(share);
        Ok(())
    }
}

/// The places that there are: streams stay for hours, so they have places of their own.
#[derive(Debug, Clone)]
pub struct Slots {
    unary: Arc<Semaphore>,
    reserve: Arc<Semaphore>,
    quiet_callers: Arc<Semaphore>,
    quiet_previews: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    streaming: Arc<HashSet<String>>,
    shares: Arc<Shares>,
    /// The most places that one has who is quiet.
    quiet: usize,
}

/// Methods of other people's services that answer with a stream.
const FOREIGN_STREAMS: [&str; 3] = [
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];
/// What is always answered, so that a busy service does not look like a dead one.
const ALWAYS: &str = "/grpc.health.v1.Health/Check";
/// What there is a place for beyond the others, so that whoever sees that too much is asked for can look, and end it.
const RESERVED: [&str; 3] =
    ["/preview.v1.PreviewService/Get", "/preview.v1.PreviewService/List", "/preview.v1.PreviewService/Delete"];
/// What is work for one preview, and says for which.
const WORK: [&str; 5] = [
    "/preview.v1.PreviewService/Create",
    "/preview.v1.PreviewService/Update",
    "/preview.v1.VfsService/Commit",
    "/preview.v1.VfsService/CreateBranch",
    "/preview.v1.VfsService/Rollback",
];
/// The share of the places for calls with one answer that there are beyond them for looking and ending, and at least how
/// many; and as many again each for callers and for previews that have few, so that nobody keeps all others out.
const BEYOND_SHARE: usize = 8;
const MIN_RESERVE: usize = 8;
/// The share that those who have few have at most.
const QUIET_SHARE: usize = 2 * BEYOND_SHARE;

impl Slots {
    /// Returns so many places.
    pub fn new(unary: usize, streams: usize) -> Self {
        let streaming = own_streams().chain(FOREIGN_STREAMS.map(str::to_owned)).collect();
        let places = |count| Arc::new(Semaphore::new(count));
        let beyond = unary / BEYOND_SHARE;
        Self {
            unary: places(unary),
            reserve: places(beyond.max(MIN_RESERVE)),
            quiet_callers: places(beyond),
            quiet_previews: places(beyond),
            streams: places(streams),
            streaming: Arc::new(streaming),
            shares: Arc::default(),
            quiet: (unary / QUIET_SHARE).max(1),
        }
    }

    /// Takes a place for a call, if there is one.
    pub(super) fn take(&self, path: &str, caller: Option<IpAddr>) -> Option<Slot> {
        let held = |place, of_caller, most| {
            let shares = self.shares.clone();
            let (of_branch, weight) = <(Mutex<_>, Mutex<_>)>::default();
            Slot(Arc::new(Held { _place: place, _of_caller: of_caller, of_branch, weight, shares, most }))
        };
        if self.streaming.contains(path) {
            return Some(held(self.streams.clone().try_acquire_owned().ok()?, None, None));
        }
        let (of_caller, theirs) = caller.map(|caller| self.shares.take(Whose::Caller(caller))).unzip();
        let quiet = theirs.is_some_and(|theirs| theirs <= self.quiet);
        let pools = [
            (true, &self.unary, None),
            (RESERVED.contains(&path), &self.reserve, None),
            (quiet, &self.quiet_callers, None),
            (WORK.contains(&path), &self.quiet_previews, Some(self.quiet)),
        ];
        let (place, most) = pools
            .into_iter()
            .filter(|(may, ..)| *may)
            .find_map(|(_, pool, most)| Some((pool.clone().try_acquire_owned().ok()?, most)))?;
        Some(held(place, of_caller, most))
    }
}

/// Runs the call if there is a place for it, and keeps the place until the last of its answer is sent.
pub async fn limit(State(slots): State<Slots>, mut request: Request, next: Next) -> Response {
    if request.uri().path() == ALWAYS {
        return next.run(request).await;
    }
    let caller = request.extensions().get::<Caller>().map(|Caller(address)| address.ip().to_canonical());
    let Some(slot) = slots.take(request.uri().path(), caller) else {
        return with_reason(Code::ResourceExhausted, "TOO_MANY_CALLS", "too many calls are being served").into_http();
    };
    request.extensions_mut().insert(slot.clone());
    let answer = next.run(request).await;
    // What follows, for hours where it is a stream, is the answer.
    slot.is_light();
    answer.map(|body| {
        Body::new(body.map_frame(move |frame| {
            let _held = &slot;
            frame
        }))
    })
}

/// Returns the paths of our methods that answer with a stream.
fn own_streams() -> impl Iterator<Item = String> {
    methods().filter_map(|(path, streams)| streams.then_some(path))
}

/// Returns the paths of our methods, and whether they answer with a stream, as the contract has them.
fn methods() -> impl Iterator<Item = (String, bool)> {
    let files = prost_types::FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap_or_default().file;
    files.into_iter().flat_map(|file| {
        let package = file.package().to_owned();
        file.service.into_iter().flat_map(move |service| {
            let prefix = format!("/{package}.{}", service.name());
            service
                .method
                .into_iter()
                .map(move |method| (format!("{prefix}/{}", method.name()), method.server_streaming()))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const UPDATE: &str = WORK[1];

    fn from(last: u8) -> Option<IpAddr> {
        Some([10, 0, 0, last].into())
    }

    fn is_for(slot: &Slot, project: &str) -> Result<(), Status> {
        slot.is_for(&project.parse().unwrap(), &"main".parse().unwrap())
    }

    #[test]
    fn nobody_keeps_all_others_out() {
        let slots = Slots::new(32, 1);
        let all: Vec<_> = (0..32).map(|_| slots.take(UPDATE, from(1)).unwrap()).collect();
        all.iter().for_each(|slot| is_for(slot, "noisy").unwrap());

        let more = slots.take(UPDATE, from(1)).unwrap();
        let refused = is_for(&more, "noisy").unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        assert!(refused.message().contains("main of noisy"), "{refused}");
        drop(more);
        let others: Vec<_> = (0..4).map(|_| slots.take(UPDATE, from(1)).unwrap()).collect();
        is_for(&others[0], "other").unwrap();
        is_for(&others[1], "other").unwrap();
        is_for(&others[2], "other").unwrap_err();
        is_for(&others[3], "third").unwrap();
        assert!(slots.take(UPDATE, from(1)).is_none());

        let list = "/preview.v1.VfsService/ListFiles";
        assert!(slots.take(list, from(1)).is_none(), "it has many");
        let quiet = [slots.take(list, from(2)).unwrap(), slots.take(list, from(2)).unwrap()];
        assert!(slots.take(list, from(2)).is_none(), "it has as many as one has who is quiet");
        drop((all, others, quiet));
        assert!(slots.take(list, from(1)).is_some());
    }

    #[test]
    fn what_is_work_for_a_preview_is_in_the_contract() {
        let methods: Vec<String> = methods().map(|(path, _)| path).collect();
        for path in WORK.iter().chain(&RESERVED) {
            assert!(methods.iter().any(|method| method == path), "{path}");
        }
    }
}
