//! The `previewd` program.
fn main() {}
