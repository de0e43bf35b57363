//! Create React App: `react-scripts start` bundles by webpack.

use super::{framework::Framework, told::Told};

pub(super) const FRAMEWORK: Framework =
    Framework { package: "react-scripts", told: Told::Hook, builds: false, ..Framework::USUAL };
