//! Where the agent listens, and who may connect.

use std::{
    io,
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener, UnixStream},
    },
};

use tokio::net::unix::UCred;

use crate::processes;

/// The name of the agent's socket: abstract by default, so that it needs no writable folder. A container has a network
/// namespace of its own, and with it names of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SocketName {
    /// A name in the abstract namespace.
    Abstract(String),
    /// A path in the file system.
    Path(String),
}

impl Default for SocketName {
    fn default() -> Self {
        Self::Abstract("previewd-agent".into())
    }
}

impl SocketName {
    /// Returns the name that a word means: abstract after an `@`, else a path.
    pub fn parse(word: &str) -> Self {
        match word.strip_prefix('@') {
            Some(name) => Self::Abstract(name.to_owned()),
            None => Self::Path(word.to_owned()),
        }
    }

    fn address(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Abstract(name) => SocketAddr::from_abstract_name(name),
            Self::Path(path) => SocketAddr::from_pathname(path),
        }
    }

    /// Listens.
    pub fn bind(&self) -> io::Result<UnixListener> {
        if let Self::Path(path) = self {
            let _ = std::fs::remove_file(path);
        }
        UnixListener::bind_addr(&self.address()?)
    }

    /// Connects once.
    pub fn connect(&self) -> io::Result<UnixStream> {
        UnixStream::connect_addr(&self.address()?)
    }
}

/// Returns whether a process may speak to the agent: not if it descends from PID 1, as everything does that the app
/// started. Processes that come by the engine's `exec` have no parent in the container. Says yes to all when the agent is
/// not PID 1, which is so in tests only.
pub fn may_connect(peer: &UCred) -> bool {
    let own = rustix::process::getpid();
    if !own.is_init() {
        return true;
    }
    let same_user = peer.uid() == rustix::process::getuid().as_raw() || peer.uid() == 0;
    let outside = peer.pid().is_some_and(|pid| processes::descends(pid, own.as_raw_pid()) == Some(false));
    same_user && outside
}
