//! PID 1 of every preview container.
fn main() {}
