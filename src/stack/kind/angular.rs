//! Angular: `ng serve` compiles by itself and hands Vite the result: its compiler is told (`stacks/node/told/builds.cjs`).

use super::{Kind, Told};

pub(super) const KIND: Kind = Kind { package: "@angular/cli", told: Told::Hook };
