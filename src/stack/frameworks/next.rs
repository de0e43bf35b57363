//! Next.js: `next dev` has a watcher of its own that cannot be reached, and loses nothing.

use super::{
    framework::{Framework, GIB},
    told::Told,
};

/// Next.js 15 takes 700 MB at its first page.
pub(super) const FRAMEWORK: Framework =
    Framework { package: "next", told: Told::Next, memory_bytes: Some(GIB), ..Framework::USUAL };
