//! How much of large requests is in memory at once: beyond that they wait to be read, while small ones pass.

use std::{sync::Arc, time::Duration};

use async_stream::try_stream;
use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use futures_util::{Stream, TryStreamExt};
use tokio::{sync::Semaphore, time::timeout};
use tonic::{Code, Status};

use super::concurrency::Slot;
use crate::grpc::status::with_reason;

/// What all large requests may have in memory together, as they are sent.
const SUM_BYTES: usize = 128 * 1024 * 1024;
/// From which size on a request is large.
const LARGE_BYTES: usize = 256 * 1024;
/// The unit in which it is counted.
const UNIT_BYTES: usize = 1024;
/// How long one that is being read may stand still: others wait for it.
const STILL: Duration = Duration::from_secs(30);
/// The head of a message: a flag and its length, as of
/// <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>.
const HEAD_BYTES: usize = 5;

/// What there is for large requests.
#[derive(Debug, Clone)]
pub struct Weights(Arc<Semaphore>);

impl Default for Weights {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(SUM_BYTES / UNIT_BYTES)))
    }
}

/// Has a large request wait until there is room for it. It has the room for as long as its call holds its place.
pub async fn weigh(State(weights): State<Weights>, request: Request, next: Next) -> Response {
    let slot = request.extensions().get::<Slot>().cloned();
    next.run(request.map(|body| Body::from_stream(weighed(body, weights, slot)))).await
}

fn weighed(body: Body, weights: Weights, slot: Option<Slot>) -> impl Stream<Item = Result<Bytes, Status>> {
    try_stream! {
        let mut frames = body.into_data_stream().map_err(|error| Status::from_error(Box::new(error)));
        // A peer may send the head in pieces.
        let (mut head, mut weighed) = (Vec::with_capacity(HEAD_BYTES), false);
        while let Some(frame) = timeout(STILL, frames.try_next()).await.map_err(|_| still())?? {
            head.extend(frame.iter().take(HEAD_BYTES - head.len()));
            let length = length(&head);
            yield frame;
            if let Some(length) = length.filter(|length| !weighed && *length > LARGE_BYTES) {
                let units = u32::try_from(length.min(SUM_BYTES) / UNIT_BYTES).unwrap_or(u32::MAX);
                let room = weights.0.clone().acquire_many_owned(units).await.map_err(|_| still())?;
                if let Some(slot) = &slot {
                    slot.weighs(room);
                }
                weighed = true;
            }
        }
    }
}

/// Returns the length of the message that begins so, once its head is whole.
fn length(head: &[u8]) -> Option<usize> {
    let [_, length @ ..]: &[u8; HEAD_BYTES] = head.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(*length)).ok()
}

fn still() -> Status {
    with_reason(Code::DeadlineExceeded, "REQUEST_STOOD_STILL", "the rest of the request did not come")
}
