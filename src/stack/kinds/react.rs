//! Everything that Vite serves, through a wrapper on Vite's own API that is told of changes.

mod page;
mod supply;

use std::collections::BTreeMap;

use self::page::CONFIGS;
use super::{
    kind::Kind,
    node::{self, Node},
};
use crate::{
    domain::{
        error::Error,
        ids::FilePath,
        reason::Reason,
        runtime::{APP_ROOT, ImagePlan, InstallPlan, Needs, RUNTIME_MOUNT, ReloadPlan, RunPlan, StartPlan},
        spec::Stack,
    },
    stack::{
        frameworks::{self, Told},
        manifest::Package,
        packages::{self, Extra},
        project::{Project, looked_for},
        readers::cause::Reader,
        script,
        signs::Signs,
    },
};

/// The port that Vite listens on.
const PORT: u16 = 5173;

/// The stack `react`: it is run by Node, and so in much as [`Node`] is.
pub(super) struct React;

impl Kind for React {
    /// What a `package.json` is for, [`Node`] puts down.
    fn show(&self, _: &Project<'_>, _: &mut Signs) -> Result<(), Error> {
        Ok(())
    }

    /// Plans a project that Vite serves, or whose own development script does.
    fn plan(&self, project: &Project<'_>, start: Option<&str>, notes: &mut Vec<String>) -> Result<RunPlan, Error> {
        let package = Package::read(project)?.ok_or_else(|| looked_for([project.path("package.json")]))?;
        if start.is_none() {
            node::has_pages(project, &package)?;
        }
        // What serves what was built shows no change before another build: there is the server that does.
        let shows = |name: &&str| package.script(name).is_some_and(|script| !serves_a_build(script));
        let scripted = ["dev", "start", "serve"].into_iter().find(shows);
        let vite = scripted.map(|name| options(&package, package.script(name).unwrap_or_default()));
        let served = match (scripted, vite) {
            // Only a script of a project that lists what it runs can be relied on.
            (Some(name), Some(None)) if package.has("vite") || !runs_missing_vite(&package, name) => {
                let mut served = Served::by_script(project, &package, name, notes)?;
                if start.is_none() {
                    let script = package.script(name).unwrap_or_default();
                    let packages = packages::with_members(project, package.clone(), script);
                    node::note_beside(&packages, script, &mut served.environment);
                }
                served
            }
            (_, vite) => Served::by_vite(project, &package, vite.flatten().unwrap_or_default(), notes)?,
        };
        let script = start.or(scripted.and_then(|name| package.script(name))).unwrap_or_default();
        let install = packages::install(project, &package, &served.extras, script, notes)?;
        let Served { argv, environment, reload, supplied, .. } = served;
        let argv = if start.is_some() { Vec::new() } else { argv };
        Ok(RunPlan {
            stack: Stack::React,
            root: project.root.clone(),
            image: ImagePlan::Dependencies(install),
            prebundle: None,
            start: StartPlan { argv, environment, port: PORT, named_port: false, ready_path: "/".into(), reload },
            needs: Needs::default(),
            notes: Vec::new(),
            supplied,
            data: Vec::new(),
        })
    }

    fn start_by(&self, start: &mut StartPlan, project: &Project<'_>, command: &str) -> Result<(), Error> {
        Node.start_by(start, project, command)
    }

    /// Vite's own configuration, and that of Svelte, decide how it bundles, so they are read as well. They may import what is
    /// not there: then there is no bundle.
    fn prebundle(&self, project: &Project<'_>, plan: &RunPlan) -> Option<InstallPlan> {
        let ImagePlan::Dependencies(install) = &plan.image else { return None };
        let [node, wrapper, words @ ..] = plan.start.argv.as_slice() else { return None };
        let elsewhere = !plan.root.is_empty() || words.iter().any(|word| word == "--root");
        if !wrapper.ends_with("/vite.mjs") || install.commands.is_empty() || elsewhere {
            return None;
        }
        let mut bundled = install.clone();
        if let Some(at) = words.iter().position(|word| word == "--config") {
            let config = words.get(at + 1)?;
            let path: FilePath = config.parse().ok()?;
            let supplied = plan.supplied.get(&path).map(|text| text.clone().into_bytes());
            bundled.inputs.insert(config.clone(), supplied.or_else(|| Some(project.read(config)?.to_vec()))?);
        }
        for name in ["svelte.config.js", "svelte.config.mjs", "svelte.config.ts"] {
            if let Some(content) = project.read(name) {
                bundled.inputs.insert(name.to_owned(), content.to_vec());
            }
        }
        let module = Package::read(project).ok().flatten()?.is_module();
        let command = [node.as_str(), wrapper].into_iter().chain(words.iter().map(String::as_str));
        let kind = if module { "--prebundle=module" } else { "--prebundle=commonjs" };
        bundled.commands.push(shlex::try_join(command.chain([kind])).ok()?);
        Some(bundled)
    }

    fn before_start(&self, project: &Project<'_>, start: &mut StartPlan, notes: &mut Vec<String>) -> Result<(), Error> {
        Node.before_start(project, start, notes)
    }

    fn note_install(&self, project: &Project<'_>, notes: &mut Vec<String>) -> Result<(), Error> {
        Node.note_install(project, notes)
    }

    fn readers(&self) -> &'static [Reader] {
        Node.readers()
    }

    fn reported(&self) -> Reason {
        Reason::TransformFailed
    }

    fn pages(&self) -> &'static [&'static str] {
        Node.pages()
    }
}

/// How a page is served.
struct Served {
    argv: Vec<String>,
    environment: BTreeMap<String, String>,
    reload: ReloadPlan,
    /// What is installed for it though the project does not list it.
    extras: Vec<Extra<'static>>,
    /// What its container gets though the project does not have it.
    supplied: BTreeMap<FilePath, String>,
}

impl Served {
    /// Returns how a script of the project's own serves it, whatever that runs.
    fn by_script(project: &Project<'_>, package: &Package, name: &str, notes: &mut Vec<String>) -> Result<Self, Error> {
        let told = frameworks::told(package);
        let how = match told {
            Told::Hook => "whose development server is told of changes by previewd",
            Told::Next => "whose own watcher sees changes",
            Told::Nobody => "which is no plain vite; every change starts it anew",
        };
        notes.push(format!("react: the {name} script, {how}"));
        let run = node::run_script(project, package, name)?;
        let mut environment = node::process_environment(package, PORT);
        environment.extend(run.environment);
        let reload = told.prepare(&mut environment);
        Ok(Self { argv: run.argv, environment, reload, extras: Vec::new(), supplied: BTreeMap::new() })
    }

    /// Returns how Vite serves it through the wrapper, with the options of its script and what a project of React's lacks.
    fn by_vite(
        project: &Project<'_>,
        package: &Package,
        vite: Options,
        notes: &mut Vec<String>,
    ) -> Result<Self, Error> {
        let mut environment = node::process_environment(package, PORT);
        environment.extend(vite.environment);
        environment.insert("PREVIEWD_PROJECT".into(), APP_ROOT.into());
        let folder =
            vite.root.as_deref().map_or_else(|| project.at(&project.root), |root| project.at(&project.path(root)));
        if let Some(page) = folder.source("index.html") {
            page::check(&folder, &page)?;
        }
        let (mut extras, mut supplied) = (Vec::new(), BTreeMap::new());
        if supply::is_react(package) {
            extras = supply::packages(package, notes);
            supply::files(&folder, package, &mut supplied, notes);
        }
        let mut argv = vec!["node".to_owned(), format!("{RUNTIME_MOUNT}/node/vite.mjs")];
        argv.extend(["--port".to_owned(), PORT.to_string()]);
        argv.extend(vite.arguments);
        let ours = || supplied.keys().any(|path: &FilePath| path.as_str() == folder.path(CONFIGS[1]));
        if let Some(root) = vite.root {
            argv.extend(["--root".into(), root]);
        } else if !argv.iter().any(|word| word == "--config")
            && let Some(config) = folder.first(&CONFIGS).or_else(|| ours().then_some(CONFIGS[1]))
        {
            // Named, so that one which comes or goes is another plan, and so another process.
            argv.extend(["--config".into(), config.to_owned()]);
        }
        notes.push("react: Vite, told of changes by previewd".into());
        Ok(Self { argv, environment, reload: ReloadPlan::Control, extras, supplied })
    }
}

/// Returns whether the script calls Vite in a project that does not list it, so that it cannot run.
fn runs_missing_vite(package: &Package, name: &str) -> bool {
    package.script(name).is_some_and(|script| script.split_whitespace().any(|word| word == "vite"))
}

/// Returns whether a script builds by Vite and serves that, or serves alone what was built, and does nothing else.
fn serves_a_build(script: &str) -> bool {
    let is_known = |part: &str| {
        let words = script::plain(part).map(|command| command.argv).unwrap_or_default();
        match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["tsc" | "vue-tsc", ..] => Some(false),
            ["vite", "build"] => Some(false),
            ["vite", "preview", options @ ..] if options.first().is_none_or(|word| word.starts_with("--")) => {
                Some(true)
            }
            _ => None,
        }
    };
    let known: Option<Vec<bool>> = script.split("&&").map(str::trim).map(is_known).collect();
    known.is_some_and(|known| known.last() == Some(&true))
}

/// What a plain `vite` command says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    environment: BTreeMap<String, String>,
    /// What the wrapper takes as well.
    arguments: Vec<String>,
    root: Option<String>,
}

/// Reads a script that is `vite` with options that the wrapper knows or has no need of; `None` for any other.
fn options(package: &Package, script: &str) -> Option<Options> {
    let command = script::resolved(package, script)?;
    let mut words = command.argv.into_iter().peekable();
    if words.next()? != "vite" {
        return None;
    }
    match words.peek().map(String::as_str) {
        Some("dev" | "serve") => _ = words.next(),
        Some("build" | "preview" | "optimize") => return None,
        _ => {}
    }
    let mut options = Options { environment: command.environment, ..Options::default() };
    while let Some(word) = words.next() {
        if !word.starts_with('-') {
            let root = word.strip_prefix("./").unwrap_or(&word).trim_end_matches('/').to_owned();
            root.parse::<FilePath>().ok()?;
            if options.root.replace(root).is_some() {
                return None;
            }
            continue;
        }
        let (name, mut value) = match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (word, None),
        };
        let mut argument = || value.take().or_else(|| words.next_if(|word| !word.starts_with('-')));
        match name.as_str() {
            "--mode" | "-m" => options.arguments.extend(["--mode".into(), argument()?]),
            "--config" | "-c" => options.arguments.extend(["--config".into(), argument()?]),
            "--base" => options.arguments.extend(["--base".into(), argument()?]),
            "--force" => options.arguments.push("--force".into()),
            "--port" | "--logLevel" | "-l" => _ = argument()?,
            "--host" | "--open" | "--debug" | "-d" | "--filter" | "-f" => _ = argument(),
            "--strictPort" | "--cors" => {}
            "--clearScreen" => _ = words.next_if(|word| matches!(word.as_str(), "true" | "false")),
            _ => return None,
        }
    }
    Some(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_vite_scripts_are_read() {
        let options = |script| options(&Package::default(), script);
        for script in [
            "vite",
            "vite dev",
            "vite --host",
            "npx vite --host 0.0.0.0 --port 3000 --open",
            "bunx --bun vite",
            "pnpm vite --host",
            "vite --open /x",
            "vite serve --strictPort",
        ] {
            assert_eq!(options(script), Some(Options::default()), "{script}");
        }
        let read = options("cross-env A=b vite client --mode=dev -c my.config.ts --base /x/").unwrap();
        assert_eq!(read.root.as_deref(), Some("client"));
        assert_eq!(read.arguments, ["--mode", "dev", "--config", "my.config.ts", "--base", "/x/"]);
        assert_eq!(read.environment["A"], "b");
        for script in ["vite build && vite preview --port 4173", "tsc -b && vite build && vite preview", "vite preview"]
        {
            assert!(serves_a_build(script), "{script}");
        }
        for script in ["vite", "vite build", "vite build && node server.js", "vite preview && x"] {
            assert!(!serves_a_build(script), "{script}");
        }
        for script in
            ["tsc && vite", "vite build", "vite preview", "next dev", "vite --https", "vite ../x", "node vite.js"]
        {
            assert_eq!(options(script), None, "{script}");
        }
    }
}
