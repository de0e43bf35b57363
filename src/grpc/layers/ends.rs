//! How a call ends other than by its answer: at the caller's deadline, by a panic, or with the service.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use crate::grpc::status::with_reason;

/// How long a call may go on when the service shuts down: streams say goodbye, and answers that are near are given.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);
const TIMEOUT_HEADER: &str = "grpc-timeout";

/// Runs the call, its answer's body included, until it is done, panics, or must end.
///
/// What a handler has spawned goes on.
pub async fn guard(State(shutdown): State<CancellationToken>, request: Request, next: Next) -> Response {
    let mut end = end_of_call(timeout(request.headers()), shutdown).boxed();
    let outcome = tokio::select! {
        biased;
        outcome = AssertUnwindSafe(next.run(request)).catch_unwind() => outcome.unwrap_or_else(|_| panicked().into_http()),
        status = &mut end => status.into_http(),
    };
    outcome.map(|inner| Body::new(GuardedBody { inner, end, done: false }))
}

/// Returns the status with which the call has to end, once it has to.
async fn end_of_call(timeout: Option<Duration>, shutdown: CancellationToken) -> Status {
    let deadline = async {
        match timeout {
            Some(timeout) => tokio::time::sleep(timeout).await,
            None => std::future::pending().await,
        }
    };
    let stop = async {
        shutdown.cancelled().await;
        tokio::time::sleep(SHUTDOWN_GRACE).await;
    };
    tokio::select! {
        () = deadline => {
            with_reason(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", "the deadline passed; what was begun goes on")
        }
        () = stop => with_reason(Code::Unavailable, "SHUTTING_DOWN", "the service is shutting down"),
    }
}

/// Returns the status of a call that panicked. The panic itself is logged where it happens.
fn panicked() -> Status {
    with_reason(Code::Internal, "INTERNAL", "failed to answer")
}

/// The body of an answer, ended early where it must be.
struct GuardedBody {
    inner: Body,
    end: BoxFuture<'static, Status>,
    done: bool,
}

impl http_body::Body for GuardedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.done {
            return Poll::Ready(None);
        }
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(&mut self.inner).poll_frame(cx)));
        let status = match polled {
            Ok(ready @ Poll::Ready(_)) => return ready,
            Ok(Poll::Pending) => match self.end.poll_unpin(cx) {
                Poll::Ready(status) => status,
                Poll::Pending => return Poll::Pending,
            },
            Err(_) => panicked(),
        };
        self.done = true;
        self.inner = Body::empty();
        let mut trailers = HeaderMap::new();
        match status.add_header(&mut trailers) {
            Ok(()) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            Err(status) => Poll::Ready(Some(Err(axum::Error::new(status)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.done || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.done { SizeHint::with_exact(0) } else { self.inner.size_hint() }
    }
}

/// Returns the caller's deadline, counted from now. One that cannot be read is none, as everywhere with tonic.
fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(TIMEOUT_HEADER)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_as_the_protocol_writes_them() {
        let table = [
            ("5S", Some(Duration::from_secs(5))),
            ("100m", Some(Duration::from_millis(100))),
            ("99999999H", Some(Duration::from_secs(99_999_999 * 3600))),
            ("7u", Some(Duration::from_micros(7))),
            ("7n", Some(Duration::from_nanos(7))),
            ("2M", Some(Duration::from_secs(120))),
            ("123456789S", None),
            ("-1S", None),
            ("S", None),
            ("", None),
            ("5", None),
            ("5x", None),
            ("5é", None),
        ];
        for (text, expected) in table {
            let mut headers = HeaderMap::new();
            headers.insert(TIMEOUT_HEADER, http::HeaderValue::from_bytes(text.as_bytes()).unwrap());
            assert_eq!(timeout(&headers), expected, "{text:?}");
        }
    }
}
