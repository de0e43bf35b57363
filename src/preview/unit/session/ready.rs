//! Waiting for the first answer of an app.

use std::{net::SocketAddr, time::Duration};

use super::{Answering, Session, SessionError, Started};
use crate::{
    agent::{ReadyOutcome, ReadyRequest},
    domain::{ports::ExpectedPort, runtime::RunPlan, spec::Stack},
    engine::{EngineError, SharedEngine},
    stack,
};

/// How long an app that is starting may do nothing at all, and how often it is said what is waited for.
const STILL: Duration = Duration::from_secs(30);
const SAY: Duration = Duration::from_secs(10);
/// The time between two probes of an app that is starting.
const PROBE_INTERVAL: Duration = Duration::from_millis(50);

impl Session {
    /// Waits for the first answer of the process.
    ///
    /// `again` is for one that has answered: it is asked where it did.
    pub async fn started(
        &mut self,
        engine: &SharedEngine,
        port: ExpectedPort,
        timeout: Duration,
        again: bool,
    ) -> Result<Started, SessionError> {
        let found = self.found.as_ref().filter(|(plan, _)| !port.named && *plan == self.plan.start);
        let (port, held) = match found {
            Some((_, number)) => (ExpectedPort { number: *number, named: false }, true),
            None => (port, false),
        };
        let alternatives = if self.tried_others || again { Vec::new() } else { alternatives(&self.plan) };
        let request = ReadyRequest {
            generation: self.generation,
            port,
            held,
            has_page: self.plan.stack == Stack::React,
            again,
            alternatives,
            path: self.plan.start.ready_path.clone(),
            timeout,
            still: STILL,
            interval: PROBE_INTERVAL,
        };
        match self.awaited(request).await? {
            ReadyOutcome::Ready(ready) => {
                self.found = Some((self.plan.start.clone(), ready.app_port));
                self.tried_others |= ready.page.status == 404;
                Ok(Started::Answering(Answering {
                    upstream: self.upstream(engine, ready.upstream_port).await?,
                    app_port: ready.app_port,
                    loopback_only: ready.loopback_only,
                    page: ready.page,
                    ports: ready.ports,
                    alternative: ready.alternative,
                }))
            }
            ReadyOutcome::Tls(port) => Ok(Started::Tls(port)),
            ReadyOutcome::Exited(exit) => Ok(Started::Exited(exit)),
            ReadyOutcome::TimedOut { listening_ports, message } => Ok(Started::TimedOut(listening_ports, message)),
            ReadyOutcome::Superseded => {
                Ok(Started::TimedOut(Vec::new(), "another process was started in its place".to_owned()))
            }
        }
    }

    /// As [`Self::upstream`], without what was known before.
    pub(in crate::preview) async fn upstream_anew(
        &mut self,
        engine: &SharedEngine,
        port: u16,
    ) -> Result<SocketAddr, SessionError> {
        self.reached = None;
        self.upstream(engine, port).await
    }

    /// Returns the address at which a port of the container is reached, on the way that requests take.
    async fn upstream(&mut self, engine: &SharedEngine, port: u16) -> Result<SocketAddr, SessionError> {
        if let Some((_, address)) = self.reached.take().filter(|(known, _)| *known == port)
            && engine.reach(address).await.is_ok()
        {
            self.reached = Some((port, address));
            return Ok(address);
        }
        // Twice, since somebody may have taken it off its network and put it on again.
        let mut again = true;
        loop {
            let address = match engine.upstream(&self.container, port).await {
                Err(error @ EngineError::Refused { .. }) => return Err(SessionError::Unreached(error)),
                found => found?,
            };
            match engine.reach(address).await {
                Ok(()) => {
                    self.reached = Some((port, address));
                    return Ok(address);
                }
                Err(EngineError::Refused { .. } | EngineError::Timeout(_)) if std::mem::take(&mut again) => {}
                Err(error @ (EngineError::Refused { .. } | EngineError::Timeout(_))) => {
                    return Err(SessionError::Unreached(error));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits for the app, and says now and then what is waited for.
    async fn awaited(&self, request: ReadyRequest) -> Result<ReadyOutcome, SessionError> {
        let outcome = self.agent.await_ready(request);
        tokio::pin!(outcome);
        let begun = tokio::time::Instant::now();
        let mut ticks = tokio::time::interval_at(begun + SAY, SAY);
        loop {
            tokio::select! {
                outcome = &mut outcome => return Ok(outcome?),
                _ = ticks.tick() => {}
            }
            let status = tokio::select! {
                outcome = &mut outcome => return Ok(outcome?),
                status = self.agent.status() => status,
            };
            let Ok(status) = status else { continue };
            let ports: Vec<String> = status.listening_ports.iter().map(u16::to_string).collect();
            let listens = if ports.is_empty() { "no port".to_owned() } else { format!("port {}", ports.join(", ")) };
            let (waited, cpu) = (begun.elapsed().as_secs(), status.cpu.as_secs_f64());
            let text = format!(
                "waiting for the app for {waited} s: it listens on {listens} and does not answer, and has used {cpu:.1} s of CPU"
            );
            self.bounds.log().lifecycle(text);
        }
    }
}

/// Returns the paths that people look at where the one of a plan is not there.
fn alternatives(plan: &RunPlan) -> Vec<String> {
    stack::pages(plan.stack).iter().map(|path| (*path).to_owned()).collect()
}
