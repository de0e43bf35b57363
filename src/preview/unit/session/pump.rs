//! What a container says of its own accord, on its way to the log and to the driver.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use futures_util::StreamExt;
use tokio::sync::mpsc;

use super::event::SessionEvent;
use crate::{
    agent::{AgentClient, AgentEvent},
    preview::unit::bounds::Bounds,
};

/// Copies the container's output to the preview's log, and ends of processes to the driver.
pub(super) async fn pump(
    agent: AgentClient,
    bounds: Arc<Bounds>,
    read: Arc<AtomicU64>,
    events: mpsc::Sender<SessionEvent>,
) {
    let log = bounds.log().clone();
    if let Ok(mut stream) = agent.watch(read.load(Ordering::Acquire)).await {
        while let Some(Ok((sequence, event))) = stream.next().await {
            match event {
                AgentEvent::Output(line) => log.push(line),
                AgentEvent::Dropped(lines) => log.lost(lines),
                // Here and now: the driver may be waiting for the app that needs it.
                AgentEvent::Memory(memory) => bounds.hear(memory).await,
                AgentEvent::Exit(exit) => {
                    if events.send(SessionEvent::Exited(exit, log.last())).await.is_err() {
                        return;
                    }
                }
            }
            read.store(sequence, Ordering::Release);
        }
    }
    // The driver being gone is no error.
    let _ = events.send(SessionEvent::Lost).await;
}
