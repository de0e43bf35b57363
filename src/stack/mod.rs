//! One file per stack.
