//! Docusaurus: `docusaurus start` bundles by webpack or Rspack.

use super::{framework::Framework, told::Told};

pub(super) const FRAMEWORK: Framework = Framework { package: "@docusaurus/core", told: Told::Hook, ..Framework::USUAL };
