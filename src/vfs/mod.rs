//! The versioned store of all projects: one bare git repository per project. Only this module names gix.
