//! What other processes may put into a repository, and no preview must ever see.

use std::path::Path;

use super::*;

/// Writes a tree object of any bytes, and returns its id.
fn raw_tree(repository: &Path, entries: &[(&str, &[u8], &str)]) -> String {
    let mut bytes = Vec::new();
    for (mode, name, id) in entries {
        bytes.extend(mode.as_bytes());
        bytes.push(b' ');
        bytes.extend(*name);
        bytes.push(0);
        bytes.extend((0..20).map(|at| u8::from_str_radix(&id[2 * at..2 * at + 2], 16).unwrap()));
    }
    git_with(repository, &["hash-object", "-t", "tree", "-w", "--literally", "--stdin"], &bytes)
}

fn blob(repository: &Path, content: &[u8]) -> String {
    git_with(repository, &["hash-object", "-w", "--stdin"], content)
}

/// Puts a tree on the branch.
fn commit_tree(repository: &Path, tree: &str) -> CommitId {
    let commit = git(repository, &["commit-tree", "-m", "hostile", tree]);
    git(repository, &["update-ref", "refs/heads/main", &commit]);
    commit.parse().unwrap()
}

impl Fixture {
    async fn refusal(&self, commit: &CommitId) -> String {
        match self.vfs.tree(&project(), commit).await {
            Err(VfsError::UnusableTree { message }) => message,
            other => panic!("{:?}", other.map(|tree| tree.len())),
        }
    }
}

#[tokio::test]
async fn trees_with_hostile_paths_are_refused() {
    let fixture = Fixture::new();
    let first = fixture.write("a", "1").await;
    let repository = fixture.repository();
    let x = blob(&repository, b"x");
    let long = [b'x'; 256];
    let names: [&[u8]; 14] = [
        b"..",
        b".",
        b"",
        b".git",
        b".GIT",
        b"git~1",
        b".git ",
        b"a/b",
        b"a\\b",
        b"a\nb",
        b"\x1b[2J",
        b"\xff\xfe",
        "\u{200c}.git".as_bytes(),
        &long,
    ];
    for name in names {
        for tree in [
            raw_tree(&repository, &[("100644", name, &x)]),
            raw_tree(&repository, &[("40000", name, &raw_tree(&repository, &[("100644", b"f", &x)]))]),
            raw_tree(&repository, &[("40000", b"d", &raw_tree(&repository, &[("120000", name, &x)]))]),
        ] {
            // A name with a slash is a path, and a harmless one.
            if name == b"a/b" {
                continue;
            }
            let commit = commit_tree(&repository, &tree);
            let message = fixture.refusal(&commit).await;
            assert!(!message.contains('\n') && !message.contains('\u{1b}'), "{message:?}");
            let diff = fixture.vfs.diff(&project(), Some(first.clone()), &commit).await;
            assert!(matches!(diff, Err(VfsError::UnusableTree { .. })), "{diff:?}");
            let rollback = fixture.vfs.rollback(&project(), &main(), &commit, None, None).await;
            assert!(matches!(rollback, Err(VfsError::UnusableTree { .. })), "{rollback:?}");
        }
    }
}

#[tokio::test]
async fn name_that_is_there_twice_is_refused() {
    let fixture = Fixture::new();
    fixture.write("a", "1").await;
    let repository = fixture.repository();
    let x = blob(&repository, b"x");
    let folder = raw_tree(&repository, &[("100644", b"f", &x)]);
    for entries in [
        vec![("100644", b"n".as_slice(), x.as_str()), ("40000", b"n", &folder)],
        vec![("100644", b"n", &x), ("100755", b"n", &x)],
        vec![("100644", b"n", &x), ("100644", b"n-", &x), ("40000", b"n", &folder)],
    ] {
        let commit = commit_tree(&repository, &raw_tree(&repository, &entries));
        assert!(fixture.refusal(&commit).await.contains("twice"));
    }
}

#[tokio::test]
async fn tree_that_is_too_much_is_refused_soon() {
    let fixture = Fixture::new();
    fixture.write("a", "1").await;
    let repository = fixture.repository();
    let x = blob(&repository, b"x");
    // Ten of ten of ten and so on: ten to the tenth files in eleven objects.
    let tenfold = |leaf: &str, mode: &'static str| {
        let (mut tree, mut mode) = (leaf.to_owned(), mode);
        for _ in 0..10 {
            let names: Vec<_> = (0..10).map(|n| format!("d{n}")).collect();
            let entries: Vec<_> = names.iter().map(|name| (mode, name.as_bytes(), tree.as_str())).collect();
            tree = raw_tree(&repository, &entries);
            mode = "40000";
        }
        tree
    };
    let names: Vec<_> = (0..20_001).map(|n| format!("{n:05}")).collect();
    let wide: Vec<_> = names.iter().map(|name| ("100644", name.as_bytes(), x.as_str())).collect();
    let mut deep = raw_tree(&repository, &[("100644", b"f", &x)]);
    for _ in 0..600 {
        deep = raw_tree(&repository, &[("40000", b"d", &deep)]);
    }
    let big = blob(&repository, &vec![0; 10 * 1024 * 1024 + 1]);
    let empty = git_with(&repository, &["mktree"], b"");
    for (name, tree) in [
        ("many files", tenfold(&x, "100644")),
        ("many empty folders", tenfold(&empty, "40000")),
        ("a wide folder", raw_tree(&repository, &wide)),
        ("deep folders", deep),
        ("a big file", raw_tree(&repository, &[("100644", b"big", &big)])),
        ("a mode of nothing", raw_tree(&repository, &[("10644", b"f", &x)])),
        ("a missing blob", raw_tree(&repository, &[("100644", b"f", &"ab".repeat(20))])),
        ("a missing tree", raw_tree(&repository, &[("40000", b"d", &"ab".repeat(20))])),
        ("a blob for a tree", raw_tree(&repository, &[("40000", b"d", &x)])),
    ] {
        let commit = commit_tree(&repository, &tree);
        let message = soon(name, fixture.refusal(&commit)).await;
        assert!(message.len() < 500, "{name}: {message}");
        // A commit on top of it ends as soon, one way or the other.
        let on_top = soon(name, fixture.commit(overlay(&[("new", "1")]))).await;
        assert!(
            matches!(on_top, Ok(_) | Err(VfsError::Invalid(_) | VfsError::UnusableTree { .. })),
            "{name}: {on_top:?}"
        );
        // And a whole project gets rid of it.
        let whole = soon(name, fixture.commit(change(Scope::Whole, &[("a", name)], &[]))).await;
        match whole {
            Ok(done) => assert_eq!(fixture.files(&done.commit).await, pairs(&[("a", name)])),
            Err(error) => panic!("{name}: {error:?}"),
        }
    }
}

#[tokio::test]
async fn push_of_a_hostile_tree_is_refused_by_the_repository() {
    let fixture = Fixture::new();
    fixture.write("a", "1").await;
    let clone = fixture.clone("clone");
    let x = blob(&clone, b"x");
    let tree = raw_tree(&clone, &[("100644", b"..", &x)]);
    let commit = git(&clone, &["commit-tree", "-m", "hostile", &tree]);

    let pushed = run_git(&clone, &["push", "origin", &format!("{commit}:refs/heads/evil")], &[]);

    assert!(!pushed.status.success());
    assert_eq!(fixture.vfs.head(&project(), &branch("evil")).await.unwrap(), None);
}

#[tokio::test]
async fn branch_that_names_no_commit_is_an_error_and_no_crash() {
    let fixture = Fixture::new();
    fixture.write("a", "1").await;
    let head = fixture.repository().join("refs/heads/main");
    for content in ["", "garbage", "ref: refs/heads/main\n", "0000000000000000000000000000000000000000\n"] {
        std::fs::write(&head, content).unwrap();
        let outcome = fixture.commit(overlay(&[("b", "1")])).await;
        assert!(matches!(outcome, Err(VfsError::Failed { .. } | VfsError::Busy { .. })), "{content:?}: {outcome:?}");
    }
}
