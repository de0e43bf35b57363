//! Node.js servers, and the development servers of frameworks that are no plain Vite.

use std::collections::BTreeMap;

use super::{
    looked_for,
    manifest::Package,
    packages,
    project::Project,
    script::{self, Command},
    shell,
};
use crate::domain::{
    detect::PackageUse,
    error::Error,
    runtime::{APP_ROOT, ImagePlan, ReloadPlan, RunPlan, StartPlan},
    spec::Stack,
};

/// The port that Node apps are told to listen on.
pub(super) const PORT: u16 = 3000;
/// Frameworks whose `start` script serves what a build has made, so that `dev` is what shows sources.
const FRAMEWORKS: [&str; 12] = [
    "next",
    "nuxt",
    "astro",
    "gatsby",
    "@remix-run/dev",
    "@react-router/dev",
    "@sveltejs/kit",
    "@angular/cli",
    "@docusaurus/core",
    "@builder.io/qwik-city",
    "@solidjs/start",
    "@tanstack/react-start",
];
/// Packages that make a server of a project that has React for its pages.
const SERVERS: [&str; 7] = ["express", "fastify", "koa", "hono", "@hapi/hapi", "@nestjs/core", "polka"];
/// Tools that serve or pack a page which is also fine as it is.
const PAGE_TOOLS: [&str; 10] = [
    "webpack",
    "webpack-dev-server",
    "live-server",
    "http-server",
    "serve",
    "lite-server",
    "browser-sync",
    "gulp",
    "grunt",
    "echo",
];
/// What is started when nothing says what is.
const ENTRIES: [&str; 14] = [
    "server.js",
    "index.js",
    "app.js",
    "main.js",
    "server.mjs",
    "index.mjs",
    "app.mjs",
    "server.cjs",
    "index.cjs",
    "app.cjs",
    "src/server.js",
    "src/index.js",
    "src/app.js",
    "src/main.js",
];

/// Returns what a `package.json` is for.
pub(super) fn package_use(project: &Project<'_>, package: &Package) -> PackageUse {
    let framework = FRAMEWORKS.iter().any(|name| package.has(name));
    let start = package.script("start");
    if package.has("vite") {
        return PackageUse::Page;
    }
    if package.has("react") {
        let server =
            SERVERS.iter().any(|name| package.has(name)) && (start.is_some() || entry(project, package).is_some());
        return if framework || server { PackageUse::Server } else { PackageUse::Page };
    }
    let tool = start
        .and_then(script::plain)
        .is_none_or(|command| command.argv.first().is_some_and(|program| PAGE_TOOLS.contains(&program.as_str())));
    if project.has("index.html") && package.dependencies.is_empty() && !framework {
        // Its `main` and its index.js are the page's own as a rule.
        let server = project.has("server.js") || (start.is_some() && !tool);
        return if server { PackageUse::Server } else { PackageUse::Tools };
    }
    let runs = start.is_some() || framework || package.script("dev").is_some() || entry(project, package).is_some();
    if runs { PackageUse::Server } else { PackageUse::Tools }
}

/// Plans a Node app.
///
/// # Errors
/// `BadManifest`, or `StackNotFound` when nothing says what to start.
pub(super) fn plan(project: &Project<'_>, custom_start: bool, notes: &mut Vec<String>) -> Result<RunPlan, Error> {
    let package = Package::read(project)?.unwrap_or_default();
    let argv = if custom_start { Some(Start::default()) } else { start(project, &package, notes) };
    let Start { argv, mut environment } = argv.ok_or_else(|| {
        looked_for(
            [format!("a start or dev script or main in {}", project.path("package.json"))]
                .into_iter()
                .chain(["server.js", "index.js", "app.js"].map(|name| project.path(name))),
        )
    })?;
    let install = packages::install(project, &package, &[], notes)?;
    let defaults = process_environment(&package, PORT);
    environment.extend(defaults.into_iter().filter(|(name, _)| !environment.contains_key(name)).collect::<Vec<_>>());
    Ok(RunPlan {
        stack: Stack::Node,
        root: project.root.clone(),
        image: ImagePlan::Dependencies(install),
        start: StartPlan { argv, environment, port: PORT, ready_path: "/".into(), reload: ReloadPlan::Restart },
        notes: Vec::new(),
        supplied: BTreeMap::new(),
    })
}

/// Returns the variables that Node apps and development servers are given.
pub(super) fn process_environment(package: &Package, port: u16) -> BTreeMap<String, String> {
    let mut environment = BTreeMap::from([
        ("PORT".to_owned(), port.to_string()),
        ("HOST".to_owned(), "0.0.0.0".to_owned()),
        ("BROWSER".to_owned(), "none".to_owned()),
        ("NEXT_TELEMETRY_DISABLED".to_owned(), "1".to_owned()),
        ("ASTRO_TELEMETRY_DISABLED".to_owned(), "1".to_owned()),
        ("NUXT_TELEMETRY_DISABLED".to_owned(), "1".to_owned()),
        ("NG_CLI_ANALYTICS".to_owned(), "false".to_owned()),
    ]);
    // As `npm run` does.
    for (name, value) in [("npm_package_name", &package.name), ("npm_package_version", &package.version)] {
        if let Some(value) = value.as_ref().filter(|value| value.len() <= 256 && !value.contains('\0')) {
            environment.insert(name.into(), value.clone());
        }
    }
    environment
}

/// How a process is started.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Start {
    pub argv: Vec<String>,
    pub environment: BTreeMap<String, String>,
}

/// Finds what to start.
fn start(project: &Project<'_>, package: &Package, notes: &mut Vec<String>) -> Option<Start> {
    let framework = FRAMEWORKS.iter().find(|name| package.has(name));
    let (start, dev) = (package.script("start"), package.script("dev"));
    if let (Some(framework), Some(_)) = (framework, dev) {
        notes.push(format!("node: the dev script of {framework}"));
        return Some(run_script(project, package, "dev"));
    }
    if start.is_some() && !waits_for_build(project, package) {
        notes.push("node: the start script".into());
        return Some(run_script(project, package, "start"));
    }
    if dev.is_some() {
        let why = if start.is_some() { ", since what the start script runs has to be built first" } else { "" };
        notes.push(format!("node: the dev script{why}"));
        return Some(run_script(project, package, "dev"));
    }
    if start.is_some() && package.script("build").is_some() {
        notes.push("node: the build script, then the start script, which runs what is built".into());
        let script = format!("( {}\n) || exit $?\n{}", package.script("build")?, package.script("start")?);
        return Some(Start { argv: in_shell(project, &script), environment: BTreeMap::new() });
    }
    if start.is_some() {
        return Some(run_script(project, package, "start"));
    }
    let entry = entry(project, package)?;
    notes.push(format!("node: {entry}"));
    Some(Start { argv: vec!["node".into(), entry], environment: BTreeMap::new() })
}

/// Returns whether the start script runs a file that is not in the project.
fn waits_for_build(project: &Project<'_>, package: &Package) -> bool {
    let Some(command) = package.script("start").and_then(script::plain) else { return false };
    let Some(("node", rest)) = command.argv.split_first().map(|(program, rest)| (program.as_str(), rest)) else {
        return false;
    };
    rest.iter().find(|word| !word.starts_with('-')).is_some_and(|file| resolve(project, package, file).is_none())
}

/// Returns how a script is run: the command itself where it is plain, without a watcher; else by a shell as npm would,
/// but without npm, whose own start takes longer than most apps'.
pub(super) fn run_script(project: &Project<'_>, package: &Package, name: &str) -> Start {
    let script = package.script(name).unwrap_or_default();
    let hook = package.script(&format!("pre{name}"));
    let mut environment = BTreeMap::from([("npm_lifecycle_event".to_owned(), name.to_owned())]);
    let plain = script::plain(script).map(|command| without_watcher(project, package, command));
    match (plain, hook) {
        (Some(command), None) => {
            environment.extend(command.environment);
            let node = command.argv.first().is_some_and(|program| program == "node");
            let argv = if node {
                command.argv
            } else {
                let words =
                    shlex::try_join(command.argv.iter().map(String::as_str)).unwrap_or_else(|_| script.to_owned());
                in_shell(project, &format!("exec {words}"))
            };
            Start { argv, environment }
        }
        (Some(_) | None, Some(hook)) => {
            Start { argv: in_shell(project, &format!("( {hook}\n) || exit $?\n{script}")), environment }
        }
        (None, None) => Start { argv: in_shell(project, script), environment },
    }
}

/// Returns a command line that runs a script by a shell that finds the project's packages.
pub(super) fn in_shell(project: &Project<'_>, script: &str) -> Vec<String> {
    let folder = if project.root.is_empty() { APP_ROOT.to_owned() } else { format!("{APP_ROOT}/{}", project.root) };
    shell(&[&format!("{folder}/node_modules/.bin")], script)
}

/// Takes the watcher off a command: previewd starts the process anew itself, and knows when.
fn without_watcher(project: &Project<'_>, package: &Package, command: Command) -> Command {
    let Some((program, rest)) = command.argv.split_first() else { return command };
    let plain = |program: &str, rest: Vec<String>| {
        let argv = std::iter::once(program.to_owned()).chain(rest).collect();
        Command { environment: command.environment.clone(), argv }
    };
    match program.as_str() {
        "node" => plain("node", rest.iter().filter(|word| !word.starts_with("--watch")).cloned().collect()),
        "tsx" if rest.first().is_some_and(|word| word == "watch") => {
            let rest = &rest[1..];
            plain("tsx", rest.iter().filter(|word| !word.starts_with("--clear-screen")).cloned().collect())
        }
        "nodemon" => match nodemon(rest) {
            Some(rest) => {
                let file = rest.first().cloned().or_else(|| entry(project, package));
                let Some(file) = file else { return command };
                let typed = file.ends_with(".ts") || file.ends_with(".tsx");
                let rest = std::iter::once(file).chain(rest.into_iter().skip(1)).collect();
                plain(if typed { "ts-node" } else { "node" }, rest)
            }
            None => command,
        },
        "ts-node-dev" | "tsnd" => {
            let watching = ["--respawn", "--rs", "--clear", "--cls", "--notify=false", "--exit-child", "--poll"];
            let known = |word: &String| {
                !word.starts_with('-') || matches!(word.as_str(), "--transpile-only" | "-T" | "--files")
            };
            let rest: Vec<String> = rest.iter().filter(|word| !watching.contains(&word.as_str())).cloned().collect();
            if rest.iter().all(known) { plain("ts-node", rest) } else { command }
        }
        _ => command,
    }
}

/// Returns nodemon's file and its arguments, or `None` if it is told to run something else.
fn nodemon(rest: &[String]) -> Option<Vec<String>> {
    let mut words = rest.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-w" | "--watch" | "-e" | "--ext" | "-i" | "--ignore" | "-d" | "--delay" | "-s" | "--signal" => {
                words.next()?;
            }
            "-q" | "--quiet" | "-V" | "--verbose" | "-L" | "--legacy-watch" | "-C" | "--on-change-only" => {}
            option if option.starts_with('-') => return None,
            _ => return Some(std::iter::once(word).chain(words).cloned().collect()),
        }
    }
    Some(Vec::new())
}

/// Returns the file to start when no script says it.
fn entry(project: &Project<'_>, package: &Package) -> Option<String> {
    let main = package.main.as_deref().and_then(|main| resolve_file(project, main));
    main.or_else(|| project.first(&ENTRIES).map(str::to_owned))
}

/// Returns the file that `node <name>` would run.
fn resolve(project: &Project<'_>, package: &Package, name: &str) -> Option<String> {
    if matches!(name, "." | "./") {
        return package
            .main
            .as_deref()
            .map_or_else(|| resolve_file(project, "index"), |main| resolve_file(project, main));
    }
    resolve_file(project, name)
}

fn resolve_file(project: &Project<'_>, name: &str) -> Option<String> {
    let name = name.strip_prefix("./").unwrap_or(name).trim_end_matches('/');
    ["", ".js", ".json", ".mjs", ".cjs", "/index.js"]
        .into_iter()
        .map(|ending| format!("{name}{ending}"))
        .find(|path| project.has(path))
}
