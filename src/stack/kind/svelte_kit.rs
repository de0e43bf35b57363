//! SvelteKit: `vite dev` with its plugin, which gathers files that come and go before it looks at its routes.

use super::{Kind, Told};

pub(super) const KIND: Kind = Kind { package: "@sveltejs/kit", told: Told::Hook };
