//! Vue CLI: `vue-cli-service serve` bundles by webpack.

use super::{framework::Framework, told::Told};

pub(super) const FRAMEWORK: Framework =
    Framework { package: "@vue/cli-service", told: Told::Hook, builds: false, ..Framework::USUAL };
