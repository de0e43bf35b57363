//! Astro: `astro dev` makes its server by Vite, and makes it anew for another `astro.config`.

use super::{framework::Framework, told::Told};
use crate::stack::readers::astro;

pub(super) const FRAMEWORK: Framework =
    Framework { package: "astro", told: Told::Hook, reader: Some(astro::read), ..Framework::USUAL };
