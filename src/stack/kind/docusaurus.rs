//! Docusaurus: `docusaurus start` bundles by webpack or Rspack.

use super::{Kind, Told};

pub(super) const KIND: Kind = Kind { package: "@docusaurus/core", told: Told::Hook };
