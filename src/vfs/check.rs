//! What can be wrong with a change, found all together before anything happens.

use gix::{ObjectId, hash::Kind as Hash, objs::Kind};

use super::{
    batch::Batch,
    edit::{Folder, MAX_TREE_FOLDERS, Obstacle, Source},
    error::VfsError,
    fsck,
    objects::hash,
    types::{Change, Scope},
};
use crate::domain::{
    change::{check_size, check_sums, misplaced},
    error::FieldViolation,
    limits::{MAX_MESSAGE_BYTES, MAX_TREE_FILES},
};

/// What was found in the request alone, whatever the tree.
#[derive(Default)]
pub(super) struct Checked {
    pub violations: Vec<FieldViolation>,
    /// Which writes and deletions are wrong by themselves, so that nothing more need be said about them.
    bad_writes: Vec<bool>,
    bad_deletes: Vec<bool>,
}

impl Checked {
    fn refuse(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.violations.push(FieldViolation::new(field, description));
    }

    fn refuse_write(&mut self, index: usize, part: &str, description: impl Into<String>) {
        self.bad_writes[index] = true;
        self.refuse(format!("files[{index}]{part}"), description);
    }

    fn refuse_delete(&mut self, index: usize, description: impl Into<String>) {
        self.bad_deletes[index] = true;
        self.refuse(format!("delete_paths[{index}]"), description);
    }
}

/// Checks the request alone.
pub(super) fn request(change: &Change) -> Checked {
    let (writes, deletes) = (change.writes.len(), change.deletes.len());
    let mut checked =
        Checked { bad_writes: vec![false; writes], bad_deletes: vec![false; deletes], ..Checked::default() };
    let bytes = change.writes.iter().map(|write| write.content.len() as u64).sum();
    checked.violations.extend(check_sums(writes, bytes).err());
    for (index, write) in change.writes.iter().enumerate() {
        if let Err(violation) = check_size(index, write.content.len() as u64) {
            checked.bad_writes[index] = true;
            checked.violations.push(violation);
        }
        if let Some(problem) = fsck::problem(&write.path, &write.content) {
            checked.refuse_write(index, "", problem);
        }
    }
    let paths = change.writes.iter().map(|write| &write.path).enumerate();
    for found in misplaced(paths, change.deletes.iter().enumerate()) {
        let bad = if found.deleted { &mut checked.bad_deletes } else { &mut checked.bad_writes };
        bad[found.index] = true;
        checked.violations.push(found.violation);
    }
    if let Some(message) = &change.message {
        check_message(message, &mut checked.violations);
    }
    checked
}

/// Checks a commit's message.
pub(super) fn check_message(message: &str, violations: &mut Vec<FieldViolation>) {
    if message.len() > MAX_MESSAGE_BYTES {
        let description = format!("must have at most {MAX_MESSAGE_BYTES} bytes, has {}", message.len());
        violations.push(FieldViolation::new("message", description));
    }
    if message.contains('\0') {
        violations.push(FieldViolation::new("message", "must not have NUL characters"));
    }
}

/// Applies a change to the tree of the head and returns the new tree, whose new files are in the batch.
///
/// # Errors
/// `Invalid` with what was found in the request and here.
pub(super) fn apply(
    source: Source<'_>,
    head: Option<ObjectId>,
    change: &Change,
    mut checked: Checked,
    batch: &mut Batch,
) -> Result<Folder, VfsError> {
    let mut old = head.map_or_else(Folder::empty, Folder::stored);
    for (index, path) in
        change.deletes.iter().enumerate().filter(|(index, _)| !checked.bad_deletes[*index]).collect::<Vec<_>>()
    {
        let outcome = match change.scope {
            Scope::Overlay => old.delete(source, path.as_str())?,
            Scope::Whole => old.find(source, path.as_str())?,
        };
        match outcome {
            Ok(()) => {}
            Err(Obstacle::IsFolder) => checked.refuse_delete(index, "is a folder: name its files"),
            Err(_) => checked.refuse_delete(index, "does not exist"),
        }
    }
    let mut tree = match change.scope {
        Scope::Overlay => old,
        Scope::Whole => Folder::empty(),
    };
    for (index, write) in change.writes.iter().enumerate() {
        if checked.bad_writes[index] {
            continue;
        }
        // Of a request that is refused anyway, only the paths matter.
        let refused = !checked.violations.is_empty();
        let blob = if refused { ObjectId::null(Hash::Sha1) } else { hash(Kind::Blob, &write.content)? };
        match tree.write(source, write.path.as_str(), write.executable, blob)? {
            Ok(true) if refused => {}
            Ok(true) => {
                source.cache.sizes.put(blob, write.content.len() as u64);
                batch.add_blob(blob, write.content.clone());
            }
            Ok(false) => {}
            Err(Obstacle::BelowFile(file)) => {
                checked.refuse_write(index, ".path", format!("is below {file}, which is a file"));
            }
            Err(_) => checked.refuse_write(index, ".path", "is a folder that has files"),
        }
    }
    if checked.violations.is_empty() {
        let count = tree.count(source)?;
        if count.files as usize > MAX_TREE_FILES {
            checked.refuse("files", format!("would make {} files, more than {MAX_TREE_FILES}", count.files));
        }
        if count.folders as usize > MAX_TREE_FOLDERS {
            checked.refuse("files", format!("would make {} folders, more than {MAX_TREE_FOLDERS}", count.folders));
        }
    }
    if checked.violations.is_empty() { Ok(tree) } else { Err(VfsError::Invalid(checked.violations)) }
}
