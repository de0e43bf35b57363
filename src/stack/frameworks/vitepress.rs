//! VitePress: `vitepress dev` makes its server by Vite.

use super::{framework::Framework, told::Told};

pub(super) const FRAMEWORK: Framework =
    Framework { package: "vitepress", told: Told::Hook, builds: false, ..Framework::USUAL };
