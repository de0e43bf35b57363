//! What the core tells the gateway of one preview, and what the gateway tells the core.
//!
//! The state follows from the preview's status, which its driver writes; the gateway only reads it, and counts. The two meet in no lock: a request
//! is counted before it reads the state, so that after a hold has been set, [`Route::drained`] sees every request that
//! may still be on its way to the old process.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use tokio::sync::{Notify, watch};

use crate::domain::{address::Address, decide::SiteState, ids::PreviewId};

/// The state and the counters of one preview, shared by its driver and the gateway.
#[derive(Debug)]
pub struct Route {
    /// The preview.
    pub preview: PreviewId,
    state: watch::Sender<SiteState>,
    in_flight: AtomicUsize,
    idle: Notify,
    held: AtomicUsize,
    admitted: Notify,
    long_lived: AtomicUsize,
    last_used_millis: AtomicU64,
    doubt: Notify,
    deaths: AtomicU64,
}

impl Route {
    /// Returns a route that holds, used now.
    pub fn new(preview: PreviewId) -> Arc<Self> {
        let (state, _) = watch::channel(SiteState::Hold);
        Arc::new(Self {
            preview,
            state,
            in_flight: AtomicUsize::new(0),
            idle: Notify::new(),
            held: AtomicUsize::new(0),
            admitted: Notify::new(),
            long_lived: AtomicUsize::new(0),
            last_used_millis: AtomicU64::new(millis(SystemTime::now())),
            doubt: Notify::new(),
            deaths: AtomicU64::new(0),
        })
    }

    /// Sets what the gateway does from now on. For what the status is changed by alone, from which it follows.
    pub fn set(&self, state: SiteState) {
        self.state.send_if_modified(|present| {
            let differs = *present != state;
            *present = state;
            differs
        });
    }

    /// Counts an end of the app by itself. For the driver alone, before it says so.
    pub fn note_death(&self) {
        self.deaths.fetch_add(1, Ordering::SeqCst);
    }

    /// Counts how often the app has ended by itself: perhaps of a request that was on its way.
    pub fn deaths(&self) -> u64 {
        self.deaths.load(Ordering::SeqCst)
    }

    /// Returns what the gateway does, and follows it.
    pub fn state(&self) -> watch::Receiver<SiteState> {
        self.state.subscribe()
    }

    /// Counts a request as on its way, until the guard is dropped: the whole answer has been passed on, or the request
    /// has become long-lived.
    pub fn begin(self: &Arc<Self>) -> RequestGuard {
        self.touch();
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        RequestGuard { route: self.clone(), long_lived: false }
    }

    /// Counts a request as waiting, until the guard is dropped: it has begun, or was given up.
    pub fn hold(self: &Arc<Self>) -> HeldGuard {
        self.held.fetch_add(1, Ordering::SeqCst);
        HeldGuard { route: self.clone() }
    }

    /// Returns when no short request is on its way any more, or the time has passed; says which.
    pub async fn drained(&self, within: Duration) -> bool {
        none_left(&self.in_flight, &self.idle, within).await
    }

    /// Returns when no request is waiting any more, or the time has passed; says which. Called before the next hold, so
    /// that requests get their turn between two commits however fast commits come.
    pub async fn admitted(&self, within: Duration) -> bool {
        none_left(&self.held, &self.admitted, within).await
    }

    /// Notes that the preview was used now.
    pub fn touch(&self) {
        self.touch_at(SystemTime::now());
    }

    /// Notes that the preview was used at that time, unless it was used later.
    pub fn touch_at(&self, time: SystemTime) {
        self.last_used_millis.fetch_max(millis(time), Ordering::Relaxed);
    }

    /// Returns when the preview was last used. While a WebSocket, an event stream or a request is open, that is now.
    pub fn last_used(&self) -> SystemTime {
        if self.long_lived.load(Ordering::Relaxed) > 0 || self.in_flight.load(Ordering::Relaxed) > 0 {
            self.touch();
        }
        UNIX_EPOCH + Duration::from_millis(self.last_used_millis.load(Ordering::Relaxed))
    }

    /// Asks the driver to look after the container: a request has met one that is frozen, or that cannot be reached.
    pub fn doubt(&self) {
        self.doubt.notify_one();
    }

    /// Returns when somebody has asked for the container to be looked after. For the driver alone.
    pub async fn doubted(&self) {
        self.doubt.notified().await;
    }
}

/// One request that waits for an app.
#[derive(Debug)]
pub struct HeldGuard {
    route: Arc<Route>,
}

impl Drop for HeldGuard {
    fn drop(&mut self) {
        if self.route.held.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.route.admitted.notify_waiters();
        }
    }
}

/// One request that is on its way.
#[derive(Debug)]
pub struct RequestGuard {
    route: Arc<Route>,
    long_lived: bool,
}

impl RequestGuard {
    /// Says that this is a WebSocket or an event stream, which no drain waits for, and which counts as use while open.
    pub fn into_long_lived(mut self) -> Self {
        if !self.long_lived {
            self.long_lived = true;
            self.route.long_lived.fetch_add(1, Ordering::SeqCst);
            self.route.leave();
        }
        self
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.route.touch();
        if self.long_lived {
            self.route.long_lived.fetch_sub(1, Ordering::SeqCst);
        } else {
            self.route.leave();
        }
    }
}

impl Route {
    fn leave(&self) {
        if self.in_flight.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.idle.notify_waiters();
        }
    }
}

/// Why the gateway could not open a site.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// Every port of the range is held by us or by somebody else.
    #[error("no port is free from {first} to {last}")]
    NoPortFree {
        /// The first port of the range.
        first: u16,
        /// The last port of the range.
        last: u16,
    },
    /// The port of an earlier life of the preview is held by somebody else.
    #[error("port {0} is held by another program")]
    PortTaken(u16),
    /// The operating system refused.
    #[error("failed to listen")]
    Listen(#[source] std::io::Error),
}

/// An open site; dropping it ends the requests that go through it, and frees its address.
pub trait OpenSite: Send + Sync {
    /// Returns where it is reached.
    fn address(&self) -> &Address;
}

/// Whose page an origin is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageOf {
    /// This preview's.
    Preview(PreviewId),
    /// That of a preview that is no more, or of none yet.
    Nobody,
    /// Not one of ours.
    Others,
}

/// Where previews are reached. Implemented by the gateway, and called by the core when a preview begins and ends.
#[async_trait]
pub trait Gateway: Send + Sync + 'static {
    /// Opens a site for a preview: where it was `before` if that is given, else where there is room.
    async fn open(&self, route: Arc<Route>, before: Option<&Address>) -> Result<Box<dyn OpenSite>, GatewayError>;

    /// Returns whose pages come from a host and port. Whether the host leads here, the caller knows.
    fn page_of(&self, host: &str, port: u16) -> PageOf;
}

/// Returns when a counter is at zero, or the time has passed; says which.
async fn none_left(counter: &AtomicUsize, zero: &Notify, within: Duration) -> bool {
    let wait = async {
        loop {
            let notified = zero.notified();
            tokio::pin!(notified);
            // Registered before the look, so that no notice falls between.
            notified.as_mut().enable();
            if counter.load(Ordering::SeqCst) == 0 {
                return;
            }
            notified.await;
        }
    };
    tokio::time::timeout(within, wait).await.is_ok()
}

fn millis(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis().try_into().unwrap_or(u64::MAX))
}
