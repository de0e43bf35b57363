//! The stacks: one file each, and one list.

pub(super) mod dockerfile;
mod kind;
mod node;
pub(super) mod python;
mod react;
pub(super) mod static_files;

pub(super) use self::kind::Kind;
use crate::domain::spec::Stack;

/// Returns what is known of a stack.
pub(super) fn of(stack: Stack) -> &'static dyn Kind {
    match stack {
        Stack::Python => &python::Python,
        Stack::Node => &node::Node,
        Stack::React => &react::React,
        Stack::Static => &static_files::Static,
        Stack::Dockerfile => &dockerfile::Dockerfile,
    }
}
