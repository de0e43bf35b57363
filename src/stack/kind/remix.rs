//! Remix: `remix vite:dev`; older ones have a compiler of their own.

use super::{Kind, Told};

pub(super) const KIND: Kind = Kind { package: "@remix-run/dev", told: Told::Hook };
