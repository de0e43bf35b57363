//! Which way of making a change visible the changed paths need.

use crate::domain::{
    runtime::{ImagePlan, ReloadPlan, RunPlan},
    tree::{ChangeKind, ChangedPath},
};

/// How a reload is made visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Only styles changed.
    SwapStyles,
    /// The app's own development server tells the page.
    HotUpdate,
    /// A page has to load anew.
    FullPage,
    /// The app's process is started anew.
    Restart,
    /// The dependencies are installed anew.
    Reinstall,
    /// The project's own image is built anew.
    Rebuild,
}

/// Decides how a running preview comes from one plan to another.
///
/// `same_image` says whether both plans have the same dependency key, or for a project with its own Dockerfile whether
/// what it is built from is the same. `changed` are the paths that differ between the two commits. Nothing
/// changed at all is [`Strategy::FullPage`]: no process has to hear of it.
///
/// The answer is the least that is sure to show the new code. [`Strategy::HotUpdate`] is a hope: the app's answer to the
/// notice says what it came to.
pub fn decide(old: &RunPlan, new: &RunPlan, same_image: bool, changed: &[ChangedPath]) -> Strategy {
    match (&old.image, &new.image) {
        (ImagePlan::Build { .. }, ImagePlan::Build { .. }) if same_image => {}
        (_, ImagePlan::Build { .. }) => return Strategy::Rebuild,
        (ImagePlan::Dependencies(_), ImagePlan::Dependencies(_)) if same_image => {}
        (_, ImagePlan::Dependencies(_)) => return Strategy::Reinstall,
    }
    // A supplied file that comes, goes or makes way for the project's own is known to no watcher.
    let same_process =
        old.stack == new.stack && old.root == new.root && old.start == new.start && old.supplied == new.supplied;
    if !same_process {
        return Strategy::Restart;
    }
    if changed.is_empty() {
        return Strategy::FullPage;
    }
    match new.start.reload {
        ReloadPlan::Files if changed.iter().all(is_style) => Strategy::SwapStyles,
        ReloadPlan::Files => Strategy::FullPage,
        ReloadPlan::Control => Strategy::HotUpdate,
        ReloadPlan::Restart => Strategy::Restart,
    }
}

/// Returns whether the change can be shown by loading a stylesheet anew.
fn is_style(change: &ChangedPath) -> bool {
    change.kind == ChangeKind::Modified
        && change.path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("css"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::{
        ignore::Ignore,
        runtime::{BaseImage, InstallPlan, Needs, StartPlan},
        spec::Stack,
    };

    fn plan(reload: ReloadPlan) -> RunPlan {
        RunPlan {
            stack: Stack::Static,
            root: String::new(),
            image: ImagePlan::Dependencies(InstallPlan {
                base: BaseImage::Static,
                commands: Vec::new(),
                inputs: BTreeMap::new(),
                environment: BTreeMap::new(),
            }),
            prebundle: None,
            start: StartPlan {
                argv: vec!["nginx".into()],
                environment: BTreeMap::new(),
                port: 80,
                named_port: true,
                ready_path: "/".into(),
                reload,
            },
            needs: Needs::default(),
            notes: Vec::new(),
            supplied: BTreeMap::new(),
            data: Vec::new(),
        }
    }

    fn built() -> RunPlan {
        let image = ImagePlan::Build { dockerfile: "Dockerfile".into(), ignore: Ignore::default() };
        RunPlan { image, ..plan(ReloadPlan::Restart) }
    }

    fn changes(list: &[(&str, ChangeKind)]) -> Vec<ChangedPath> {
        list.iter().map(|(path, kind)| ChangedPath { path: path.parse().unwrap(), kind: *kind }).collect()
    }

    #[test]
    fn the_table_of_changed_paths() {
        use ChangeKind::{Added, Deleted, Modified};
        let css = ("css/style.CSS", Modified);
        let html = ("index.html", Modified);
        type Row<'a> = (ReloadPlan, &'a [(&'a str, ChangeKind)], Strategy);
        let table: &[Row] = &[
            (ReloadPlan::Files, &[css], Strategy::SwapStyles),
            (ReloadPlan::Files, &[css, html], Strategy::FullPage),
            (ReloadPlan::Files, &[("a.css", Added)], Strategy::FullPage),
            (ReloadPlan::Files, &[("a.css", Deleted)], Strategy::FullPage),
            (ReloadPlan::Files, &[("css", Modified)], Strategy::FullPage),
            (ReloadPlan::Files, &[], Strategy::FullPage),
            (ReloadPlan::Control, &[css], Strategy::HotUpdate),
            (ReloadPlan::Control, &[html], Strategy::HotUpdate),
            (ReloadPlan::Control, &[], Strategy::FullPage),
            (ReloadPlan::Restart, &[css], Strategy::Restart),
            (ReloadPlan::Restart, &[], Strategy::FullPage),
        ];
        for (reload, list, wanted) in table {
            let plan = plan(*reload);
            assert_eq!(decide(&plan, &plan, true, &changes(list)), *wanted, "{reload:?} {list:?}");
        }
    }

    #[test]
    fn other_dependencies_reinstall_whatever_else_changed() {
        let plan = plan(ReloadPlan::Files);
        assert_eq!(decide(&plan, &plan, false, &[]), Strategy::Reinstall);
    }

    #[test]
    fn another_way_to_start_restarts() {
        let old = plan(ReloadPlan::Control);
        let change = |change: fn(&mut RunPlan)| {
            let mut new = old.clone();
            change(&mut new);
            decide(&old, &new, true, &changes(&[("a.css", ChangeKind::Modified)]))
        };
        assert_eq!(change(|new| new.start.argv.push("-q".into())), Strategy::Restart);
        assert_eq!(change(|new| new.start.port = 81), Strategy::Restart);
        assert_eq!(change(|new| new.root = "web".into()), Strategy::Restart);
        assert_eq!(change(|new| new.stack = Stack::React), Strategy::Restart);
        assert_eq!(
            change(|new| _ = new.supplied.insert("index.html".parse().unwrap(), String::new())),
            Strategy::Restart
        );
        assert_eq!(change(|new| new.notes.push("said".into())), Strategy::HotUpdate);
    }

    #[test]
    fn a_dockerfile_of_the_project_rebuilds_unless_its_image_is_the_same() {
        let some = changes(&[("README.md", ChangeKind::Modified)]);
        assert_eq!(decide(&built(), &built(), false, &some), Strategy::Rebuild);
        assert_eq!(decide(&plan(ReloadPlan::Files), &built(), false, &some), Strategy::Rebuild);
        assert_eq!(decide(&built(), &plan(ReloadPlan::Files), false, &some), Strategy::Reinstall);
        assert_eq!(decide(&built(), &built(), true, &[]), Strategy::FullPage);
        let mut other_port = built();
        other_port.start.port = 81;
        assert_eq!(decide(&built(), &other_port, true, &[]), Strategy::Restart);
    }
}
