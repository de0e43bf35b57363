//! Angular: `ng serve` compiles by itself and hands Vite the result: its compiler is told (`stacks/node/told/builds.cjs`).

use super::{
    framework::{Framework, GIB},
    told::Told,
};

pub(super) const FRAMEWORK: Framework =
    Framework { package: "@angular/cli", told: Told::Hook, memory_bytes: Some(GIB), ..Framework::USUAL };
