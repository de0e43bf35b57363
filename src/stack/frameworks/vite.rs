//! Vite itself, in a project whose own command makes the server.

use super::{framework::Framework, told::Told};

pub(super) const FRAMEWORK: Framework =
    Framework { package: "vite", told: Told::Hook, builds: false, ..Framework::USUAL };
