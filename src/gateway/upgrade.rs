//! WebSockets, and whatever else a connection is upgraded to: bytes, copied both ways untouched.

use std::{future::Future, io, time::Duration};

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    sync::{OwnedSemaphorePermit, watch},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{domain::decide::SiteState, preview::face::route::RequestGuard};

/// How long one direction may go on after the other has ended.
const LINGER: Duration = Duration::from_secs(10);

/// An upgraded connection, both halves still to come: each is there when its 101 has been read or written.
pub(super) struct Tunnel {
    pub(super) client: OnUpgrade,
    pub(super) upstream: OnUpgrade,
    /// Counts as use of the preview while it is open.
    pub(super) guard: RequestGuard,
    /// Its place among the connections of its listener.
    pub(super) permit: std::sync::Arc<OwnedSemaphorePermit>,
    pub(super) state: watch::Receiver<SiteState>,
    pub(super) token: CancellationToken,
}

impl Tunnel {
    /// Copies until both sides have ended, the preview ends, or its site is closed.
    pub(super) async fn run(self) {
        let Self { client, upstream, guard, permit, mut state, token } = self;
        let guard = guard.into_long_lived();
        tokio::select! {
            () = token.cancelled() => {}
            _ = state.wait_for(|state| matches!(state, SiteState::Gone)) => {}
            result = join(client, upstream) => {
                if let Err(error) = result {
                    tracing::debug!(%error, "an upgraded connection broke");
                }
            }
        }
        drop((guard, permit));
    }
}

async fn join(client: OnUpgrade, upstream: OnUpgrade) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (client, upstream) = tokio::try_join!(client, upstream)?;
    let (from_client, to_client) = tokio::io::split(TokioIo::new(client));
    let (from_upstream, to_upstream) = tokio::io::split(TokioIo::new(upstream));
    let up = copy(from_client, to_upstream);
    let down = copy(from_upstream, to_client);
    tokio::pin!(up, down);
    tokio::select! {
        result = &mut up => { result?; finish(down).await?; }
        result = &mut down => { result?; finish(up).await?; }
    }
    Ok(())
}

async fn copy(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> io::Result<()> {
    tokio::io::copy(&mut from, &mut to).await?;
    to.shutdown().await
}

/// A side that has ended has mostly gone; the other would stay open for ever if its app did not care.
async fn finish(rest: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    timeout(LINGER, rest).await.unwrap_or(Ok(()))
}
