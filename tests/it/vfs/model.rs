//! Properties: the store is a map from paths to contents, and takes no path that git would not.

use std::collections::BTreeMap;

use previewd::domain::tree::ChangeKind;
use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

type Files = BTreeMap<String, String>;

fn any_path() -> impl Strategy<Value = String> {
    vec(select(vec!["a", "b", "a.b", "a-"]), 1..4).prop_map(|parts| parts.join("/"))
}

fn any_change() -> impl Strategy<Value = (bool, Vec<(String, String)>, Vec<String>)> {
    (prop::bool::weighted(0.2), vec((any_path(), "[01]"), 0..4), vec(any_path(), 0..3))
}

/// Returns what a change makes of the files, or `None` where it breaks a rule.
fn apply(files: &Files, whole: bool, writes: &[(String, String)], deletes: &[String]) -> Option<Files> {
    let mut left = files.clone();
    for path in deletes {
        left.remove(path)?;
    }
    let mut result = if whole { Files::new() } else { left };
    let mut written = Files::new();
    for (path, content) in writes {
        if written.insert(path.clone(), content.clone()).is_some() || deletes.contains(path) {
            return None;
        }
    }
    if written.is_empty() && (whole || files.is_empty()) {
        return None;
    }
    result.extend(written);
    let below = |path: &String| result.keys().any(|other| other.starts_with(&format!("{path}/")));
    if result.keys().any(below) { None } else { Some(result) }
}

fn expected_diff(old: &Files, new: &Files) -> Vec<(String, ChangeKind)> {
    let mut paths: Vec<_> = old.keys().chain(new.keys()).collect();
    paths.sort();
    paths.dedup();
    let kind = |path: &String| match (old.get(path), new.get(path)) {
        (Some(a), Some(b)) if a == b => None,
        (Some(_), Some(_)) => Some(ChangeKind::Modified),
        (Some(_), None) => Some(ChangeKind::Deleted),
        (None, _) => Some(ChangeKind::Added),
    };
    paths.into_iter().filter_map(|path| Some((path.clone(), kind(path)?))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn store_is_a_map(changes in vec(any_change(), 1..12)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let fixture = Fixture::new();
            let (mut model, mut head) = (Files::new(), None);
            for (whole, writes, deletes) in changes {
                let scope = if whole { Scope::Whole } else { Scope::Overlay };
                let writes_as_str: Vec<_> = writes.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
                let deletes_as_str: Vec<_> = deletes.iter().map(String::as_str).collect();
                let outcome = fixture.commit(change(scope, &writes_as_str, &deletes_as_str)).await;
                match apply(&model, whole, &writes, &deletes) {
                    Some(expected) => {
                        let done = outcome.unwrap();
                        assert_eq!(done.changed, head.is_none() || expected != model);
                        let diff = fixture.vfs.diff(&project(), head.clone(), &done.commit).await.unwrap();
                        let diff: Vec<_> = diff.into_iter().map(|change| (change.path.to_string(), change.kind)).collect();
                        assert_eq!(diff, expected_diff(&model, &expected));
                        (model, head) = (expected, Some(done.commit));
                    }
                    None => {
                        let refused = matches!(outcome, Err(VfsError::Invalid(_) | VfsError::NoFiles { .. }));
                        let unchanged = matches!(&outcome, Ok(done) if !done.changed);
                        assert!(refused || unchanged, "{outcome:?}");
                    }
                }
                if let Some(head) = &head {
                    assert_eq!(fixture.files(head).await.into_iter().collect::<Files>(), model);
                }
                assert_eq!(fixture.head().await, head);
            }
            if head.is_some() {
                fsck(&fixture.repository());
            }
        });
    }

    #[test]
    fn every_path_that_is_taken_is_taken_by_git(
        paths in vec("([.gGiItT~1 :a\u{200c}é\\\\/]|GIT|git|[.]git|git~1|::[$]INDEX){1,6}", 400)
    ) {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &["init", "--quiet"]);
        let empty = git_with(folder.path(), &["hash-object", "-w", "--stdin"], b"");
        let taken = paths.iter().filter_map(|text| text.parse::<FilePath>().ok());
        let entries: String = taken.map(|path| format!("100644 {empty}\t{path}\0")).collect();
        let arguments = ["-c", "core.protectHFS=true", "-c", "core.protectNTFS=true", "update-index", "-z", "--add"];
        git_with(folder.path(), &[&arguments[..], &["--replace", "--index-info"]].concat(), entries.as_bytes());
    }
}
