//! SolidStart: `vinxi dev` makes a server by Vite for each part of the app.

use super::{Kind, Told};

pub(super) const KIND: Kind = Kind { package: "@solidjs/start", told: Told::Hook };
