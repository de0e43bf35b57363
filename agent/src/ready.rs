//! Waits until the app answers HTTP, wherever it listens.

use std::{collections::BTreeMap, time::Duration};

use tokio::{
    task::{AbortHandle, JoinSet},
    time::{Instant, sleep, sleep_until, timeout},
};

use crate::{
    choice::{self, Choice, Expected, Known},
    output::Exit,
    probe::{self, Answer, Problem},
    process::{Over, Process},
    progress,
    sockets::{self, Ports},
    supervisor::Supervisor,
};

/// Ports that are never taken for the app's unless expected: Node's inspector, Vite's hot-reload socket, debugpy,
/// LiveReload.
const TOOL_PORTS: [u16; 6] = [9229, 9230, 24678, 24679, 5678, 35729];
/// How long a port that the system chose has to be all that the app listens on until it is asked. Programs speak with
/// their own workers over such ports: Turbopack takes whoever connects for the worker that it has started, and panics.
const ALONE_FOR: Duration = Duration::from_secs(3);
/// The most ports that are asked at a time.
const MAX_PROBES: usize = 8;
/// The most ports that are told of.
const MAX_TOLD: usize = 64;
/// How long ports other than the one that was found may take to say what they are.
const OTHERS_FOR: Duration = Duration::from_millis(100);
/// How long all ports together may take where nothing else is waited for.
const ALL_FOR: Duration = Duration::from_secs(2);
/// How long the alternatives to a path that is 404 may take together.
const ALTERNATIVES_FOR: Duration = Duration::from_secs(2);

/// What is waited for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The process.
    pub generation: u64,
    /// The port that is expected.
    pub expected: Expected,
    /// The path that is asked for.
    pub path: String,
    /// What to try where that is 404.
    pub alternatives: Vec<String>,
    /// How long.
    pub timeout: Duration,
    /// How long the process may do nothing at all.
    pub still: Duration,
    /// The time between two tries.
    pub interval: Duration,
    /// Whether it is asked where it answered before.
    pub again: bool,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The app answers.
    Ready(Box<Ready>),
    /// The process ended.
    Exited(Exit),
    /// It was stopped.
    Superseded,
    /// The app speaks TLS, at this port.
    Tls(u16),
    /// The time passed.
    TimedOut {
        /// The ports that the app listens on.
        ports: Vec<u16>,
        /// The last error, in a sentence.
        message: String,
    },
}

/// Where the app answers, and with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// The port to reach it at from outside.
    pub upstream_port: u16,
    /// Whether the agent relays.
    pub loopback_only: bool,
    /// Its answer.
    pub answer: Answer,
    /// All ports that it listens on.
    pub ports: Vec<Port>,
    /// The first of the alternatives that answers, where its answer is 404.
    pub alternative: Option<String>,
}

/// A port that the app listens on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its number.
    pub number: u16,
    /// The status that it answers with.
    pub status: Option<u16>,
    /// The content type of its answer.
    pub content_type: String,
    /// Whether it speaks TLS.
    pub tls: bool,
}

/// Waits for the process's first answer, its end, its stop or the deadline, whatever comes first. A page that is an
/// error is an answer; that of a gateway whose app is not there yet (502 to 504) is one when the time has passed.
pub async fn wait(supervisor: &Supervisor, wanted: &Wanted) -> Outcome {
    let deadline = Instant::now() + wanted.timeout;
    let Some(process) = supervisor.process(wanted.generation) else { return Outcome::Superseded };
    let mut search = Search::new(wanted.path.clone(), wanted.expected);
    let mut still = false;
    tokio::select! {
        biased;
        over = process.over() => return match over {
            Over::Exited(exit) => Outcome::Exited(exit),
            Over::Stopped => Outcome::Superseded,
        },
        outcome = search.run(supervisor, &process, wanted) => return outcome,
        () = progress::stillness(process.shim(), supervisor.written(), wanted.still) => still = true,
        () = sleep_until(deadline) => {}
    }
    if let Some(answer) = search.gateway()
        && let Some(ready) = search.finish(&process, answer, &[]).await
    {
        return ready;
    }
    search.given_up(still.then_some(wanted.still))
}

/// Returns the ports that a process listens on and what answers there.
pub async fn ports(supervisor: &Supervisor, process: &Process, path: &str) -> Vec<Port> {
    let port = process.answered_at().map_or(0, |found| found.address.port());
    let mut search = Search::new(path.to_owned(), Expected { port, named: false, held: false, has_page: false });
    search.look(supervisor, process).await;
    search.settle(ALL_FOR).await;
    search.told()
}

type Probed = (u16, Result<Answer, Problem>);

/// What is known of an app's ports.
struct Search {
    path: String,
    expected: Expected,
    listening: Ports,
    seen: BTreeMap<u16, Instant>,
    known: BTreeMap<u16, Known>,
    probes: JoinSet<Probed>,
    asked: BTreeMap<u16, AbortHandle>,
    message: Option<String>,
}

impl Search {
    fn new(path: String, expected: Expected) -> Self {
        Self {
            path,
            expected,
            listening: Ports::new(),
            seen: BTreeMap::new(),
            known: BTreeMap::new(),
            probes: JoinSet::new(),
            asked: BTreeMap::new(),
            message: None,
        }
    }

    async fn run(&mut self, supervisor: &Supervisor, process: &Process, wanted: &Wanted) -> Outcome {
        if wanted.again {
            // In case that the time passes meanwhile.
            self.message = process.answered_at().map(|at| format!("port {} did not answer", at.address.port()));
            if let Some(answer) = again(process, wanted).await
                && let Some(ready) = self.finish(process, answer, &[]).await
            {
                return ready;
            }
            self.message = None;
        }
        loop {
            self.look(supervisor, process).await;
            let pause = sleep(wanted.interval);
            tokio::pin!(pause);
            loop {
                match choice::choose(&self.known, self.expected, Instant::now()) {
                    Choice::Tls(port) => return Outcome::Tls(port),
                    Choice::Take(port) => {
                        if let Some(Ok(answer)) = self.known.get(&port).and_then(|known| known.answer.clone())
                            && let Some(ready) = self.finish(process, answer, &wanted.alternatives).await
                        {
                            return ready;
                        }
                    }
                    Choice::Wait => {}
                }
                tokio::select! {
                    Some(joined) = self.probes.join_next() => if let Ok(probed) = joined { self.note(probed) },
                    () = &mut pause => break,
                }
            }
        }
    }

    /// Looks which ports there are, and asks those of which it is not known what they answer.
    async fn look(&mut self, supervisor: &Supervisor, process: &Process) {
        let now = Instant::now();
        self.listening = sockets::listening(process.shim(), &supervisor.own_ports().await);
        self.seen.retain(|port, _| self.listening.contains_key(port));
        for port in self.listening.keys() {
            self.seen.entry(*port).or_insert(now);
        }
        let ports = self.concerning(now);
        self.known.retain(|port, _| ports.contains(port));
        self.asked.retain(|port, probe| {
            let keep = ports.contains(port);
            if !keep {
                probe.abort();
            }
            keep
        });
        for port in ports {
            let known =
                self.known.entry(port).or_insert(Known { since: now, told: None, answer: None, doubted: false });
            // What is known to be no HTTP may become it, as behind a socket that is handed on.
            let settled = matches!(&known.answer, Some(Ok(answer)) if !matches!(answer.status, 502..=504));
            if settled || self.asked.contains_key(&port) {
                continue;
            }
            let (ways, path) = (self.listening.get(&port).cloned().unwrap_or_default(), self.path.clone());
            let probe = self.probes.spawn(async move { (port, probe::ask(&ways, &path).await) });
            self.asked.insert(port, probe);
        }
    }

    /// Returns the ports that may be the app's own, the expected one first.
    fn concerning(&self, now: Instant) -> Vec<u16> {
        let expected = self.expected.port;
        let others = || self.listening.keys().copied().filter(|port| *port != expected && !TOOL_PORTS.contains(port));
        let alone = others().all(sockets::is_chosen_by_system) && !self.listening.contains_key(&expected);
        let old = |port: &u16| self.seen.get(port).is_some_and(|since| now.duration_since(*since) >= ALONE_FOR);
        std::iter::once(expected)
            .filter(|port| self.listening.contains_key(port))
            .chain(others().filter(|port| !sockets::is_chosen_by_system(*port) || (alone && old(port))))
            .take(MAX_PROBES)
            .collect()
    }

    fn note(&mut self, (port, result): Probed) {
        self.asked.remove(&port);
        let Some(known) = self.known.get_mut(&port) else { return };
        match &result {
            // It may have been asked in the middle of its start: an error is believed when it is said again.
            Ok(answer) if matches!(answer.status, 500 | 501 | 505..) && !known.doubted => {
                known.doubted = true;
                return;
            }
            Ok(answer) if matches!(answer.status, 502..=504) => {
                self.message = Some(format!("port {port} answers {}", answer.status));
            }
            Ok(answer) if answer.status == 426 => self.message = Some(format!("port {port} takes WebSockets only")),
            Ok(_) => {}
            Err(problem) => self.message = Some(problem.message(port)),
        }
        known.told.get_or_insert_with(Instant::now);
        known.answer = Some(result);
    }

    /// Waits until all ports that were asked have said what they are, for so long.
    async fn settle(&mut self, within: Duration) {
        let all = async {
            while let Some(joined) = self.probes.join_next().await {
                if let Ok(probed) = joined {
                    self.note(probed);
                }
            }
        };
        // What is late is told as silent.
        let _ = timeout(within, all).await;
    }

    /// Returns the answer of a gateway whose app did not come, if that is all there is.
    fn gateway(&self) -> Option<Answer> {
        let answers = |port: &u16| self.known.get(port).and_then(|known| known.answer.clone()?.ok());
        let others = self.known.keys().filter(|_| !self.expected.named);
        std::iter::once(&self.expected.port).chain(others).find_map(answers)
    }

    async fn finish(&mut self, process: &Process, answer: Answer, alternatives: &[String]) -> Option<Outcome> {
        self.settle(OTHERS_FOR).await;
        let app_port = answer.from.address.port();
        let loopback_only = !answer.from.direct;
        let upstream_port = if loopback_only {
            match process.relays.port_to(answer.from.address).await {
                Ok(port) => port,
                Err(error) => {
                    self.message = Some(format!("the relay to port {app_port} failed: {error}"));
                    return None;
                }
            }
        } else {
            app_port
        };
        let alternative = if answer.status == 404 { alternative(&answer, alternatives).await } else { None };
        let ports = self.told();
        process.answers_at(answer.from);
        Some(Outcome::Ready(Box::new(Ready { upstream_port, loopback_only, answer, ports, alternative })))
    }

    fn told(&self) -> Vec<Port> {
        let port = |number: u16| {
            let answer = self.known.get(&number).and_then(|known| known.answer.as_ref());
            let good = answer.and_then(|answer| answer.as_ref().ok());
            Port {
                number,
                status: good.map(|answer| answer.status),
                content_type: good.map_or_else(String::new, |answer| answer.content_type.clone()),
                tls: matches!(answer, Some(Err(Problem::Tls))),
            }
        };
        self.listening.keys().take(MAX_TOLD).copied().map(port).collect()
    }

    fn given_up(&self, still: Option<Duration>) -> Outcome {
        let mut message = self.message.clone().unwrap_or_else(|| "nothing listens on a TCP port".into());
        if let Some(still) = still {
            message.push_str(&format!("; it has done nothing for {} s", still.as_secs()));
        }
        Outcome::TimedOut { ports: self.listening.keys().copied().collect(), message }
    }
}

/// Asks an app where it answered before. An error is believed when it is said again.
async fn again(process: &Process, wanted: &Wanted) -> Option<Answer> {
    let ways = [process.answered_at()?];
    let answer = probe::ask(&ways, &wanted.path).await.ok()?;
    if answer.status < 500 {
        return Some(answer);
    }
    sleep(wanted.interval).await;
    let answer = probe::ask(&ways, &wanted.path).await.ok()?;
    (!matches!(answer.status, 502..=504)).then_some(answer)
}

/// Returns the first of some paths that answers well.
async fn alternative(answer: &Answer, paths: &[String]) -> Option<String> {
    let ways = [answer.from];
    let first = async {
        for path in paths {
            if let Ok(answer) = probe::ask(&ways, path).await
                && answer.status < 400
            {
                return Some(path.clone());
            }
        }
        None
    };
    timeout(ALTERNATIVES_FOR, first).await.ok().flatten()
}
