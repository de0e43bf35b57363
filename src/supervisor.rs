//! Starts background tasks by name, and decides what their errors mean.
