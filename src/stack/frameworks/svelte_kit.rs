//! SvelteKit: `vite dev` with its plugin, which gathers files that come and go before it looks at its routes.

use super::{framework::Framework, told::Told};

pub(super) const FRAMEWORK: Framework = Framework { package: "@sveltejs/kit", told: Told::Hook, ..Framework::USUAL };
