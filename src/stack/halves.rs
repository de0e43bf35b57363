//! Projects in two halves, a page and a server, of which one is run: which, and what is said of the other.

use super::{
    detect::{self, Choice, signs},
    kinds::dockerfile,
    manifest::Package,
    previewd_toml,
    project::Project,
};
use crate::domain::{path, runtime::warning, spec::Stack};

/// What the folder of a page is called.
const PAGES: [&str; 10] = ["frontend", "client", "web", "webapp", "website", "ui", "front", "www", "front-end", "app"];
/// What the folder of a server is called.
const SERVERS: [&str; 6] = ["backend", "server", "api", "back", "back-end", "service"];
/// Folders that show something of a project and are no half of it.
const BESIDES: [&str; 10] =
    ["docs", "doc", "examples", "example", "e2e", "test", "tests", "scripts", "tools", "storybook"];
/// The scripts that start a server beside a page.
const SERVER_SCRIPTS: [&str; 11] = [
    "server",
    "api",
    "backend",
    "dev:server",
    "dev:api",
    "dev:backend",
    "server:dev",
    "start:server",
    "start:api",
    "start:backend",
    "serve:api",
];
/// What in a script runs several commands, so that both halves are likely run.
const BOTH: [&str; 9] =
    ["concurrently", "npm-run-all", "run-p", "turbo", "nx ", "lerna", " & ", "pnpm -r", "--workspaces"];

/// Returns which of several folders is the page that people want to see, if one clearly is: the others are its servers.
pub(super) fn page(found: &[(Project<'_>, Choice)]) -> Option<usize> {
    let score = |(project, choice): &(Project<'_>, Choice)| {
        let name = name(project);
        if BESIDES.contains(&name) {
            return -1;
        }
        let named = i32::from(PAGES.contains(&name)) * 2;
        named + i32::from(choice.stack == Stack::React)
    };
    let scores: Vec<i32> = found.iter().map(score).collect();
    let best = *scores.iter().max()?;
    let mut holders = (0..scores.len()).filter(|index| scores[*index] == best);
    let only = holders.next().filter(|_| holders.next().is_none())?;
    // A server beside documentation is no half, and wins for want of another.
    let others = scores.iter().filter(|score| **score >= 0).count();
    (best > 0 || others == 1).then_some(only)
}

/// Says of several folders that one is run and the others are not.
pub(super) fn note_others(found: &[(Project<'_>, Choice)], chosen: usize, notes: &mut Vec<String>) {
    let run = &found[chosen].0;
    let others =
        found.iter().enumerate().filter(|(index, (project, _))| *index != chosen && !BESIDES.contains(&name(project)));
    for (_, (project, choice)) in others {
        notes.push(not_run(&run.root, &project.root, choice.stack));
    }
}

/// Says what of a project is not run: the half in a folder below the one that is, or the server that only a script starts.
pub(super) fn note_below(project: &Project<'_>, stack: Stack, notes: &mut Vec<String>) {
    if stack == Stack::Dockerfile {
        return;
    }
    // Where it has to be good, the stack says what is wrong with it.
    let package = Package::read(project).ok().flatten().unwrap_or_default();
    let runs_both = package.workspaces.is_some()
        || project.has("pnpm-workspace.yaml")
        || package.scripts.values().any(|script| BOTH.iter().any(|word| script.contains(word)));
    if runs_both {
        return;
    }
    let page = matches!(stack, Stack::React | Stack::Static);
    let halves: &[&str] = if page { &SERVERS } else { &PAGES[..9] };
    for folder in project.folders().into_iter().filter(|folder| halves.contains(folder)) {
        let below = project.at(&project.path(folder));
        let listed =
            ["package.json", "requirements.txt", "pyproject.toml", dockerfile::FILE].iter().any(|it| below.has(it));
        // What is wrong with a manifest that is not used is nobody's concern.
        if let (true, Ok(signs)) = (listed, signs(&below))
            && let Some(choice) = detect::choose(&signs)
        {
            notes.push(not_run(&project.root, &below.root, choice.stack));
        }
    }
    if let (Stack::React, Some(name)) = (stack, SERVER_SCRIPTS.into_iter().find(|name| package.script(name).is_some()))
    {
        let dev = ["dev", "start", "serve"].into_iter().find(|name| package.script(name).is_some()).unwrap_or("dev");
        notes.push(warning(format!(
            "only the page is run, and the server that the script {name} of package.json starts is not; start = \
             \"npm run {name} & exec npm run {dev}\" in previewd.toml runs both"
        )));
    }
}

fn not_run(run: &str, other: &str, stack: Stack) -> String {
    let run = if run.is_empty() { "the root folder" } else { run };
    warning(format!(
        "only {run} is run, and {other} ({}) is not; root = \"{other}\" in {} runs that instead, and a Dockerfile of the \
         project's own can run both",
        stack.as_str(),
        previewd_toml::FILE
    ))
}

fn name<'p>(project: &'p Project<'_>) -> &'p str {
    path::name(&project.root)
}

#[cfg(test)]
mod tests {
    use crate::stack::tests::{EXPRESS, VITE, try_plan};

    fn said(files: &[(&str, &str)]) -> (String, Vec<String>) {
        let plan = try_plan(files).unwrap();
        (plan.root.clone(), plan.warnings(""))
    }

    #[test]
    fn the_page_is_run_and_the_half_that_is_not_is_named() {
        let server = [("backend/requirements.txt", "fastapi"), ("backend/main.py", "app = FastAPI()")];
        let next = r#"{"scripts":{"dev":"next dev"},"dependencies":{"next":"16","react":"19"}}"#;
        for (folder, package) in [("frontend", VITE), ("frontend", next), ("shop", VITE)] {
            let manifest = format!("{folder}/package.json");
            let (root, warnings) = said(&[&server[..], &[(manifest.as_str(), package)]].concat());
            assert_eq!(root, folder);
            assert_eq!(warnings.len(), 1, "{warnings:?}");
            let wanted = format!("only {folder} is run, and backend (python) is not; root = \"backend\"");
            assert!(warnings[0].starts_with(&wanted), "{warnings:?}");
        }
        let deep = [("apps/api/package.json", EXPRESS), ("apps/web/package.json", VITE)];
        assert_eq!(said(&deep).0, "apps/web");
        // Documentation is no half.
        let documented = [&server[..], &[("docs/index.html", "")]].concat();
        assert_eq!(said(&documented), ("backend".into(), vec![]));
    }

    #[test]
    fn a_half_below_the_root_is_named_unless_a_script_runs_both() {
        let python = [("requirements.txt", "fastapi"), ("main.py", "app = FastAPI()")];
        let (root, warnings) = said(&[&python[..], &[("frontend/package.json", VITE)]].concat());
        assert!(root.is_empty() && warnings[0].starts_with("only the root folder is run, and frontend (react)"));
        let page = [("package.json", VITE), ("server/package.json", EXPRESS), ("server/bin/www", "")];
        assert!(said(&page).1[0].contains("server (node) is not"));
        let both = r#"{"scripts":{"dev":"concurrently a b"},"devDependencies":{"vite":"7"}}"#;
        assert!(said(&[("package.json", both), page[1], page[2]]).1.is_empty());
        assert!(said(&[("package.json", VITE), ("server/notes.txt", "")]).1.is_empty());
        assert!(said(&[("package.json", VITE), ("client/package.json", VITE)]).1.is_empty());
    }

    #[test]
    fn a_server_that_a_script_of_its_own_starts_is_named() {
        let package = r#"{"scripts":{"dev":"vite","server":"node server.js"},"devDependencies":{"vite":"7"}}"#;
        let (_, warnings) = said(&[("package.json", package), ("server.js", "")]);
        assert!(warnings[0].contains("start = \"npm run server & exec npm run dev\""), "{warnings:?}");
        let started = ("previewd.toml", "start = 'npm run both'");
        assert!(said(&[("package.json", package), ("server.js", ""), started]).1.is_empty());
    }
}
