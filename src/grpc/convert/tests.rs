//! Tables of requests, and answers as they are sent.

mod answers;
mod pages;
mod requests;

use super::*;
use crate::{
    domain::error::Error,
    proto::preview::v1::{self as proto, file::Content},
};

pub(super) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
pub(super) const PREVIEW: &str = "abcdefgh2345";

/// Returns the fields that a conversion found fault with, in order.
pub(super) fn faults<T, R>(request: R) -> Vec<String>
where
    T: TryFrom<R, Error = Error>,
{
    match T::try_from(request) {
        Ok(_) => Vec::new(),
        Err(Error::InvalidArgument(violations)) => {
            assert!(violations.iter().all(|violation| !violation.description.is_empty()));
            violations.into_iter().map(|violation| violation.field).collect()
        }
        Err(error) => panic!("{error}"),
    }
}

pub(super) fn text_file(path: &str) -> proto::File {
    proto::File { path: path.into(), content: Some(Content::Text("x".into())), executable: false }
}

pub(super) fn data_file(path: &str, bytes: u64) -> proto::File {
    let data = vec![0; usize::try_from(bytes).unwrap()];
    proto::File { path: path.into(), content: Some(Content::Data(data)), executable: false }
}

pub(super) fn create() -> proto::CreateRequest {
    proto::CreateRequest { project_id: "shop".into(), ..Default::default() }
}

pub(super) fn commit(files: Vec<proto::File>, delete_paths: &[&str]) -> proto::CommitRequest {
    let delete_paths = delete_paths.iter().map(|path| (*path).to_owned()).collect();
    proto::CommitRequest { project_id: "shop".into(), files, delete_paths, ..Default::default() }
}

pub(super) fn duration(seconds: i64, nanos: i32) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos })
}
