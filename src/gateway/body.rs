//! Bodies of answers, passed on frame by frame and never gathered.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use parking_lot::Mutex;
use tokio::task::JoinHandle;

use super::{site::Site, upstream::Connection};
use crate::preview::face::route::RequestGuard;

/// A body up to this size is taken to be passed on at once, in bytes.
const SHORT_BYTES: u64 = 64 * 1024;

/// The body of an answer on its way to the client.
pub(super) enum ResponseBody {
    /// One of the gateway's own pages, or nothing.
    Page(Option<Bytes>),
    /// What the app sends, as it sends it.
    Upstream(Box<Passed>),
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Page(page) => Poll::Ready(page.take().map(|page| Ok(Frame::data(page)))),
            Self::Upstream(body) => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Page(page) => page.is_none(),
            Self::Upstream(body) => body.inner.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Page(page) => SizeHint::with_exact(page.as_ref().map_or(0, |page| page.len() as u64)),
            Self::Upstream(body) => body.inner.size_hint(),
        }
    }
}

/// An answer's body that counts its request until it has ended, and then gives the connection back.
pub(super) struct Passed {
    inner: Incoming,
    /// The guard of the request, until it is watched.
    guard: Option<RequestGuard>,
    watched: Option<Watched>,
    connection: Option<Connection>,
    site: Arc<Site>,
}

impl Passed {
    pub(super) fn new(inner: Incoming, guard: RequestGuard, connection: Connection, site: Arc<Site>) -> Self {
        let mut passed = Self { inner, guard: Some(guard), watched: None, connection: Some(connection), site };
        if passed.inner.is_end_stream() {
            passed.finish();
        } else if passed.inner.size_hint().upper().is_none_or(|bytes| bytes > SHORT_BYTES) {
            passed.watch();
        }
        passed
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) else {
            self.watch();
            return Poll::Pending;
        };
        match &frame {
            None => self.finish(),
            Some(Err(error)) => {
                tracing::debug!(preview = %self.site.route.preview, %error, "an answer broke midway");
                self.connection = None;
                self.finish();
            }
            Some(Ok(_)) if self.inner.is_end_stream() => self.finish(),
            Some(Ok(_)) => {}
        }
        Poll::Ready(frame)
    }

    fn watch(&mut self) {
        if let Some(guard) = self.guard.take() {
            self.watched = Some(Watched::new(guard, &self.site));
        }
    }

    fn finish(&mut self) {
        drop((self.guard.take(), self.watched.take()));
        if let Some(connection) = self.connection.take() {
            connection.give_back(&self.site.pool);
        }
    }
}

/// A guard that a timer makes long-lived, even while nobody polls the body because the client does not read.
struct Watched {
    guard: Arc<Mutex<Option<RequestGuard>>>,
    timer: JoinHandle<()>,
}

impl Watched {
    fn new(guard: RequestGuard, site: &Site) -> Self {
        let guard = Arc::new(Mutex::new(Some(guard)));
        let timer = site.tasks.spawn(make_long_lived(guard.clone(), site.options.long_lived_after));
        Self { guard, timer }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.timer.abort();
        drop(self.guard.lock().take());
    }
}

async fn make_long_lived(guard: Arc<Mutex<Option<RequestGuard>>>, after: Duration) {
    tokio::time::sleep(after).await;
    let mut guard = guard.lock();
    *guard = guard.take().map(RequestGuard::into_long_lived);
}
