//! Nuxt: `nuxt dev` builds its pages by Vite and its server by Nitro.

use super::{Kind, Told};

pub(super) const KIND: Kind = Kind { package: "nuxt", told: Told::Hook };
