//! Astro: `astro dev` makes its server by Vite, and makes it anew for another `astro.config`.

use super::{Kind, Told};

pub(super) const KIND: Kind = Kind { package: "astro", told: Told::Hook };
