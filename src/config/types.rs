//! What settings come to that are no plain values.

use std::{collections::BTreeMap, fmt};

use crate::domain::{limits::Limits, spec::Stack};

/// The base images of the stacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    /// For Python.
    pub python: String,
    /// For Node and React.
    pub node: String,
    /// For static pages.
    pub static_pages: String,
}

/// Proxy variables. They may hold passwords, so only their names are ever printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies(pub BTreeMap<String, String>);

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The bounds of containers by kind of stack.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StackLimits {
    /// For Python, Node and Dockerfiles.
    pub backend: Limits,
    /// For React.
    pub frontend: Limits,
    /// For static pages.
    pub static_pages: Limits,
}

impl StackLimits {
    /// Returns the bounds of a container of that stack.
    pub fn of(&self, stack: Stack) -> Limits {
        match stack {
            Stack::Python | Stack::Node | Stack::Dockerfile => self.backend,
            Stack::React => self.frontend,
            Stack::Static => self.static_pages,
        }
    }

    /// Returns the setting of the memory that a container of that stack begins with.
    pub(super) fn memory_setting(stack: Stack) -> &'static str {
        match stack {
            Stack::Python | Stack::Node | Stack::Dockerfile => "PREVIEW_BACKEND_MEM",
            Stack::React => "PREVIEW_FRONTEND_MEM",
            Stack::Static => "PREVIEW_STATIC_MEM",
        }
    }
}

/// Which pages may call over grpc-web.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CorsOrigins {
    /// Those of this machine's own names: `localhost`, `127.0.0.1`, `[::1]` and `*.localhost`.
    Local,
    /// Those of any origin: there are no credentials that one could borrow.
    Any,
    /// Those of these origins, such as `https://app.example`.
    List(Vec<String>),
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}
