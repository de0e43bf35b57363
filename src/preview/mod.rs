//! The core: the life of previews.
