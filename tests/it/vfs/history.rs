//! Walking through commits, those of others with merges among them.

use previewd::vfs::History;

use super::*;

impl Fixture {
    async fn history(&self, after: Option<&CommitId>, head: &CommitId, limit: usize) -> Option<Vec<CommitId>> {
        match self.vfs.history(&project(), after, head, limit).await.unwrap() {
            History::Commits(commits) => Some(commits.into_iter().map(|info| info.commit).collect()),
            History::Unrelated => None,
        }
    }

    async fn is_ancestor(&self, ancestor: &CommitId, descendant: &CommitId) -> bool {
        self.vfs.is_ancestor(&project(), ancestor, descendant).await.unwrap()
    }
}

#[tokio::test]
async fn history_is_what_lies_between_oldest_first() {
    let fixture = Fixture::new();
    let mut commits = Vec::new();
    for n in 0..8 {
        commits.push(fixture.write("a", &n.to_string()).await);
    }
    let head = &commits[7];
    assert_eq!(fixture.history(Some(&commits[2]), head, 100).await.unwrap(), commits[3..]);
    assert_eq!(fixture.history(Some(&commits[2]), head, 2).await.unwrap(), commits[6..], "the newest of them");
    assert_eq!(fixture.history(Some(head), head, 100).await.unwrap(), []);
    assert_eq!(fixture.history(None, head, 100).await.unwrap(), commits);
    assert_eq!(fixture.history(Some(head), &commits[2], 100).await, None, "a later commit is no ancestor");
    assert_eq!(fixture.history(Some(&"ab".repeat(20).parse().unwrap()), head, 100).await, None);

    let log = fixture.vfs.log(&project(), &main(), None, 3).await.unwrap();
    assert_eq!(log.iter().map(|info| &info.commit).collect::<Vec<_>>(), [head, &commits[6], &commits[5]]);
    let next = log[2].parent.clone();
    let page = fixture.vfs.log(&project(), &main(), next.as_ref(), 100).await.unwrap();
    assert_eq!(page.iter().map(|info| &info.commit).collect::<Vec<_>>(), commits[..5].iter().rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn rewritten_branch_is_unrelated() {
    let fixture = Fixture::new();
    fixture.write("a", "1").await;
    let lost = fixture.write("a", "2").await;
    let clone = fixture.clone("clone");
    git(&clone, &["reset", "--quiet", "--hard", "HEAD~1"]);
    let forced = commit_in(&clone, "a", "3");
    git(&clone, &["push", "--quiet", "--force", "origin", "main"]);

    assert_eq!(fixture.history(Some(&lost), &forced, 100).await, None);
    assert!(!fixture.is_ancestor(&lost, &forced).await);
}

#[tokio::test]
async fn merge_of_the_branch_into_another_is_history_along_its_first_parents() {
    let fixture = Fixture::new();
    let base = fixture.write("a", "1").await;
    let clone = fixture.clone("clone");
    let side = commit_in(&clone, "b", "side");
    let mut theirs = Vec::new();
    for n in 0..3 {
        theirs.push(fixture.write("a", &format!("main {n}")).await);
    }
    git(&clone, &["pull", "--quiet", "--no-rebase", "--no-edit", "origin", "main"]);
    git(&clone, &["push", "--quiet", "origin", "main"]);
    let merge = fixture.head().await.unwrap();

    let expected = git(
        &fixture.repository(),
        &["rev-list", "--reverse", "--first-parent", merge.as_str(), &format!("^{}", theirs[2])],
    );
    let history = fixture.history(Some(&theirs[2]), &merge, 100).await.unwrap();
    assert_eq!(history.iter().map(CommitId::as_str).collect::<Vec<_>>(), expected.lines().collect::<Vec<_>>());
    assert_eq!(history, [side.clone(), merge.clone()]);
    for (ancestor, descendant, expected) in [
        (&base, &merge, true),
        (&theirs[1], &merge, true),
        (&side, &merge, true),
        (&merge, &merge, true),
        (&merge, &side, false),
        (&side, &theirs[2], false),
    ] {
        assert_eq!(fixture.is_ancestor(ancestor, descendant).await, expected, "{ancestor} {descendant}");
    }
    let unknown = "ab".repeat(20).parse().unwrap();
    assert!(!fixture.is_ancestor(&unknown, &merge).await && !fixture.is_ancestor(&merge, &unknown).await);
    assert!(!fixture.is_ancestor(&unknown, &unknown).await);
}
