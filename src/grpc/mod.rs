//! Thin handlers: requests in, answers out.
