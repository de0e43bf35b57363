//! Whether the page that a commit shows is good: what its path answered, the ports there are, and why it is an error.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::{
    domain::{
        failure::{Failure, FailureStage},
        logs::LogSource,
        ports::{AppPort, ExpectedPort},
        reason::Reason,
        runtime::ImagePlan,
        spec::Stack,
        status::Serving,
    },
    preview::{
        driver::{Driver, start::StartError},
        unit::session::{Answering, Session, Started},
    },
    stack::{self, PageAnswer},
};

/// How long the page of an app that runs is waited for.
const PAGE_FOR: Duration = Duration::from_secs(20);
/// How long an app that did not answer a request in time may take to answer another.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// When the ports of an app are looked at again, after its first answer.
const LATER: Duration = Duration::from_secs(3);
/// How long what an app logs of an error may be behind its page.
const LATE: Duration = Duration::from_secs(2);
/// Once nothing more is logged for so long, the error is there as a whole.
const QUIET: Duration = Duration::from_millis(60);
/// The most lines of the log that are read for an error.
const MAX_LINES: usize = 400;

impl Driver {
    /// Asks an app that runs for its page, and records what it answers.
    ///
    /// # Errors
    /// `Page` where that is an error: its route stays as it is.
    pub(in crate::preview::driver) async fn ask_page(
        &mut self,
        session: &mut Session,
        port: ExpectedPort,
        mark: u64,
    ) -> Result<(), StartError> {
        match self.await_started(session, port, PAGE_FOR, true).await? {
            Started::Answering(answering) => match self.look_at(session, &answering, mark).await {
                Some(failure) => Err(StartError::Page(failure)),
                None => Ok(()),
            },
            // Its end is told as well, and looked after then.
            Started::Exited(_) | Started::Tls(_) => Ok(()),
            Started::TimedOut(_, message) => {
                self.handle.log.lifecycle(format!("the page did not answer in time: {message}"));
                Ok(())
            }
        }
    }

    /// Asks an app that did not answer a request in time whether it answers at all. Where it does not, that is said beside
    /// what runs, and taken back once it does.
    pub(in crate::preview::driver) async fn ask_whether_it_answers(&mut self) {
        let (serving, failure) = {
            let status = self.handle.status();
            let status = status.borrow();
            (status.serving, status.failure.as_ref().map(|failure| failure.reason))
        };
        let (Serving::App(address), None | Some(Reason::NotAnswering)) = (serving, failure) else { return };
        let (engine, Some(session)) = (self.core.engine.clone(), &mut self.session) else { return };
        let port = ExpectedPort { number: address.port(), named: false };
        let started = tokio::select! {
            started = session.started(&engine, port, ANSWERS_WITHIN, true) => started,
            // Whatever comes next is not to wait for it.
            () = self.follower.changed() => return,
            _ = self.apply_request.changed() => return,
        };
        match started {
            Ok(Started::Answering(_)) if failure.is_some() => {
                self.handle.log.lifecycle("the app answers again");
                self.handle.set_status(|status| status.failure = None);
            }
            Ok(Started::TimedOut(_, message)) if failure.is_none() => {
                let message = format!("the app takes requests and does not answer them: {message}");
                self.handle.log.lifecycle(message.clone());
                self.handle.set_status(|status| {
                    let failure = Failure::new(FailureStage::Run, Reason::NotAnswering, message);
                    status.failure = Some(Failure { commit: status.applied.clone(), ..failure });
                });
            }
            _ => {}
        }
    }

    /// Records what an app answers, and explains it if it is an error. `mark` is where the log was before it was asked.
    pub(in crate::preview::driver) async fn look_at(
        &mut self,
        session: &Session,
        answering: &Answering,
        mark: u64,
    ) -> Option<Failure> {
        let page = &answering.page;
        self.answered = Some(page.status);
        if let Some(path) = &answering.alternative {
            self.handle.log.lifecycle(format!("{} answers {}; {path} is there", page.path, page.status));
        }
        let several = self.handle.status().borrow().ports.len() > 1 || session.plan.runs_several();
        if !answering.ports.is_empty() {
            self.note_ports(answering.ports.clone());
        }
        // Of several programs one may have been started anew, and open its own later.
        if session.plan.stack != Stack::Static && (!answering.ports.is_empty() || several) {
            self.look_at_ports = Some(std::time::Instant::now() + LATER);
        }
        self.handle.set_status(|status| status.http_status = Some(page.status));
        // Its server is not the project's own.
        if session.plan.stack == Stack::Static {
            return None;
        }
        if page.status >= 500 {
            return Some(self.page_failure(session, answering, mark).await);
        }
        if !page.broken_off && !stack::is_cut_short(&page.end) {
            return None;
        }
        // It may have had its reasons: only what the app logs says that it is an error.
        let failure = self.page_failure(session, answering, mark).await;
        (failure.reason != Reason::PageError).then_some(failure)
    }

    /// Explains an error page, once what the app logs of it has come.
    async fn page_failure(&self, session: &Session, answering: &Answering, mark: u64) -> Failure {
        let page = &answering.page;
        let answer =
            PageAnswer { path: &page.path, status: page.status, content_type: &page.content_type, body: &page.body };
        let own = matches!(session.plan.image, ImagePlan::Build { .. });
        let folder = if own { session.folder.as_str() } else { "" };
        let deadline = Instant::now() + LATE;
        let mut newest = self.handle.log.newest();
        loop {
            newest.borrow_and_update();
            let lines = self.handle.log.since(mark, &[LogSource::Stdout, LogSource::Stderr], MAX_LINES);
            let failure = stack::explain_page(&session.plan, &answer, &lines, folder);
            let left = deadline.saturating_duration_since(Instant::now());
            let wait = if failure.file.is_some() { QUIET.min(left) } else { left };
            if !matches!(timeout(wait, newest.changed()).await, Ok(Ok(()))) {
                debug_assert_eq!(failure.stage, FailureStage::Run);
                return failure;
            }
        }
    }

    /// Records the ports that the app listens on, and says so where there are several.
    pub(in crate::preview::driver) fn note_ports(&self, ports: Vec<AppPort>) {
        let numbers = |ports: &[AppPort]| ports.iter().map(|port| port.number).collect::<Vec<_>>();
        let before = numbers(&self.handle.status().borrow().ports);
        if ports.len() > 1 && numbers(&ports) != before {
            let list: Vec<String> = ports.iter().map(ToString::to_string).collect();
            self.handle.log.lifecycle(format!("the app listens on the ports {}", list.join(", ")));
        }
        self.handle.set_status(|status| status.ports = ports);
    }

    /// Looks at the ports of an app that has answered a while ago.
    pub(in crate::preview::driver) async fn look_for_ports(&mut self) {
        self.look_at_ports = None;
        let Some(session) = self.session.as_ref().filter(|session| session.running && !session.disconnected) else {
            return;
        };
        match session.ports().await {
            Ok(ports) => self.note_ports(ports),
            Err(error) => tracing::debug!(preview = %self.handle.id, error = %error, "the ports could not be seen"),
        }
    }

    /// Returns whether another container goes on serving a good commit.
    pub(in crate::preview::driver) fn serves_well(&self) -> bool {
        let served = self.handle.status().borrow().is_served();
        self.session.as_ref().is_some_and(|session| session.running) && served && !self.shows_an_error()
    }

    /// Returns whether what answers is a commit whose page is an error.
    pub(in crate::preview::driver) fn shows_an_error(&self) -> bool {
        let status = self.handle.status();
        let status = status.borrow();
        let of_the_page = |failure: &&Failure| matches!(failure.stage, FailureStage::Build | FailureStage::Run);
        let failure = status.failure.as_ref().filter(of_the_page);
        failure.is_some_and(|failure| failure.commit.is_some() && failure.commit == status.applied)
    }
}
