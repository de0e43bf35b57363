//! Bodies of requests, passed on frame by frame and never gathered.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use parking_lot::Mutex;
use tokio::time::{Instant, Sleep, sleep};

/// Why the body of a request was not passed on to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    /// It is not as HTTP says, or the client went away.
    #[error(transparent)]
    Client(#[from] hyper::Error),
    /// The client sends nothing any more.
    #[error("nothing more of its body came for {} s", .0.as_secs_f64())]
    Still(Duration),
}

/// The body of a request on its way to the app.
#[derive(Debug)]
pub(super) enum RequestBody {
    /// There is none.
    Empty,
    /// What the client sends, as it sends it.
    Client(Box<Upload>),
}

/// What a client sends.
#[derive(Debug)]
pub(super) struct Upload {
    body: Incoming,
    moved: Moved,
    /// How long nothing may come.
    within: Duration,
    /// Runs while the client is waited for.
    still: Option<Pin<Box<Sleep>>>,
}

/// When the body of a request has last come further, and whether its client is what is waited for.
#[derive(Debug, Clone)]
pub(super) struct Moved(Arc<Mutex<(Instant, bool)>>);

impl Moved {
    pub(super) fn now() -> Self {
        Self(Arc::new(Mutex::new((Instant::now(), false))))
    }

    /// Returns since when the app is what is waited for: now, if that is the client.
    pub(super) fn is_awaited_since(&self) -> Instant {
        let (at, client_is_awaited) = *self.0.lock();
        if client_is_awaited { Instant::now() } else { at }
    }
}

impl RequestBody {
    /// Returns the body of a request, which may stand still for so long. When it comes further is noted.
    pub(super) fn new(body: Incoming, moved: Moved, within: Duration) -> Self {
        if body.is_end_stream() {
            return Self::Empty;
        }
        Self::Client(Box::new(Upload { body, moved, within, still: None }))
    }
}

impl Upload {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                self.still = None;
                *self.moved.0.lock() = (Instant::now(), false);
                Poll::Ready(frame.map(|frame| frame.map_err(BodyError::Client)))
            }
            Poll::Pending => {
                self.moved.0.lock().1 = true;
                let still = self.still.get_or_insert_with(|| Box::pin(sleep(self.within)));
                still.as_mut().poll(cx).map(|()| Some(Err(BodyError::Still(self.within))))
            }
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Client(upload) => upload.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Client(upload) => upload.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Client(upload) => upload.body.size_hint(),
        }
    }
}
