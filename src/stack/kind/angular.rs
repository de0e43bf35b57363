//! Angular: `ng serve` bundles by itself and hands Vite the result: a change is its own watcher's.

use super::{Kind, Told};

pub(super) const KIND: Kind = Kind { package: "@angular/cli", told: Told::Nobody };
