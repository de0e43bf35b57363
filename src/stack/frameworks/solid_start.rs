//! SolidStart: `vinxi dev` makes a server by Vite for each part of the app.

use super::{framework::Framework, told::Told};

pub(super) const FRAMEWORK: Framework = Framework { package: "@solidjs/start", told: Told::Hook, ..Framework::USUAL };
