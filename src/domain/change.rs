//! What can be wrong with a change by itself, whatever the tree that it is made to.

use std::collections::HashMap;

use super::{
    error::FieldViolation,
    ids::FilePath,
    limits::{MAX_FILE_BYTES, MAX_REQUEST_BYTES, MAX_TREE_FILES},
    path::above,
};

/// Checks how much is written.
///
/// # Errors
/// With the first bound that does not hold.
pub fn check_sums(files: usize, bytes: u64) -> Result<(), FieldViolation> {
    if files > MAX_TREE_FILES {
        return Err(FieldViolation::new("files", format!("must be at most {MAX_TREE_FILES}, are {files}")));
    }
    if bytes > MAX_REQUEST_BYTES {
        let description = format!("must have at most {MAX_REQUEST_BYTES} bytes in all, have {bytes}");
        return Err(FieldViolation::new("files", description));
    }
    Ok(())
}

/// Checks how large one file is, by its place in the request.
///
/// # Errors
/// When it is too large.
pub fn check_size(index: usize, bytes: u64) -> Result<(), FieldViolation> {
    if bytes > MAX_FILE_BYTES {
        let description = format!("must have at most {MAX_FILE_BYTES} bytes, has {bytes}");
        return Err(FieldViolation::new(format!("files[{index}]"), description));
    }
    Ok(())
}

/// A path that a change must not name so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misplaced {
    /// Whether it is one to delete, not one to write.
    pub deleted: bool,
    /// Its place in that list.
    pub index: usize,
    /// What is wrong.
    pub violation: FieldViolation,
}

/// Finds the paths that come twice, that are below a file, and that are both written and deleted. Each comes with its place
/// in the request.
pub fn misplaced<'a>(
    writes: impl Iterator<Item = (usize, &'a FilePath)> + Clone,
    deletes: impl Iterator<Item = (usize, &'a FilePath)>,
) -> Vec<Misplaced> {
    let mut found = Vec::new();
    let mut written = HashMap::new();
    for (index, path) in writes.clone() {
        let first = *written.entry(path.as_str()).or_insert(index);
        if first != index {
            found.push(Misplaced::write(index, format!("is the same as files[{first}].path")));
        }
    }
    for (index, path) in writes {
        let path = path.as_str();
        if let Some(file) = above(path).find_map(|folder| written.get(folder)) {
            found.push(Misplaced::write(index, format!("is below files[{file}].path, which is a file")));
        }
    }
    let mut deleted = HashMap::new();
    for (index, path) in deletes {
        let first = *deleted.entry(path.as_str()).or_insert(index);
        if first != index {
            found.push(Misplaced::delete(index, format!("is the same as delete_paths[{first}]")));
        }
        if let Some(file) = written.get(path.as_str()) {
            found.push(Misplaced::delete(index, format!("is also written, as files[{file}].path")));
        }
    }
    found
}

impl Misplaced {
    fn write(index: usize, description: String) -> Self {
        let violation = FieldViolation::new(format!("files[{index}].path"), description);
        Self { deleted: false, index, violation }
    }

    fn delete(index: usize, description: String) -> Self {
        let violation = FieldViolation::new(format!("delete_paths[{index}]"), description);
        Self { deleted: true, index, violation }
    }
}
