//! Eleventy: `eleventy --serve` writes the pages anew that its watcher is told of.

use super::{framework::Framework, told::Told};

pub(super) const FRAMEWORK: Framework =
    Framework { package: "@11ty/eleventy", told: Told::Hook, builds: false, ..Framework::USUAL };
