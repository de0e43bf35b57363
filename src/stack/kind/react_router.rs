//! React Router: `react-router dev` makes four servers by Vite: its compilers are such servers too.

use super::{Kind, Told};

pub(super) const KIND: Kind = Kind { package: "@react-router/dev", told: Told::Hook };
