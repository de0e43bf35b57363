//! webpack's own development server, by a configuration of the project's own: `webpack serve`.

use super::{framework::Framework, told::Told};

pub(super) const FRAMEWORK: Framework =
    Framework { package: "webpack-dev-server", told: Told::Hook, builds: false, ..Framework::USUAL };
