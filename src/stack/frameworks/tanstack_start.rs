//! TanStack Start: `vite dev` with its plugin, which writes the tree of routes when files come and go.

use super::{framework::Framework, told::Told};

pub(super) const FRAMEWORK: Framework =
    Framework { package: "@tanstack/react-start", told: Told::Hook, ..Framework::USUAL };
