//! The reverse proxy in front of every preview.
