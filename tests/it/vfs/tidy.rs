//! What is done with what a repository gathers.

use std::{
    fs::{self, File},
    time::{Duration, SystemTime},
};

use super::*;

/// Returns how many objects are loose, and how many packs there are.
fn counts(fixture: &Fixture) -> (usize, usize) {
    let counted = git(&fixture.repository(), &["count-objects", "-v"]);
    let number = |name: &str| {
        let line = counted.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|number| number.trim().parse().ok()).unwrap_or_else(|| panic!("{counted}"))
    };
    (number("count:"), number("packs:"))
}

#[tokio::test]
async fn loose_objects_are_packed_where_there_are_many_and_nothing_is_lost() {
    let fixture = Fixture::new();
    let mut commits = vec![fixture.write("a", "0").await];
    assert_eq!(fixture.vfs.tidy(&project()).await.unwrap(), 0, "a few stay as they are");
    for number in 1..90 {
        commits.push(fixture.write("a", &number.to_string()).await);
    }
    let (loose, packs) = counts(&fixture);
    assert!(loose >= 256 && packs == 0, "{loose} loose, {packs} packs");

    assert_eq!(fixture.vfs.tidy(&project()).await.unwrap(), loose);
    assert_eq!(counts(&fixture), (0, 1));
    fsck(&fixture.repository());
    for (number, commit) in commits.iter().enumerate() {
        assert_eq!(fixture.files(commit).await, pairs(&[("a", &number.to_string())]));
    }
    let next = fixture.write("b", "next").await;
    assert_eq!(fixture.files(&next).await, pairs(&[("a", "89"), ("b", "next")]));
    fsck(&fixture.repository());
}

#[tokio::test]
async fn an_object_that_is_broken_stays_where_it_is() {
    let fixture = Fixture::new();
    for number in 0..90 {
        fixture.write("a", &number.to_string()).await;
    }
    let blob = git_with(&fixture.repository(), &["hash-object", "-w", "--stdin"], b"to be broken");
    let file = fixture.repository().join("objects").join(&blob[..2]).join(&blob[2..]);
    let mut permissions = fs::metadata(&file).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o644);
    fs::set_permissions(&file, permissions).unwrap();
    fs::write(&file, "no zlib").unwrap();

    let (loose, _) = counts(&fixture);
    assert_eq!(fixture.vfs.tidy(&project()).await.unwrap(), loose - 1);
    assert_eq!(fs::read_to_string(&file).unwrap(), "no zlib");
}

#[tokio::test]
async fn commits_and_reads_go_on_while_objects_are_packed() {
    let fixture = Fixture::new();
    for number in 0..90 {
        fixture.write("a", &number.to_string()).await;
    }
    let (vfs, tidied) = (fixture.vfs.clone(), project());
    let tidying = tokio::spawn(async move { vfs.tidy(&tidied).await.unwrap() });
    let clone = fixture.clone("clone");
    for number in 90..120 {
        let commit = fixture.write("a", &number.to_string()).await;
        assert_eq!(fixture.files(&commit).await, pairs(&[("a", &number.to_string())]));
    }
    assert!(tidying.await.unwrap() >= 256);
    git(&clone, &["pull", "--quiet"]);
    assert_eq!(fs::read_to_string(clone.join("a")).unwrap(), "119");
    fsck(&fixture.repository());
}

#[tokio::test]
async fn what_was_left_half_written_goes_after_an_hour() {
    let fixture = Fixture::new();
    fixture.write("a", "1").await;
    let objects = fixture.repository().join("objects");
    let old = SystemTime::now() - Duration::from_secs(3700);
    let names = ["tmp_obj_old", "tmp_obj_new", "pack/tmp_pack_old", "pack/tmp_idx_new", "zz/tmp_obj_old"];
    fs::create_dir(objects.join("zz")).unwrap();
    for name in names {
        let file = File::create(objects.join(name)).unwrap();
        if name.ends_with("old") {
            file.set_modified(old).unwrap();
        }
    }
    fixture.vfs.tidy(&project()).await.unwrap();
    assert_eq!(names.map(|name| objects.join(name).exists()), [false, true, false, true, false]);
    let nowhere = "nowhere".parse().unwrap();
    assert!(matches!(fixture.vfs.tidy(&nowhere).await, Err(VfsError::ProjectNotFound(_))));
}
