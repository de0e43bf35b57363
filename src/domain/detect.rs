//! Stack detection: from a project's files to the way it is run.
