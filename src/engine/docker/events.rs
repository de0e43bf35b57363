//! The daemon's events, passed on as hints.

use std::{pin::pin, time::Duration};

use bollard::errors::Error;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::Method;
use serde::Deserialize;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use super::{
    Inner,
    api::{Api, Query, SHORT, call, failed},
};
use crate::engine::{EngineError, EngineEvent};

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How often a quiet daemon is asked whether it is there.
const PING: Duration = Duration::from_secs(10);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    #[serde(default)]
    action: String,
    #[serde(default)]
    actor: Actor,
}

#[derive(Debug, Default, Deserialize)]
struct Actor {
    #[serde(rename = "ID", default)]
    id: String,
}

impl Inner {
    /// Follows the daemon until the token is cancelled. Every outage is told once, and so is its end.
    pub(super) async fn run_events(&self, token: CancellationToken) {
        let mut wait = FIRST_WAIT;
        let mut away = false;
        let follow = async {
            loop {
                let ended = match self.subscribe().await {
                    Ok((events, _scope)) => {
                        tracing::info!("the engine is there");
                        (away, wait) = (false, FIRST_WAIT);
                        self.tell(EngineEvent::Connected);
                        self.pass_on(events).await
                    }
                    Err(err) => err,
                };
                if !std::mem::replace(&mut away, true) {
                    tracing::warn!(error = %ended, "the engine is away");
                    self.tell(EngineEvent::Disconnected);
                }
                sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        };
        tokio::select! {
            () = follow => {}
            () = token.cancelled() => {}
        }
    }

    async fn subscribe(
        &self,
    ) -> Result<(impl Stream<Item = Result<Event, Error>> + Send + use<>, impl Drop + Send + use<>), EngineError> {
        const ACTION: &str = "follow the events";
        let (api, scope): (Api, _) = self.api.scoped().map_err(|err| failed(ACTION, err))?;
        let own = self.own();
        let query =
            Query::default().filters(&[("type", &["container"]), ("event", &["die", "pause"]), ("label", &[&own])]);
        let events = call(ACTION, SHORT, api.stream(Method::GET, "/events", &query, Bytes::new())).await?;
        Ok((events, scope))
    }

    /// Passes events on until the feed ends, and returns why it did.
    async fn pass_on(&self, events: impl Stream<Item = Result<Event, Error>>) -> EngineError {
        let mut events = pin!(events);
        let mut ping = interval(PING);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(Ok(Event { action, actor })) => match action.as_str() {
                        "die" => self.tell(EngineEvent::Died { container: actor.id }),
                        "pause" => self.tell(EngineEvent::Frozen { container: actor.id }),
                        _ => {}
                    },
                    Some(Err(err)) => return failed("follow the events", err),
                    None => return EngineError::Unreachable("the feed of events ended".into()),
                },
                // A daemon that hangs, or a network that swallows everything, ends no feed.
                _ = ping.tick() => {
                    if let Err(err) = call("answer a ping", SHORT, self.api.docker.ping()).await {
                        return err;
                    }
                }
            }
        }
    }

    fn tell(&self, event: EngineEvent) {
        // Without a reader there is nobody to tell.
        let _ = self.events.send(event);
    }
}
