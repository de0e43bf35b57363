//! The command line: a gRPC client like any other.
