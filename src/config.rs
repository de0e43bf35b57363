//! Every setting, its default and its check.
