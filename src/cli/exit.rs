//! The exit codes of the command line.

/// Of a command that did what it was told.
pub const OK: u8 = 0;
/// Of a command that could not.
pub const ERROR: u8 = 1;
/// Of a `create` or `update` whose preview does not run the code it was given.
pub const PREVIEW_FAILED: u8 = 2;
