//! What programs print when they fail: a reader for each, that finds the cause and its place in the project.
//!
//! Logs come from untrusted code. What a reader is given is cut to size, and what it finds is cut again.

pub(super) mod astro;
pub(super) mod cause;
pub(super) mod eleventy;
pub(super) mod esbuild;
pub(super) mod nginx;
pub(super) mod node;
pub(super) mod prisma;
pub(super) mod python;
pub(super) mod rollup;
pub(super) mod shell;
pub(super) mod tsc;
pub(super) mod variable;
