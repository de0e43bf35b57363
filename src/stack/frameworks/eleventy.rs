//! Eleventy: `eleventy --serve` writes the pages anew that its watcher is told of.

use super::{framework::Framework, told::Told};
use crate::stack::readers::eleventy;

pub(super) const FRAMEWORK: Framework = Framework {
    package: "@11ty/eleventy",
    told: Told::Hook,
    builds: false,
    reader: Some(eleventy::read),
    ..Framework::USUAL
};
