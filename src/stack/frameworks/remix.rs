//! Remix: `remix vite:dev`; older ones have a compiler of their own.

use super::{framework::Framework, told::Told};

pub(super) const FRAMEWORK: Framework = Framework { package: "@remix-run/dev", told: Told::Hook, ..Framework::USUAL };
