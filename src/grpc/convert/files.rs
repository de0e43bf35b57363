//! The files of a request: what is written and what is deleted.

use super::fields::Fields;
use crate::{
    domain::{
        change::{check_size, check_sums, misplaced},
        ids::FilePath,
        limits::MAX_TREE_FILES,
    },
    proto::preview::v1 as proto,
    vfs::FileWrite,
};

/// What was read of a list, each with its place in it, and whether all of it could be read.
struct Listed<T> {
    read: Vec<(usize, T)>,
    whole: bool,
}

impl Fields {
    /// Checks the files to write and the paths to delete, each by itself and all together.
    pub(super) fn changes(
        &mut self,
        files: Vec<proto::File>,
        delete_paths: &[String],
    ) -> Option<(Vec<FileWrite>, Vec<FilePath>)> {
        let writes = self.files(files);
        let deletes = self.deletes(delete_paths);
        let (writes, deletes) = (writes?, deletes?);
        let paths = writes.read.iter().map(|(index, write)| (*index, &write.path));
        let found = misplaced(paths, deletes.read.iter().map(|(index, path)| (*index, path)));
        let sound = writes.whole && deletes.whole && found.is_empty();
        for misplaced in found {
            self.take::<()>(Err(misplaced.violation));
        }
        sound.then(|| (writes.items(), deletes.items()))
    }

    /// Checks the files to write.
    pub(super) fn writes(&mut self, files: Vec<proto::File>) -> Option<Vec<FileWrite>> {
        Some(self.changes(files, &[])?.0)
    }

    fn files(&mut self, files: Vec<proto::File>) -> Option<Listed<FileWrite>> {
        let count = files.len();
        let sums = self.take(check_sums(count, files.iter().map(size).sum()));
        if count > MAX_TREE_FILES {
            return None;
        }
        let numbered = files.into_iter().enumerate();
        let read: Vec<_> = numbered.filter_map(|(index, file)| Some((index, self.write(index, file)?))).collect();
        Some(Listed { whole: sums.is_some() && read.len() == count, read })
    }

    fn deletes(&mut self, paths: &[String]) -> Option<Listed<FilePath>> {
        if paths.len() > MAX_TREE_FILES {
            return self.fail("delete_paths", format!("must be at most {MAX_TREE_FILES}, are {}", paths.len()));
        }
        let numbered = paths.iter().enumerate();
        let read: Vec<_> = numbered
            .filter_map(|(index, path)| Some((index, self.name(&format!("delete_paths[{index}]"), path)?)))
            .collect();
        Some(Listed { whole: read.len() == paths.len(), read })
    }

    fn write(&mut self, index: usize, file: proto::File) -> Option<FileWrite> {
        let fits = self.take(check_size(index, size(&file)));
        let path = self.name(&format!("files[{index}].path"), &file.path)?;
        let content = match file.content {
            Some(proto::file::Content::Text(text)) => text.into_bytes(),
            Some(proto::file::Content::Data(data)) => data,
            None => Vec::new(),
        };
        fits.map(|()| FileWrite { path, content: content.into(), executable: file.executable })
    }
}

impl<T> Listed<T> {
    fn items(self) -> Vec<T> {
        self.read.into_iter().map(|(_, item)| item).collect()
    }
}

fn size(file: &proto::File) -> u64 {
    match &file.content {
        Some(proto::file::Content::Text(text)) => text.len() as u64,
        Some(proto::file::Content::Data(data)) => data.len() as u64,
        None => 0,
    }
}
