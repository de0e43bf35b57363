//! What is refused, all of it named, with nothing changed.

use previewd::domain::{
    error::{Error, ErrorKind},
    limits::{MAX_FILE_BYTES, MAX_MESSAGE_BYTES, MAX_TREE_FILES},
};

use super::*;

/// Returns the fields that a commit was refused for.
fn fields(outcome: Result<Committed, VfsError>) -> Vec<String> {
    match outcome.map_err(Error::from) {
        Err(Error::InvalidArgument(violations)) => {
            assert!(violations.iter().all(|violation| !violation.description.is_empty()));
            violations.into_iter().map(|violation| violation.field).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn wrong_changes_are_refused_field_by_field() {
    let fixture = Fixture::new();
    fixture.commit(overlay(&[("a", "1"), ("d/x", "2"), ("d/y", "2"), ("e/f", "3")])).await.unwrap();
    let head = fixture.head().await;
    let table: Vec<(&str, Change, &[&str])> = vec![
        ("written twice", overlay(&[("n", "1"), ("m", "2"), ("n", "3")]), &["files[2].path"]),
        ("deleted twice", change(Scope::Overlay, &[], &["a", "a"]), &["delete_paths[1]"]),
        ("written and deleted", change(Scope::Overlay, &[("a", "2")], &["a"]), &["delete_paths[0]"]),
        ("deleted and not there", change(Scope::Overlay, &[], &["a", "b"]), &["delete_paths[1]"]),
        ("deleted below a file", change(Scope::Overlay, &[], &["a/b"]), &["delete_paths[0]"]),
        ("a folder deleted", change(Scope::Overlay, &[], &["d"]), &["delete_paths[0]"]),
        ("below a file of the request", overlay(&[("n", "1"), ("n/m/o", "2")]), &["files[1].path"]),
        ("above a file of the request", overlay(&[("n/m/o", "2"), ("n", "1")]), &["files[0].path"]),
        ("below a file of the tree", overlay(&[("a/b/c", "2")]), &["files[0].path"]),
        ("on a folder of the tree", overlay(&[("d", "2")]), &["files[0].path"]),
        ("on a folder not all deleted", change(Scope::Overlay, &[("d", "2")], &["d/x"]), &["files[0].path"]),
        ("whole, deleted and not there", change(Scope::Whole, &[("a", "2")], &["b"]), &["delete_paths[0]"]),
        ("NUL", Change { message: Some("a\0b".into()), ..overlay(&[("n", "1")]) }, &["message"]),
        ("long", Change { message: Some("x".repeat(MAX_MESSAGE_BYTES + 1)), ..overlay(&[("n", "1")]) }, &["message"]),
        (
            "all at once",
            Change {
                message: Some("\0".into()),
                ..change(Scope::Overlay, &[("n", "1"), ("n", "2"), ("a/b", "3"), ("d", "4")], &["z", "n"])
            },
            &["files[1].path", "delete_paths[1]", "message", "delete_paths[0]", "files[2].path", "files[3].path"],
        ),
    ];
    for (name, change, expected) in table {
        assert_eq!(fields(fixture.commit(change).await), expected, "{name}");
        assert_eq!(fixture.head().await, head, "{name}");
    }
}

#[tokio::test]
async fn request_beyond_the_limits_is_refused_and_makes_no_project() {
    let fixture = Fixture::new();
    let size = usize::try_from(MAX_FILE_BYTES).unwrap();
    let big = |size: usize| Bytes::from(vec![b'x'; size]);
    let writes = |writes| Change { writes, ..overlay(&[]) };
    let many = |count: usize| (0..count).map(|n| file(&format!("{}/{n}", n % 100), "")).collect::<Vec<_>>();
    // 6,700 files with three folders each of their own.
    let deep = (0..6_700).map(|n| file(&format!("{n}/a/b/c"), "")).collect();
    let four = (0..4).map(|n| file(&n.to_string(), big(size))).collect();
    for (name, change, expected) in [
        ("a file", writes(vec![file("ok", big(size)), file("big", big(size + 1))]), "files[1]"),
        ("all files", writes(four), "files"),
        ("files in a tree", writes(many(MAX_TREE_FILES + 1)), "files"),
        ("folders in a tree", writes(deep), "files"),
        ("deletions of nothing", change(Scope::Overlay, &[("a", "1")], &["b"]), "delete_paths[0]"),
    ] {
        assert_eq!(fields(fixture.commit(change).await), [expected], "{name}");
    }
    assert!(!fixture.repository().exists());

    let full = fixture.commit(writes(many(MAX_TREE_FILES))).await.unwrap();
    assert_eq!(fields(fixture.commit(overlay(&[("one/more", "")])).await), ["files"]);
    assert_eq!(fixture.head().await, Some(full.commit));
    assert!(fixture.commit(change(Scope::Overlay, &[("one/more", "")], &["0/0"])).await.unwrap().changed);
}

#[tokio::test]
async fn refused_request_is_wrong_even_on_a_stale_head() {
    let fixture = Fixture::new();
    let first = fixture.write("a", "1").await;
    fixture.write("a", "2").await;
    let wrong = Change { expected_head: Some(first), ..overlay(&[("n", "1"), ("n", "2")]) };
    assert_eq!(fields(fixture.commit(wrong).await), ["files[1].path"]);
}

#[tokio::test]
async fn what_does_not_exist_is_named_by_kind() {
    let fixture = Fixture::new();
    fixture.write("a", "1").await;
    let (unknown, none) = ("ab".repeat(20).parse::<CommitId>().unwrap(), "none".parse::<ProjectId>().unwrap());
    let errors = [
        (fixture.vfs.tree(&none, &unknown).await.unwrap_err(), "PROJECT_NOT_FOUND"),
        (fixture.vfs.tree(&project(), &unknown).await.unwrap_err(), "COMMIT_NOT_FOUND"),
        (fixture.vfs.diff(&project(), None, &unknown).await.unwrap_err(), "COMMIT_NOT_FOUND"),
        (fixture.vfs.commit_info(&project(), &unknown).await.unwrap_err(), "COMMIT_NOT_FOUND"),
        (fixture.vfs.log(&project(), &branch("no"), None, 1).await.unwrap_err(), "BRANCH_NOT_FOUND"),
        (fixture.vfs.log(&project(), &main(), Some(&unknown), 1).await.unwrap_err(), "COMMIT_NOT_FOUND"),
        (fixture.vfs.read(&project(), vec!["ab".repeat(20)]).await.unwrap_err(), "FILE_NOT_FOUND"),
        (fixture.vfs.read(&project(), vec!["no id".into()]).await.unwrap_err(), "FILE_NOT_FOUND"),
        (fixture.vfs.branches(&none, None, 1).await.unwrap_err(), "PROJECT_NOT_FOUND"),
        (fixture.vfs.create_branch(&project(), &branch("b"), Some(&unknown)).await.unwrap_err(), "COMMIT_NOT_FOUND"),
        (fixture.vfs.rollback(&project(), &branch("no"), &unknown, None, None).await.unwrap_err(), "BRANCH_NOT_FOUND"),
    ];
    for (error, reason) in errors {
        let text = format!("{error:?}");
        let error = Error::from(error);
        assert_eq!((error.reason().as_str(), error.kind()), (reason, ErrorKind::NotFound), "{text}");
    }
    assert_eq!(fixture.vfs.head(&none, &main()).await.unwrap(), None);
    assert_eq!(fixture.vfs.head(&project(), &branch("no")).await.unwrap(), None);
    assert!(!fixture.folder.path().join("vfs/none.git").exists());
}
