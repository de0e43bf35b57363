//! Qwik City: `vite --mode ssr`.

use super::{framework::Framework, told::Told};

pub(super) const FRAMEWORK: Framework =
    Framework { package: "@builder.io/qwik-city", told: Told::Hook, ..Framework::USUAL };
