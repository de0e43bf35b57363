//! Vike: a plugin of Vite's, whose server it goes by.

use super::{framework::Framework, told::Told};

pub(super) const FRAMEWORK: Framework =
    Framework { package: "vike", told: Told::Hook, builds: false, ..Framework::USUAL };
