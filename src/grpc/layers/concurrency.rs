//! How many calls are served at once. More are turned away at once rather than kept waiting.

use std::{collections::HashSet, sync::Arc};

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
use tonic::Code;

use crate::{grpc::status::with_reason, proto::preview::v1::FILE_DESCRIPTOR_SET};

/// The place that a call holds. Work that goes on when its caller is gone keeps it, so that it still counts.
#[derive(Debug, Clone)]
pub struct Slot(Arc<Held>);

/// What is given back when nobody has it any more.
#[derive(Debug)]
struct Held {
    _place: OwnedSemaphorePermit,
    /// What the call's request has of memory.
    weight: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Slot {
    pub(super) fn new(place: OwnedSemaphorePermit) -> Self {
        Self(Arc::new(Held { _place: place, weight: Mutex::default() }))
    }

    /// Holds what the call's request has of memory, too.
    pub fn weighs(&self, weight: OwnedSemaphorePermit) {
        *self.0.weight.lock() = Some(weight);
    }

    /// Gives that back: the request is not in memory any more.
    pub fn is_light(&self) {
        self.0.weight.lock().take();
    }
}

/// The places that there are: streams stay for hours, so they have places of their own.
#[derive(Debug, Clone)]
pub struct Slots {
    unary: Arc<Semaphore>,
    reserve: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    streaming: Arc<HashSet<String>>,
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
/// The share of the places for calls with one answer that there are beyond them for that, and at least how many.
const RESERVE_SHARE: usize = 8;
const MIN_RESERVE: usize = 8;

impl Slots {
    /// Returns so many places.
    pub fn new(unary: usize, streams: usize) -> Self {
        let streaming = own_streams().chain(FOREIGN_STREAMS.map(str::to_owned)).collect();
        Self {
            unary: Arc::new(Semaphore::new(unary)),
            reserve: Arc::new(Semaphore::new((unary / RESERVE_SHARE).max(MIN_RESERVE))),
            streams: Arc::new(Semaphore::new(streams)),
            streaming: Arc::new(streaming),
        }
    }

    /// Takes a place for a call, if there is one.
    fn take(&self, path: &str) -> Option<OwnedSemaphorePermit> {
        let places = if self.streaming.contains(path) { &self.streams } else { &self.unary };
        let place = Arc::clone(places).try_acquire_owned();
        if RESERVED.contains(&path) { place.or_else(|_| Arc::clone(&self.reserve).try_acquire_owned()) } else { place }
            .ok()
    }
}

/// Runs the call if there is a place for it, and keeps the place until the last of its answer is sent.
pub async fn limit(State(slots): State<Slots>, mut request: Request, next: Next) -> Response {
    if request.uri().path() == ALWAYS {
        return next.run(request).await;
    }
    let Some(permit) = slots.take(request.uri().path()) else {
        return with_reason(Code::ResourceExhausted, "TOO_MANY_CALLS", "too many calls are being served").into_http();
    };
    let slot = Slot::new(permit);
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

/// Returns the paths of our methods that answer with a stream, as the contract has them.
fn own_streams() -> impl Iterator<Item = String> {
    let files = prost_types::FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap_or_default().file;
    files.into_iter().flat_map(|file| {
        let package = file.package().to_owned();
        file.service.into_iter().flat_map(move |service| {
            let prefix = format!("/{package}.{}", service.name());
            let streams = service.method.into_iter().filter(|method| method.server_streaming());
            streams.map(move |method| format!("{prefix}/{}", method.name())).collect::<Vec<_>>()
        })
    })
}
