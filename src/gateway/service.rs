//! One request: hold or forward it, and decide whether it is tried again.
//!
//! ```text
//!            +-- Hold, Paused: wait for a change ---+
//!            v                                      |
//! count -> read the state -- Open --> connect --> send --> pass on the answer
//!            |                          | no connection: wait for a change, or 100 ms
//!            +-- Failed, Gone: a page   + sent, no answer: again only if that does no harm
//! ```
//!
//! A request is counted before the state is read and not counted while it waits, so that whoever drains the preview
//! waits for exactly those that may be in the old process.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use http::{HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE};
use hyper::body::Incoming;
use tokio::{
    sync::{OwnedSemaphorePermit, watch},
    time::{Instant, sleep_until, timeout},
};

use super::{
    body::{Passed, ResponseBody},
    forward::{self, Client, Outgoing},
    pages::{Format, Page},
    site::Site,
    upgrade::Tunnel,
    upstream::{ConnectError, Connection},
};
use crate::{
    domain::decide::SiteState,
    preview::face::route::{HeldGuard, RequestGuard},
};

/// How long the end of an app may take to be known here, after its connections broke.
const DIES_WITHIN: Duration = Duration::from_millis(600);
/// How long to wait before an app that did not answer is tried again, if nothing is heard of it before.
const AGAIN: Duration = Duration::from_millis(100);
/// How often a request may be sent to an app that dies of it. Each time may be one of the few deaths that an app has
/// before it is given up.
const MAX_LOSSES: u32 = 2;

/// A connection that requests come in by.
pub(super) struct Caller {
    pub(super) client: Client,
    /// Its place among the connections of its listener.
    pub(super) permit: Arc<OwnedSemaphorePermit>,
}

/// Answers a request to a site.
///
/// # Cancel safety
/// Dropped when the client goes away: the request counts no longer, and its connection to the app is closed.
pub(super) async fn answer(site: &Arc<Site>, caller: &Caller, request: Request<Incoming>) -> Response<ResponseBody> {
    let format = Format::preferred(request.headers());
    match answer_or_page(site, caller, request).await {
        Ok(response) => response,
        Err(page) => page.into_response(format, &site.preview),
    }
}

async fn answer_or_page(
    site: &Arc<Site>,
    caller: &Caller,
    request: Request<Incoming>,
) -> Result<Response<ResponseBody>, Page> {
    let mut outgoing =
        Outgoing::new(request, &caller.client, site.options.upload_still).map_err(|error| Page::refused(&error))?;
    let mut patience = Patience { left: site.options.hold };
    let mut trials = Trials { unreachable_since: None, losses: 0, pooled: outgoing.replayable, deaths: 0 };
    loop {
        let mut state = site.route.state();
        // Looked at before counting, so that those who wait do not disturb a drain.
        let held = wait_if_held(site, &mut state, &mut patience, &mut trials).await?;
        let guard = site.route.begin();
        drop(held);
        let SiteState::Open(address) = *state.borrow_and_update() else { continue };
        trials.deaths = site.route.deaths();
        match attempt(site, address, &state, guard, &mut outgoing, trials.pooled).await {
            Ok(answered) => return Ok(pass_on(site, caller, answered, &mut outgoing, state)),
            Err(failed) => trials.judge(site, failed, outgoing.replayable, &mut state, &mut patience).await?,
        }
    }
}

/// Returns when the app may be asked; until what it returns is dropped, the request counts as one that was held.
async fn wait_if_held(
    site: &Site,
    state: &mut watch::Receiver<SiteState>,
    patience: &mut Patience,
    trials: &mut Trials,
) -> Result<Option<HeldGuard>, Page> {
    let mut held = None;
    loop {
        let now = state.borrow_and_update().clone();
        match now {
            SiteState::Open(_) => return Ok(held),
            SiteState::Hold => {}
            SiteState::Paused => site.route.doubt(),
            SiteState::Failed(failure) => {
                site.route.touch();
                return Err(Page::failed(failure));
            }
            SiteState::Gone => return Err(Page::gone()),
        }
        site.route.touch();
        trials.unreachable_since = None;
        held.get_or_insert_with(|| site.route.hold());
        patience.wait(site, state, None).await?;
    }
}

/// An answer of which the head is there.
struct Answered {
    response: Response<Incoming>,
    connection: Connection,
    guard: RequestGuard,
}

/// Why a request has no answer.
enum Failed {
    /// Nothing was sent.
    Unsent(ConnectError),
    /// Something may have been sent, on a connection that had served before or on a new one.
    Lost { error: hyper::Error, reused: bool },
    /// It was sent, and the app has not begun to answer in time.
    Late,
}

async fn attempt(
    site: &Arc<Site>,
    address: SocketAddr,
    state: &watch::Receiver<SiteState>,
    mut guard: RequestGuard,
    outgoing: &mut Outgoing,
    pooled: bool,
) -> Result<Answered, Failed> {
    // Only what may be sent twice goes out on a connection that the app may be closing at this moment.
    let idle = if pooled { site.pool.take(address) } else { None };
    let mut connection = match idle {
        Some(connection) => connection,
        None => Connection::open(address, site.options.connect_timeout, state.clone(), &site.tasks)
            .await
            .map_err(Failed::Unsent)?,
    };
    let mut answer = std::pin::pin!(connection.send(outgoing.take()));
    let (sent, within) = (Instant::now(), site.options.answer_timeout);
    let mut long_lived = false;
    let result = loop {
        // An app may wait for the whole of what it is sent, and is not late while the client is.
        let late = || outgoing.moved.is_awaited_since().max(sent) + within;
        tokio::select! {
            biased;
            result = &mut answer => break result,
            // A long poll, perhaps: no drain is to wait for it.
            () = sleep_until(sent + site.options.long_lived_after), if !long_lived => {
                (guard, long_lived) = (guard.into_long_lived(), true);
            }
            () = sleep_until(late()), if !outgoing.patient => {
                if late() <= Instant::now() {
                    return Err(Failed::Late);
                }
            }
        }
    };
    match result {
        Ok(response) => Ok(Answered { response, connection, guard }),
        Err(mut error) => {
            let unsent = error.take_message();
            let (error, reused) = (error.into_error(), connection.reused);
            match unsent {
                Some(request) => {
                    outgoing.put_back(request);
                    Err(Failed::Unsent(ConnectError::Broke(error)))
                }
                None => Err(Failed::Lost { error, reused }),
            }
        }
    }
}

/// Passes an answer on to the client. Whatever is to change bodies on the way has its place here.
fn pass_on(
    site: &Arc<Site>,
    caller: &Caller,
    answered: Answered,
    outgoing: &mut Outgoing,
    state: watch::Receiver<SiteState>,
) -> Response<ResponseBody> {
    let Answered { mut response, connection, mut guard } = answered;
    let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let upstream = switched.then(|| hyper::upgrade::on(&mut response));
    let (mut head, body) = response.into_parts();
    forward::answer(&mut head, &site.preview);
    if let Some(upstream) = upstream {
        let Some(upgrade) = outgoing.upgrade.take() else {
            return Page::unasked_upgrade().into_response(Format::Html, &site.preview);
        };
        let (permit, token) = (caller.permit.clone(), site.token.clone());
        site.tasks.spawn(Tunnel { client: upgrade, upstream, guard, permit, state, token }.run());
        return Response::from_parts(head, ResponseBody::Page(None));
    }
    let is_stream = |kind: &HeaderValue| kind.as_bytes().to_ascii_lowercase().starts_with(b"text/event-stream");
    if head.headers.get(CONTENT_TYPE).is_some_and(is_stream) {
        guard = guard.into_long_lived();
    }
    let body = Passed::new(body, guard, connection, site.clone());
    Response::from_parts(head, ResponseBody::Upstream(Box::new(body)))
}

/// How long a request may still wait.
struct Patience {
    left: Duration,
}

impl Patience {
    /// Waits for the state to change, at most for that long.
    async fn wait(
        &mut self,
        site: &Site,
        state: &mut watch::Receiver<SiteState>,
        at_most: Option<Duration>,
    ) -> Result<(), Page> {
        let Ok(_place) = site.held.try_acquire() else { return Err(Page::crowded()) };
        let began = Instant::now();
        let limit = at_most.map_or(self.left, |limit| limit.min(self.left));
        tokio::select! {
            () = site.token.cancelled() => return Err(Page::closing()),
            _ = timeout(limit, state.changed()) => {}
        }
        self.left = self.left.saturating_sub(began.elapsed());
        if self.left.is_zero() { Err(Page::not_ready()) } else { Ok(()) }
    }
}

/// What has been tried for a request.
struct Trials {
    unreachable_since: Option<Instant>,
    losses: u32,
    /// Whether a connection that has served before may be used.
    pooled: bool,
    /// How often the app had ended by itself before the request was sent.
    deaths: u64,
}

impl Trials {
    /// Returns when the request may be tried again; the error is the answer.
    async fn judge(
        &mut self,
        site: &Site,
        failed: Failed,
        replayable: bool,
        state: &mut watch::Receiver<SiteState>,
        patience: &mut Patience,
    ) -> Result<(), Page> {
        match failed {
            Failed::Unsent(ConnectError::Overtaken) => return Ok(()),
            Failed::Unsent(ConnectError::Broke(_)) if std::mem::take(&mut self.pooled) => return Ok(()),
            Failed::Unsent(error) => {
                if error.is_of_the_way() {
                    site.route.doubt();
                }
                let since = *self.unreachable_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= site.options.unreachable_after {
                    return Err(Page::unreachable(&error));
                }
            }
            Failed::Late => {
                site.route.doubt();
                return Err(Page::late(site.options.answer_timeout));
            }
            Failed::Lost { error, .. } if error.is_parse() => return Err(Page::not_http(&error)),
            Failed::Lost { error, .. } if !replayable => return Err(Page::lost(&error)),
            // A request that the app dies of is not what its next process is to be met with.
            Failed::Lost { error, .. } if site.route.deaths() != self.deaths => return Err(Page::lost(&error)),
            // The process was ended on purpose, so it was not the request that did it.
            Failed::Lost { .. } if state.has_changed().unwrap_or(false) => return Ok(()),
            Failed::Lost { error, reused } => {
                if timeout(DIES_WITHIN, state.changed()).await.is_ok() {
                    return Err(Page::lost(&error));
                }
                self.pooled = false;
                self.losses += u32::from(!reused);
                if self.losses >= MAX_LOSSES {
                    return Err(Page::lost(&error));
                }
            }
        }
        patience.wait(site, state, Some(AGAIN)).await
    }
}
