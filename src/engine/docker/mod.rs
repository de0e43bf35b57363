//! Docker, through bollard. Nothing else names it.
