//! Logs of the service itself.
