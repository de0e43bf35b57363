//! The state machine of a preview.
