//! What the gateway knows of one preview, whatever socket its requests come in by.

use std::{sync::Arc, time::Duration};

use http::HeaderValue;
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{options::GatewayOptions, upstream::Pool};
use crate::preview::face::route::Route;

/// How often connections to the app that nobody uses are looked for.
const SWEEP: Duration = Duration::from_secs(5);

/// One preview's site.
pub(super) struct Site {
    /// What the gateway does with its requests, and their counters.
    pub(super) route: Arc<Route>,
    pub(super) options: Arc<GatewayOptions>,
    /// Connections to its app.
    pub(super) pool: Arc<Pool>,
    /// Cancelled when the site is closed.
    pub(super) token: CancellationToken,
    /// What goes on beside requests: it ends soon after the token is cancelled.
    pub(super) tasks: TaskTracker,
    /// Places for requests that wait.
    pub(super) held: Semaphore,
    /// Its name in answers.
    pub(super) preview: HeaderValue,
}

impl Site {
    /// Returns the site of a preview, which keeps its own house until the token is cancelled.
    pub(super) fn open(
        route: Arc<Route>,
        options: Arc<GatewayOptions>,
        token: CancellationToken,
        tasks: TaskTracker,
    ) -> Arc<Self> {
        let held = Semaphore::new(options.held);
        // An id has only letters and digits.
        let preview = HeaderValue::from_str(route.preview.as_str()).unwrap_or(HeaderValue::from_static("-"));
        let pool = Pool::new(tasks.clone());
        let site = Arc::new(Self { route, options, pool, token, tasks, held, preview });
        site.tasks.spawn(site.clone().keep_house());
        site
    }

    /// Closes the connections to the app that are of no more use.
    async fn keep_house(self: Arc<Self>) {
        let mut sweep = tokio::time::interval(SWEEP);
        let mut state = self.route.state();
        loop {
            tokio::select! {
                () = self.token.cancelled() => break,
                _ = sweep.tick() => {}
                Ok(()) = state.changed() => {}
            }
            self.pool.expire();
        }
        self.pool.clear();
    }
}
