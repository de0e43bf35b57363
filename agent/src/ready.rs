//! Waits until the app answers HTTP, wherever it listens.

use std::{collections::HashMap, sync::Arc, time::Duration};

use rustix::process::getpid;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use crate::{
    output::Exit,
    probe::{self, Answer},
    process::{Session, Snapshot, Supervisor},
    progress,
    sockets::{self, Ports},
};

/// How long the expected port is waited for once the app listens on another one: debuggers and hot-reload sockets are
/// often open before the app's own.
const PREFER_EXPECTED_FOR: Duration = Duration::from_millis(500);
/// Ports that are never taken for the app's unless expected: Node's inspector, Vite's hot-reload socket, debugpy,
/// LiveReload.
const TOOL_PORTS: [u16; 6] = [9229, 9230, 24678, 24679, 5678, 35729];
/// The most ports that are asked at a time.
const MAX_PROBES: usize = 8;

/// What is waited for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The process.
    pub generation: u64,
    /// The port that is expected.
    pub port: u16,
    /// The path that is asked for.
    pub path: String,
    /// How long.
    pub timeout: Duration,
    /// How long the process may do nothing at all.
    pub still: Duration,
    /// The time between two tries.
    pub interval: Duration,
    /// Whether only the end of the process is waited for.
    pub exit_only: bool,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The app answers.
    Ready {
        /// The port to reach it at from outside.
        upstream_port: u16,
        /// The port that it listens on.
        app_port: u16,
        /// Whether the agent relays.
        loopback_only: bool,
        /// The status of its answer.
        status: u16,
    },
    /// The process ended.
    Exited(Exit),
    /// A newer one was started.
    Superseded,
    /// The time passed.
    TimedOut {
        /// The ports that the app listens on.
        ports: Vec<u16>,
        /// The last error, in a sentence.
        message: String,
    },
}

#[derive(Debug, Default)]
struct Seen {
    ports: Vec<u16>,
    message: Option<String>,
}

/// Waits for the app's first answer, its end, its successor or the deadline, whatever comes first.
pub async fn wait(supervisor: &Supervisor, wanted: &Wanted) -> Outcome {
    let deadline = Instant::now() + wanted.timeout;
    let mut seen = Seen::default();
    let mut snapshot = supervisor.watch();
    let over = snapshot.wait_for(|now| now.generation != wanted.generation || now.exit.is_some());
    let session = supervisor.session().filter(|session| session.generation == wanted.generation);
    tokio::select! {
        biased;
        over = over => match over.map(|now| *now) {
            Ok(Snapshot { generation, exit: Some(exit) }) if generation == wanted.generation => Outcome::Exited(exit),
            _ => Outcome::Superseded,
        },
        ready = search(session, wanted, &mut seen), if !wanted.exit_only => ready,
        () = progress::stillness(supervisor.written(), wanted.still), if !wanted.exit_only => {
            let message = seen.message.unwrap_or_else(|| "nothing listens on a TCP port".into());
            let message = format!("{message}; it has done nothing for {} s", wanted.still.as_secs());
            Outcome::TimedOut { ports: seen.ports, message }
        }
        () = sleep_until(deadline) => {
            let message = seen.message.unwrap_or_else(|| "nothing listens on a TCP port".into());
            Outcome::TimedOut { ports: seen.ports, message }
        }
    }
}

async fn search(session: Option<Arc<Session>>, wanted: &Wanted, seen: &mut Seen) -> Outcome {
    let Some(session) = session else { return std::future::pending().await };
    let own = getpid().as_raw_pid();
    let mut probes: JoinSet<(u16, Result<Answer, String>)> = JoinSet::new();
    let mut asked: HashMap<u16, tokio::task::AbortHandle> = HashMap::new();
    let mut others_since: Option<Instant> = None;
    loop {
        let ports = sockets::listening(own, &session.relays.own_ports().await);
        seen.ports = ports.keys().copied().collect();
        let chosen = choose(&ports, wanted.port, &mut others_since, Instant::now());
        asked.retain(|port, probe| {
            let keep = chosen.contains(port);
            if !keep {
                probe.abort();
            }
            keep
        });
        for port in chosen {
            if asked.contains_key(&port) {
                continue;
            }
            let (ways, path) = (ports.get(&port).cloned().unwrap_or_default(), wanted.path.clone());
            asked.insert(port, probes.spawn(async move { (port, probe::ask(&ways, &path).await) }));
        }
        let pause = sleep(wanted.interval);
        tokio::pin!(pause);
        loop {
            let joined = tokio::select! {
                Some(joined) = probes.join_next() => joined,
                () = &mut pause => break,
            };
            let Ok((port, result)) = joined else { continue };
            asked.remove(&port);
            match result {
                // A proxy in front of an app that is not there yet is not the app.
                Ok(Answer { status: status @ 502..=504, .. }) => {
                    seen.message = Some(format!("port {port} answers {status}"));
                }
                // A socket that wants nothing but WebSockets is not the app.
                Ok(Answer { status: 426, .. }) if port != wanted.port => {
                    seen.message = Some(format!("port {port} takes WebSockets only"));
                }
                Ok(answer) => match finish(&session, answer).await {
                    Ok(ready) => return ready,
                    Err(error) => seen.message = Some(format!("the relay to port {port} failed: {error}")),
                },
                Err(message) => seen.message = Some(message),
            }
        }
    }
}

async fn finish(session: &Session, answer: Answer) -> std::io::Result<Outcome> {
    let app_port = answer.from.address.port();
    let loopback_only = !answer.from.direct;
    let upstream_port = if loopback_only { session.relays.port_to(answer.from.address).await? } else { app_port };
    Ok(Outcome::Ready { upstream_port, app_port, loopback_only, status: answer.status })
}

/// Returns the ports to ask: the expected one if the app listens on it, else, after a while, the others.
fn choose(ports: &Ports, expected: u16, others_since: &mut Option<Instant>, now: Instant) -> Vec<u16> {
    if ports.contains_key(&expected) {
        return vec![expected];
    }
    let others: Vec<u16> = ports.keys().copied().filter(|port| !TOOL_PORTS.contains(port)).take(MAX_PROBES).collect();
    if others.is_empty() {
        *others_since = None;
        return others;
    }
    let since = others_since.get_or_insert(now);
    if now.duration_since(*since) < PREFER_EXPECTED_FOR && expected != 0 { Vec::new() } else { others }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_port_is_taken_only_after_a_while() {
        let only = |ports: &[u16]| -> Ports { ports.iter().map(|port| (*port, Vec::new())).collect() };
        let (mut since, early) = (None, Instant::now());
        let late = early + PREFER_EXPECTED_FOR;
        assert_eq!(choose(&only(&[4000, 9229]), 3000, &mut since, early), [0; 0]);
        assert_eq!(choose(&only(&[4000, 9229]), 3000, &mut since, late), [4000]);
        assert_eq!(choose(&only(&[3000, 4000]), 3000, &mut since, late), [3000]);
        assert_eq!(choose(&only(&[9229]), 3000, &mut since, late), [0; 0]);
        assert_eq!(choose(&only(&[9229]), 9229, &mut since, late), [9229]);
    }
}
