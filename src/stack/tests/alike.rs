//! Which trees have the same plan.

use proptest::{prelude::*, sample::select};

use super::*;

/// A project with one file of each kind that a plan may be made of.
const PROJECT: Files<'static> = &[
    ("index.html", "<script type=module src=/src/main.jsx></script>"),
    ("package.json", r#"{"scripts":{"dev":"vite"},"devDependencies":{"vite":"7","prisma":"6"}}"#),
    ("package-lock.json", "{}"),
    ("prisma/schema.prisma", "model A {}"),
    ("src/App.jsx", "export default 1"),
    ("src/main.jsx", "import './App.jsx'"),
    ("vite.config.js", "export default {}"),
];

/// Returns the project after some changes, with contents as a repository would name them.
fn after(changes: &[(&str, Option<&str>, bool)]) -> (Tree, BTreeMap<FilePath, Bytes>) {
    let mut files: BTreeMap<&str, (&str, bool)> = PROJECT.iter().map(|(path, text)| (*path, (*text, false))).collect();
    for (path, text, executable) in changes {
        match text {
            Some(text) => files.insert(path, (text, *executable)),
            None => files.remove(path),
        };
    }
    let pairs: Vec<_> = files.iter().map(|(path, (text, _))| (*path, *text)).collect();
    let (mut tree, contents) = read(&pairs);
    for (path, entry) in &mut tree {
        let (text, executable) = files[path.as_str()];
        entry.blob = format!("{:0>40}", crate::stack::packages::digest(text.as_bytes()));
        entry.kind = if executable { EntryKind::Executable } else { EntryKind::File };
    }
    (tree, contents)
}

fn alike(changes: &[(&str, Option<&str>, bool)]) -> bool {
    let ((before, _), (now, _)) = (after(&[]), after(changes));
    let wanted = wanted(&before, None);
    super::wanted(&now, None) == wanted && is_run_alike(&before, &now, &wanted)
}

#[test]
fn sources_that_no_plan_is_made_of_leave_it_as_it_is() {
    assert!(alike(&[]));
    assert!(alike(&[("src/App.jsx", Some("export default 2222"), false)]));
    for change in [
        ("package.json", Some(r#"{"scripts":{"dev":"astro dev"}}"#), false),
        ("package-lock.json", Some("{ }"), false),
        ("vite.config.js", Some("export default { base: '/a/' }"), false),
        ("prisma/schema.prisma", Some("model B {}"), false),
        ("src/App.jsx", None, false),
        ("src/App.jsx", Some("export default 1"), true),
        ("src/other.jsx", Some(""), false),
        ("previewd.toml", Some("stack = 'static'"), false),
        ("Dockerfile", Some("FROM a"), false),
    ] {
        assert!(!alike(&[change]), "{change:?}");
    }
}

proptest! {
    #[test]
    fn trees_that_are_alike_have_the_same_plan(
        changes in prop::collection::vec(
            (
                select(PROJECT.iter().map(|(path, _)| *path).chain(["main.py", "requirements.txt", "server.js"]).collect::<Vec<_>>()),
                prop::option::of(select(vec!["", "{}", "model A {}", r#"{"scripts":{"start":"node server.js"}}"#])),
                any::<bool>(),
            ),
            0..3,
        )
    ) {
        let ((before, old), (now, new)) = (after(&[]), after(&changes));
        let wanted = wanted(&before, None);
        if super::wanted(&now, None) == wanted && is_run_alike(&before, &now, &wanted) {
            let plan_of = |tree, contents| plan(tree, contents, &Overrides::default()).map_err(|error| error.to_string());
            prop_assert_eq!(plan_of(&before, &old), plan_of(&now, &new));
        }
    }
}
