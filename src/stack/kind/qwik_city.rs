//! Qwik City: `vite --mode ssr`.

use super::{Kind, Told};

pub(super) const KIND: Kind = Kind { package: "@builder.io/qwik-city", told: Told::Hook };
