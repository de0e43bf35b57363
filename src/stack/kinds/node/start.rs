//! What a process is started by.

use std::collections::BTreeMap;

/// How a process is started.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::stack::kinds) struct Start {
    pub argv: Vec<String>,
    pub environment: BTreeMap<String, String>,
    /// Whether what it starts is told of changes, whatever the project's packages are.
    pub told: bool,
    /// The script of `package.json` that it comes from, if it comes from one.
    pub script: String,
}
