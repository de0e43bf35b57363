//! Pages and their tokens.

use std::time::SystemTime;

use super::*;
use crate::{
    domain::{
        ids::{BranchName, CommitId, PreviewId},
        spec::Phase,
        tree::{Entry, EntryKind, Tree},
    },
    preview::api::ListPage,
};

#[test]
fn list_requests_find_each_wrong_field() {
    let list = |edit: fn(&mut proto::ListRequest)| {
        let mut request = proto::ListRequest::default();
        edit(&mut request);
        faults::<ListCall, _>(request)
    };
    assert_eq!(list(|r| r.page_size = -1), ["page_size"]);
    assert_eq!(list(|r| r.page_size = i32::MIN), ["page_size"]);
    assert_eq!(list(|r| r.page_size = 100_001), ["page_size"]);
    assert_eq!(list(|r| r.page_token = "%%%".into()), ["page_token"]);
    assert_eq!(list(|r| r.page_token = "A".repeat(100_000)), ["page_token"]);
    assert_eq!(list(|r| r.phases = vec![1, 99]), ["phases[1]"]);
    assert_eq!(list(|r| r.project_id = "a/b".into()), ["project_id"]);
}

#[test]
fn page_sizes_have_a_default_and_a_bound() {
    let filter = |page_size| ListCall::try_from(proto::ListRequest { page_size, ..Default::default() }).unwrap().filter;
    assert_eq!(filter(0).page_size, 100);
    assert_eq!(filter(7).page_size, 7);
    assert_eq!(filter(100_000).page_size, 1_000);
}

#[test]
fn unspecified_phase_means_every_phase() {
    let phases =
        |phases| ListCall::try_from(proto::ListRequest { phases, ..Default::default() }).unwrap().filter.phases;
    assert!(phases(vec![]).is_empty());
    assert_eq!(phases(vec![4, 4]), [Phase::Running]);
    assert_eq!(phases(vec![4, 0]).len(), 8);
}

#[test]
fn page_token_leads_on_and_only_with_the_same_filters() {
    let request = proto::ListRequest { project_id: "shop".into(), ..Default::default() };
    let place = (SystemTime::now(), PREVIEW.parse::<PreviewId>().unwrap());
    let page = ListPage { previews: vec![], next: Some(place.clone()) };
    let page_token = ListCall::try_from(request.clone()).unwrap().response(page).next_page_token;

    let next = proto::ListRequest { page_token: page_token.clone(), page_size: 3, ..request.clone() };
    assert_eq!(ListCall::try_from(next).unwrap().filter.after, Some(place));
    let other = proto::ListRequest { page_token: page_token.clone(), project_id: "other".into(), ..request.clone() };
    assert_eq!(faults::<ListCall, _>(other), ["page_token"]);
    let torn = proto::ListRequest { page_token: page_token[1..].to_owned(), ..request };
    assert_eq!(faults::<ListCall, _>(torn), ["page_token"]);
    let foreign = proto::ListBranchesRequest { project_id: "shop".into(), page_token, ..Default::default() };
    assert_eq!(faults::<ListBranchesCall, _>(foreign), ["page_token"]);
}

#[test]
fn pages_of_files_stay_on_the_commit_of_the_first() {
    let request = proto::ListFilesRequest { project_id: "shop".into(), page_size: 2, ..Default::default() };
    let entry = Entry { kind: EntryKind::Executable, blob: COMMIT.into(), size_bytes: 3 };
    let tree: Tree = ["a", "b", "c"].into_iter().map(|path| (path.parse().unwrap(), entry.clone())).collect();

    let first = ListFilesCall::try_from(request.clone()).unwrap().response(COMMIT.parse().unwrap(), tree.iter());
    assert_eq!(first.files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert!(first.files[0].executable && first.files[0].size_bytes == 3);

    let next = proto::ListFilesRequest { page_token: first.next_page_token, ..request };
    let next = ListFilesCall::try_from(next).unwrap();
    assert_eq!(next.revision, Revision::Commit(COMMIT.parse().unwrap()));
    assert_eq!(next.after.as_ref().map(|path| path.as_str()), Some("b"));
    let last = next.response(COMMIT.parse().unwrap(), tree.iter().skip(2));
    assert_eq!((last.files.len(), last.next_page_token.as_str()), (1, ""));
}

#[test]
fn pages_of_branches_and_commits_end() {
    let request = proto::ListBranchesRequest { project_id: "shop".into(), page_size: 1, ..Default::default() };
    let call = ListBranchesCall::try_from(request.clone()).unwrap();
    let head: CommitId = COMMIT.parse().unwrap();
    let branch = |name: &str| (name.parse::<BranchName>().unwrap(), head.clone());
    let page = call.response(vec![branch("a"), branch("b")]);
    assert_eq!(page.branches.len(), 1);
    let next = proto::ListBranchesRequest { page_token: page.next_page_token, ..request };
    assert_eq!(ListBranchesCall::try_from(next).unwrap().after.unwrap().as_str(), "a");
    assert!(call.response(vec![branch("a")]).next_page_token.is_empty());

    let call = ListCommitsCall::try_from(proto::ListCommitsRequest { project_id: "shop".into(), ..Default::default() });
    let call = call.unwrap();
    assert_eq!((call.page_size, call.from.is_none()), (100, true));
    assert!(call.response(vec![]).next_page_token.is_empty());
}
