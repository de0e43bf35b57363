//! The composition root: what is built, started and stopped, in which order.
