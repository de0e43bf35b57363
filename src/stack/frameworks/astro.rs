//! Astro: `astro dev` makes its server by Vite, and makes it anew for another `astro.config`.

use super::{framework::Framework, told::Told};

pub(super) const FRAMEWORK: Framework = Framework { package: "astro", told: Told::Hook, ..Framework::USUAL };
