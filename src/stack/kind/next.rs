//! Next.js: `next dev`.

use super::{Kind, Told};

pub(super) const KIND: Kind = Kind { package: "next", told: Told::Nobody };
