//! Vinxi: it makes a server by Vite for each part of an app.

use super::{framework::Framework, told::Told};

pub(super) const FRAMEWORK: Framework =
    Framework { package: "vinxi", told: Told::Hook, builds: false, ..Framework::USUAL };
