//! Which readers find the cause in the log of an app's process.

use crate::{
    domain::{runtime::RunPlan, spec::Stack},
    stack::readers::{
        cause::{Cause, Reader},
        eleventy, esbuild, nginx, node, python, shell, tsc, variable,
    },
};

/// Reads the log of an app's process.
pub(super) fn from_app(plan: &RunPlan, lines: &[String]) -> Option<Cause> {
    let root = &plan.root;
    let readers: &[Reader] = match plan.stack {
        Stack::Python => &[python::read, shell::read, node::read],
        Stack::Node | Stack::React => {
            &[tsc::read, esbuild::read, eleventy::read, node::read, shell::read, python::read]
        }
        Stack::Static => &[nginx::read, shell::read],
        Stack::Dockerfile => &[python::read, tsc::read, esbuild::read, node::read, nginx::read, shell::read],
    };
    let cause = readers.iter().find_map(|reader| reader(lines, root));
    variable::read(lines, root, cause.as_ref()).or(cause)
}
