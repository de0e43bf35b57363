//! TanStack Start: `vite dev` with its plugin, which writes the tree of routes when files come and go.

use super::{Kind, Told};

pub(super) const KIND: Kind = Kind { package: "@tanstack/react-start", told: Told::Hook };
