//! How a commit is shown in what runs: by what was served already, by a word to a development server, or by a process
//! started anew.

pub(in crate::preview::driver) mod change;
mod notice;
mod page;
mod place;
pub(in crate::preview::driver) mod reload;
pub(in crate::preview::driver) mod tell;
