//! The files of a request: what is written and what is deleted.

use std::collections::{BTreeMap, HashSet};

use super::fields::Fields;
use crate::{
    domain::{
        ids::FilePath,
        limits::{MAX_FILE_BYTES, MAX_REQUEST_BYTES, MAX_TREE_FILES},
    },
    proto::preview::v1 as proto,
    vfs::FileWrite,
};

impl Fields {
    /// Checks the files to write and the paths to delete, each by itself and all together.
    pub(super) fn changes(
        &mut self,
        files: Vec<proto::File>,
        delete_paths: &[String],
    ) -> Option<(Vec<FileWrite>, Vec<FilePath>)> {
        let writes = self.writes(files);
        let deletes = self.deletes(delete_paths);
        let (writes, deletes) = (writes?, deletes?);
        let written: HashSet<&FilePath> = writes.iter().map(|write| &write.path).collect();
        let mut clash = false;
        for (index, path) in deletes.iter().enumerate() {
            if written.contains(path) {
                clash = true;
                self.fail::<()>(format!("delete_paths[{index}]"), "must not also be written");
            }
        }
        (!clash).then_some((writes, deletes))
    }

    /// Checks the files to write.
    pub(super) fn writes(&mut self, files: Vec<proto::File>) -> Option<Vec<FileWrite>> {
        if files.len() > MAX_TREE_FILES {
            return self.fail("files", format!("must be at most {MAX_TREE_FILES}, are {}", files.len()));
        }
        let total: u64 = files.iter().map(size).sum();
        let mut sound = total <= MAX_REQUEST_BYTES;
        if !sound {
            self.fail::<()>("files", format!("must have at most {MAX_REQUEST_BYTES} bytes in all, have {total}"));
        }
        let count = files.len();
        let numbered = files.into_iter().enumerate();
        let writes: Vec<(usize, FileWrite)> =
            numbered.filter_map(|(index, file)| Some((index, self.write(index, file)?))).collect();
        sound &= writes.len() == count;
        sound &= self.distinct("files", ".path", writes.iter().map(|(index, write)| (*index, &write.path)));
        sound &= self.no_file_below_a_file(&writes);
        sound.then(|| writes.into_iter().map(|(_, write)| write).collect())
    }

    fn deletes(&mut self, paths: &[String]) -> Option<Vec<FilePath>> {
        if paths.len() > MAX_TREE_FILES {
            return self.fail("delete_paths", format!("must be at most {MAX_TREE_FILES}, are {}", paths.len()));
        }
        let numbered = paths.iter().enumerate();
        let deletes: Vec<(usize, FilePath)> = numbered
            .filter_map(|(index, path)| Some((index, self.name(&format!("delete_paths[{index}]"), path)?)))
            .collect();
        let distinct = self.distinct("delete_paths", "", deletes.iter().map(|(index, path)| (*index, path)));
        let sound = distinct && deletes.len() == paths.len();
        sound.then(|| deletes.into_iter().map(|(_, path)| path).collect())
    }

    fn write(&mut self, index: usize, file: proto::File) -> Option<FileWrite> {
        let bytes = size(&file);
        let fits = bytes <= MAX_FILE_BYTES;
        if !fits {
            let field = format!("files[{index}]");
            self.fail::<()>(field, format!("must have at most {MAX_FILE_BYTES} bytes, has {bytes}"));
        }
        let path = self.name(&format!("files[{index}].path"), &file.path)?;
        let content = match file.content {
            Some(proto::file::Content::Text(text)) => text.into_bytes(),
            Some(proto::file::Content::Data(data)) => data,
            None => Vec::new(),
        };
        fits.then_some(FileWrite { path, content: content.into(), executable: file.executable })
    }

    /// Checks that no path comes twice.
    fn distinct<'a>(&mut self, list: &str, member: &str, paths: impl Iterator<Item = (usize, &'a FilePath)>) -> bool {
        let mut seen = BTreeMap::new();
        let mut sound = true;
        for (index, path) in paths {
            if let Some(earlier) = seen.insert(path, index) {
                sound = false;
                let field = format!("{list}[{index}]{member}");
                self.fail::<()>(field, format!("is the same as that of {list}[{earlier}]"));
            }
        }
        sound
    }

    fn no_file_below_a_file(&mut self, writes: &[(usize, FileWrite)]) -> bool {
        let files: HashSet<&str> = writes.iter().map(|(_, write)| write.path.as_str()).collect();
        let mut sound = true;
        for (index, write) in writes {
            let path = write.path.as_str();
            let mut folders = path.match_indices('/').map(|(end, _)| &path[..end]);
            if let Some(above) = folders.find(|folder| files.contains(folder)) {
                sound = false;
                self.fail::<()>(format!("files[{index}].path"), format!("must not be below the file {above}"));
            }
        }
        sound
    }
}

fn size(file: &proto::File) -> u64 {
    match &file.content {
        Some(proto::file::Content::Text(text)) => text.len() as u64,
        Some(proto::file::Content::Data(data)) => data.len() as u64,
        None => 0,
    }
}
