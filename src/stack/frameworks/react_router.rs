//! React Router: `react-router dev` makes four servers by Vite: its compilers are such servers too.

use super::{framework::Framework, told::Told};

pub(super) const FRAMEWORK: Framework =
    Framework { package: "@react-router/dev", told: Told::Hook, ..Framework::USUAL };
