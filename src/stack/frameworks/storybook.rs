//! Storybook, where Vite builds its stories.

use super::{framework::Framework, told::Told};

pub(super) const FRAMEWORK: Framework =
    Framework { package: "@storybook/react-vite", told: Told::Hook, builds: false, ..Framework::USUAL };
