//! Gatsby: `gatsby develop` bundles by webpack.

use super::{Kind, Told};

pub(super) const KIND: Kind = Kind { package: "gatsby", told: Told::Hook };
