//! The cause in the log of an app's process.

use crate::{
    domain::runtime::RunPlan,
    stack::{
        kinds,
        readers::{cause::Cause, variable},
    },
};

/// Reads the log of an app's process by the readers of its stack.
pub(super) fn from_app(plan: &RunPlan, lines: &[String]) -> Option<Cause> {
    let root = &plan.root;
    let cause = kinds::of(plan.stack).readers().iter().find_map(|reader| reader(lines, root));
    variable::read(lines, root, cause.as_ref()).or(cause)
}
