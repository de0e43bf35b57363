//! Next.js: `next dev` has a watcher of its own that cannot be reached, and loses nothing.

use super::{Kind, Told};

pub(super) const KIND: Kind = Kind { package: "next", told: Told::Next };
