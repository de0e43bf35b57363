//! The daemon's events, passed on as hints.

use std::{collections::HashMap, pin::pin, time::Duration};

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
use crate::{
    domain::pause::Pause,
    engine::{EngineError, EngineEvent, LABEL_INSTANCE},
};

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How often a quiet daemon is asked whether it is there.
const PING: Duration = Duration::from_secs(10);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    #[serde(rename = "Type", default)]
    of: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    actor: Actor,
}

#[derive(Debug, Default, Deserialize)]
struct Actor {
    #[serde(rename = "ID", default)]
    id: String,
    #[serde(rename = "Attributes", default)]
    attributes: HashMap<String, String>,
}

/// What is listened for: ends of containers, and what may make doubtful what was seen.
const TYPES: [&str; 4] = ["container", "image", "network", "volume"];
const ACTIONS: [&str; 10] =
    ["die", "pause", "disconnect", "destroy", "create", "delete", "untag", "tag", "pull", "load"];

impl Inner {
    /// Follows the daemon until the token is cancelled. Every outage is told once, and so is its end.
    pub(super) async fn run_events(&self, token: CancellationToken) {
        let mut wait = Pause::new(FIRST_WAIT, LONGEST_WAIT);
        let mut away = false;
        let follow = async {
            loop {
                let ended = match self.subscribe().await {
                    Ok((events, _scope)) => {
                        tracing::info!("the engine is there");
                        away = false;
                        wait.reset();
                        self.seen.hears(true);
                        self.tell(EngineEvent::Connected);
                        self.pass_on(events).await
                    }
                    Err(err) => err,
                };
                self.seen.hears(false);
                if !std::mem::replace(&mut away, true) {
                    tracing::warn!(error = %ended, "the engine is away");
                    self.tell(EngineEvent::Disconnected);
                }
                sleep(wait.longer()).await;
            }
        };
        tokio::select! {
            () = follow => {}
            () = token.cancelled() => {}
        }
        self.seen.hears(false);
    }

    async fn subscribe(
        &self,
    ) -> Result<(impl Stream<Item = Result<Event, Error>> + Send + use<>, impl Drop + Send + use<>), EngineError> {
        const ACTION: &str = "follow the events";
        let (api, scope): (Api, _) = self.api.scoped().map_err(|err| failed(ACTION, err))?;
        // Not by label: networks and volumes have none there.
        let query = Query::default().filters(&[("type", &TYPES), ("event", &ACTIONS)]);
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
                    Some(Ok(event)) => self.hear(event),
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

    fn hear(&self, Event { of, action, actor: Actor { id, attributes } }: Event) {
        let name = || attributes.get("name").map_or("", String::as_str);
        let own = || attributes.get(LABEL_INSTANCE) == Some(&self.instance);
        match (of.as_str(), action.as_str()) {
            ("container", "die") if own() => {
                self.seen.doubt_address(&id);
                self.tell(EngineEvent::Died { container: id });
            }
            ("container", "pause") if own() => self.tell(EngineEvent::Frozen { container: id }),
            ("container", _) => {}
            ("network", "disconnect") => {
                let container = attributes.get("container").filter(|_| name() == self.network);
                if let Some(id) = container {
                    self.seen.doubt_address(id);
                    self.tell(EngineEvent::CutOff { container: id.clone() });
                }
            }
            ("network", _) if name() == self.network => self.seen.doubt_prepared(),
            // It is told to be created by each container that has it.
            ("volume", "destroy") if id == self.runtime.volume() => self.seen.doubt_prepared(),
            ("network" | "volume", _) => {}
            ("image", "tag" | "create") => self.seen.named(&id, name()),
            ("image", "untag" | "delete") => self.seen.lost(&id, name()),
            // That names no image, but the reference.
            ("image", "pull") => self.seen.named("", &id),
            ("image", "load") => self.seen.doubt_images(),
            _ => {}
        }
    }

    fn tell(&self, event: EngineEvent) {
        // Without a reader there is nobody to tell.
        let _ = self.events.send(event);
    }
}
