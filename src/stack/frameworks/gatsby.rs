//! Gatsby: `gatsby develop` bundles by webpack.

use super::{framework::Framework, told::Told};

pub(super) const FRAMEWORK: Framework = Framework { package: "gatsby", told: Told::Hook, ..Framework::USUAL };
