//! What is observed of one preview: facts, of which none follows from another. What is said of it follows from them, in
//! [`decide`](super::decide).

use std::net::SocketAddr;

use crate::domain::{failure::Failure, ids::CommitId, limits::Limits, ports::AppPort, spec::Stack};

/// What answers a preview's requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Serving {
    /// Nothing.
    #[default]
    Nothing,
    /// The app, at this address.
    App(SocketAddr),
    /// Nobody before the container is woken: it is frozen. The app answers at this address then.
    Frozen(SocketAddr),
}

/// What is being made for the next answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Making {
    /// Nothing.
    #[default]
    Nothing,
    /// An image: dependencies are installed, or it is built.
    Image,
    /// A container, or the app's process in the one that is there.
    Process,
}

/// Whether a preview's end was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ending {
    /// It was not.
    #[default]
    Not,
    /// It was, and something may be left.
    Asked,
    /// Nothing is left.
    Over,
}

/// What is observed of a preview. Its driver writes it, but for what a new preview begins with and the memory that it is
/// given meanwhile.
#[derive(Debug, Clone, PartialEq)]
pub struct PreviewStatus {
    /// What answers its requests.
    pub serving: Serving,
    /// What is being made for the next answer.
    pub making: Making,
    /// Whether nothing answers until something else is tried, such as another commit. `failure` says why.
    pub given_up: bool,
    /// Whether its end was asked for.
    pub ending: Ending,
    /// How it is run, once that is known.
    pub stack: Option<Stack>,
    /// The engine's id of its container.
    pub container: Option<String>,
    /// The dependency key of its container's image.
    pub dependency_key: Option<String>,
    /// The commit that answered last.
    pub applied: Option<CommitId>,
    /// The newest commit that was tried and has come to an end, good or bad.
    pub settled: Option<CommitId>,
    /// The newest request to apply the head that has come to an end.
    pub apply_request: u64,
    /// Why the newest commit is not what answers.
    pub failure: Option<Failure>,
    /// The bounds of its container.
    pub limits: Limits,
    /// What the caller should know of how it is run, such as that half of the project is not.
    pub notes: Vec<String>,
    /// The last time that it was given more memory: from how many bytes, to how many.
    pub memory_given: Option<(u64, u64)>,
    /// What the page answered last.
    pub http_status: Option<u16>,
    /// The ports that the app listens on.
    pub ports: Vec<AppPort>,
}

impl PreviewStatus {
    /// Returns that of a preview of which nothing has been made.
    pub fn new(limits: Limits) -> Self {
        Self {
            serving: Serving::Nothing,
            making: Making::Nothing,
            given_up: false,
            ending: Ending::Not,
            stack: None,
            container: None,
            dependency_key: None,
            applied: None,
            settled: None,
            apply_request: 0,
            failure: None,
            limits,
            notes: Vec::new(),
            memory_given: None,
            http_status: None,
            ports: Vec::new(),
        }
    }

    /// Returns whether the preview still has, or may get, a container.
    pub fn is_live(&self) -> bool {
        self.ending == Ending::Not
    }

    /// Returns whether requests are answered, if perhaps by an app that has to be woken first.
    pub fn is_served(&self) -> bool {
        self.is_live() && self.serving != Serving::Nothing
    }

    /// Returns the commit that answers now; `None` before the first one does, and while nothing answers.
    pub fn answering(&self) -> Option<&CommitId> {
        self.applied.as_ref().filter(|_| self.is_served())
    }

    /// Records that the app answers at an address.
    pub fn answers(&mut self, address: SocketAddr) {
        (self.serving, self.making, self.given_up) = (Serving::App(address), Making::Nothing, false);
    }

    /// Records that the container was frozen.
    pub fn freezes(&mut self) {
        if let Serving::App(address) = self.serving {
            self.serving = Serving::Frozen(address);
        }
    }

    /// Records that the container is not frozen any more.
    pub fn wakes(&mut self) {
        if let Serving::Frozen(address) = self.serving {
            self.serving = Serving::App(address);
        }
    }

    /// Records that the app's process or container has ended, or is about to, and is started anew.
    pub fn restarts(&mut self) {
        (self.serving, self.making, self.given_up) = (Serving::Nothing, Making::Process, false);
    }

    /// Records why the newest commit is not what answers, and that nothing else does.
    pub fn gives_up(&mut self, failure: Failure) {
        (self.serving, self.making, self.given_up) = (Serving::Nothing, Making::Nothing, true);
        self.failure = Some(failure);
    }
}
