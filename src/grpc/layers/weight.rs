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
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout, timeout_at},
};
use tonic::{Code, Status};

use super::concurrency::Slot;
use crate::grpc::status::with_reason;

/// What all large requests may have in memory together, as they are sent.
const SUM_BYTES: usize = 128 * 1024 * 1024;
/// From which size on a request is large.
const LARGE_BYTES: usize = 256 * 1024;
/// The unit in which it is counted.
const UNIT_BYTES: usize = 1024;
/// How long a large one waits for room, and then may take to come: others wait for it.
const PATIENCE: Duration = Duration::from_secs(60);
const COMES_WITHIN: Duration = Duration::from_secs(180);
/// The head of a message: a flag and its length, as of
/// <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>.
const HEAD_BYTES: usize = 5;
/// The services of which each call has one message.
const ONE_MESSAGE: &str = "/preview.v1.";

/// What there is for large requests.
#[derive(Debug, Clone)]
pub struct Weights(Arc<Semaphore>);

impl Default for Weights {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(SUM_BYTES / UNIT_BYTES)))
    }
}

/// Has a large request wait until there is room for it. It has the room for as long as it is in memory.
pub async fn weigh(State(weights): State<Weights>, request: Request, next: Next) -> Response {
    if !request.uri().path().starts_with(ONE_MESSAGE) {
        return next.run(request).await;
    }
    let slot = request.extensions().get::<Slot>().cloned();
    next.run(request.map(|body| Body::from_stream(weighed(body.into_data_stream(), weights, slot)))).await
}

fn weighed<E: std::error::Error + Send + Sync + 'static>(
    frames: impl Stream<Item = Result<Bytes, E>> + Unpin,
    weights: Weights,
    slot: Option<Slot>,
) -> impl Stream<Item = Result<Bytes, Status>> {
    try_stream! {
        let mut frames = frames.map_err(|error| Status::from_error(Box::new(error)));
        // A peer may send the head in pieces.
        let (mut head, mut came) = (Vec::with_capacity(HEAD_BYTES), 0);
        let (mut announced, mut until) = (None, None);
        loop {
            let next = match until {
                Some(until) => timeout_at(until, frames.try_next()).await.map_err(|_| late())?,
                None => frames.try_next().await,
            };
            let Some(frame) = next? else { break };
            head.extend(frame.iter().take(HEAD_BYTES - head.len()));
            came += frame.len();
            if announced.is_none() {
                announced = length(&head);
                if let Some(length) = announced.filter(|length| *length > LARGE_BYTES) {
                    let room = weights.room(length).await?;
                    if let Some(slot) = &slot {
                        slot.weighs(room);
                    }
                    until = Some(Instant::now() + COMES_WITHIN);
                }
            }
            if announced.is_some_and(|length| came > length + HEAD_BYTES) {
                Err(Status::invalid_argument("the call has more than one message"))?;
            }
            yield frame;
        }
    }
}

impl Weights {
    async fn room(&self, length: usize) -> Result<OwnedSemaphorePermit, Status> {
        let units = u32::try_from(length.min(SUM_BYTES) / UNIT_BYTES).unwrap_or(u32::MAX);
        let room = timeout(PATIENCE, self.0.clone().acquire_many_owned(units)).await.ok().and_then(Result::ok);
        let message = "too many large requests are being read";
        room.ok_or_else(|| with_reason(Code::ResourceExhausted, "TOO_MANY_CALLS", message))
    }
}

/// Returns the length of the message that begins so, once its head is whole.
fn length(head: &[u8]) -> Option<usize> {
    let [_, length @ ..]: &[u8; HEAD_BYTES] = head.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(*length)).ok()
}

fn late() -> Status {
    let message = format!("the request did not come within {} s", COMES_WITHIN.as_secs());
    with_reason(Code::DeadlineExceeded, "REQUEST_TOO_SLOW", message)
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, task::Poll};

    use futures_util::{StreamExt, poll, stream};

    use super::{super::concurrency::Slots, *};

    fn message(length: usize) -> Vec<u8> {
        let mut message = vec![0];
        message.extend(u32::try_from(length).unwrap().to_be_bytes());
        message.resize(HEAD_BYTES + length, 7);
        message
    }

    fn sent(message: &[u8], pieces: &[usize]) -> impl Stream<Item = Result<Bytes, Infallible>> + Unpin + use<> {
        let (mut rest, mut frames) = (message, Vec::new());
        for piece in pieces {
            let (frame, left) = rest.split_at(*piece);
            frames.push(Ok(Bytes::copy_from_slice(frame)));
            rest = left;
        }
        frames.push(Ok(Bytes::copy_from_slice(rest)));
        stream::iter(frames)
    }

    fn few() -> Weights {
        Weights(Arc::new(Semaphore::new(1024)))
    }

    fn slot() -> Slot {
        Slots::new(1, 1).take("/preview.v1.VfsService/Commit", None).unwrap()
    }

    async fn read(stream: impl Stream<Item = Result<Bytes, Status>>) -> Result<usize, Status> {
        stream.try_fold(0, |sum, frame| async move { Ok(sum + frame.len()) }).await
    }

    #[tokio::test]
    async fn a_large_request_has_its_room_until_it_is_light() {
        let (weights, slot, large) = (few(), slot(), message(600 * 1024));
        let frames = sent(&large, &[2, 2, 1, 1000]);
        assert_eq!(read(weighed(frames, weights.clone(), Some(slot.clone()))).await.unwrap(), large.len());
        assert_eq!(weights.0.available_permits(), 424);
        let mut second = Box::pin(weighed(sent(&large, &[]), weights.clone(), Some(slot.clone())));
        assert!(matches!(poll!(second.next()), Poll::Pending), "there is no room");
        let small = message(100 * 1024);
        assert_eq!(read(weighed(sent(&small, &[1]), weights.clone(), None)).await.unwrap(), small.len());
        slot.is_light();
        assert_eq!(read(second).await.unwrap(), large.len());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_or_sends_too_long_is_told() {
        let (weights, large) = (few(), message(600 * 1024));
        let held = weights.0.clone().acquire_many_owned(1000).await.unwrap();
        let status = read(weighed(sent(&large, &[]), weights.clone(), None)).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted);
        drop(held);
        let stalls = sent(&large, &[10]).take(1).chain(stream::pending());
        let status = read(weighed(stalls, weights.clone(), None)).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded);
        assert_eq!(weights.0.available_permits(), 1024, "what it had is given back");
    }

    #[tokio::test]
    async fn a_second_message_is_refused() {
        let mut two = message(10);
        two.extend(message(600 * 1024));
        for pieces in [&[][..], &[15], &[15, 3]] {
            let status = read(weighed(sent(&two, pieces), few(), None)).await.unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument, "{pieces:?}");
        }
    }
}
