//! What is known of every framework.

use super::told::Told;
use crate::stack::readers::cause::Reader;

/// One gibibyte.
pub(super) const GIB: u64 = 1024 * 1024 * 1024;

/// What is known of one framework, or of a tool that brings a development server.
#[derive(Debug, Clone, Copy)]
pub(in crate::stack) struct Framework {
    /// The package whose presence in the manifest shows it.
    pub package: &'static str,
    /// How its development server learns of changes.
    pub told: Told,
    /// Whether its `start` script serves what a build has made, so that `dev` is what shows sources. A tool says nothing of
    /// the scripts of those who use it.
    pub builds: bool,
    /// How much memory its development server begins with, where that is more than most need.
    pub memory_bytes: Option<u64>,
    /// What reads the errors that it alone prints.
    pub reader: Option<Reader>,
}

impl Framework {
    /// What fits most of them.
    pub const USUAL: Self = Self { package: "", told: Told::Hook, builds: true, memory_bytes: None, reader: None };
}
