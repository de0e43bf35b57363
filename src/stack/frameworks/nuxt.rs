//! Nuxt: `nuxt dev` builds its pages by Vite and its server by Nitro.

use super::{
    framework::{Framework, GIB},
    told::Told,
};

pub(super) const FRAMEWORK: Framework =
    Framework { package: "nuxt", told: Told::Hook, memory_bytes: Some(GIB), ..Framework::USUAL };
