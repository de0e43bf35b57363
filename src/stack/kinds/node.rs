//! Node.js servers, and the development servers of frameworks that are no plain Vite.

mod arguments;
mod command;
mod compiled;
mod entry;
mod generators;
mod nest;
mod nodemon;
mod serves;
mod start;

use std::collections::BTreeMap;

pub(super) use self::command::run_script;
use self::{
    arguments::file_index,
    command::in_shell,
    entry::{entry, is_entry_name, resolve},
    serves::serves,
    start::Start,
};
use super::kind::Kind;
use crate::{
    domain::{
        error::Error,
        ids::FilePath,
        runtime::{BESIDE, ImagePlan, RunPlan, StartPlan},
        spec::Stack,
    },
    stack::{
        frameworks::{self, Told},
        manifest::Package,
        names::{MAX_ENTRY_DEPTH, MAX_SIDE_FILE_BYTES},
        packages,
        project::{Project, bad, looked_for},
        readers::{cause::Reader, esbuild, node, prisma, python, rollup, shell, tsc},
        script,
        signs::{PackageUse, Signs},
    },
};

/// The port that Node apps are told to listen on.
const PORT: u16 = 3000;
/// What people look at in an app that answers other requests than for pages.
pub(super) const PAGES: &[&str] = &["/api", "/docs", "/api-docs", "/graphql", "/health"];
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
/// The scripts that people run while they work, the likeliest first.
const DEVELOPMENT: [&str; 4] = ["dev", "serve", "develop", "start:dev"];

/// The stack `node`.
pub(super) struct Node;

impl Kind for Node {
    fn show(&self, project: &Project<'_>, signs: &mut Signs) -> Result<(), Error> {
        signs.package = Package::read(project)?.map(|package| package_use(project, &package));
        signs.server_script = project.has("server.js") || project.has("app.js");
        Ok(())
    }

    fn entry(&self, path: &FilePath, depth: usize) -> Option<u64> {
        let may_start = match path.extension() {
            Some("js" | "mjs" | "cjs") => is_entry_name(path.name()) && depth <= MAX_ENTRY_DEPTH,
            _ => [nodemon::FILE, nest::FILE].contains(&path.name()),
        };
        may_start.then_some(MAX_SIDE_FILE_BYTES)
    }

    fn plan(&self, project: &Project<'_>, start: Option<&str>, notes: &mut Vec<String>) -> Result<RunPlan, Error> {
        let package = Package::read(project)?.unwrap_or_default();
        if start.is_none() {
            has_pages(project, &package)?;
        }
        let found = match start {
            Some(command) => Some(Start { script: command.to_owned(), ..Start::default() }),
            None => find_start(project, &package, notes)?,
        };
        let Start { argv, mut environment, told, script } = found.ok_or_else(|| {
            looked_for(
                [format!("a start or dev script or main in {}", project.path("package.json"))]
                    .into_iter()
                    .chain(["server.js", "index.js", "app.js"].map(|name| project.path(name))),
            )
        })?;
        let install = packages::install(project, &package, &[], &script, notes)?;
        let defaults = process_environment(&package, PORT);
        environment
            .extend(defaults.into_iter().filter(|(name, _)| !environment.contains_key(name)).collect::<Vec<_>>());
        let packages = packages::with_members(project, package, &script);
        let mut reload = frameworks::prepare(&packages, &mut environment);
        if told {
            reload = Told::Hook.prepare(&mut environment);
        }
        note_beside(&packages, &script, &mut environment);
        Ok(RunPlan {
            stack: Stack::Node,
            root: project.root.clone(),
            image: ImagePlan::Dependencies(install),
            prebundle: None,
            start: StartPlan { argv, environment, port: PORT, named_port: false, ready_path: "/".into(), reload },
            needs: frameworks::needs(&packages),
            notes: Vec::new(),
            supplied: BTreeMap::new(),
            data: Vec::new(),
        })
    }

    fn start_by(&self, start: &mut StartPlan, project: &Project<'_>, command: &str) -> Result<(), Error> {
        let package = Package::read(project)?;
        start.argv = in_shell(project, command);
        let packages = packages::with_members(project, package.unwrap_or_default(), command);
        start.reload = frameworks::prepare(&packages, &mut start.environment);
        note_beside(&packages, command, &mut start.environment);
        Ok(())
    }

    fn before_start(&self, project: &Project<'_>, start: &mut StartPlan, notes: &mut Vec<String>) -> Result<(), Error> {
        if let Some(package) = Package::read(project)? {
            generators::prepare(project, &package, start, notes);
        }
        Ok(())
    }

    fn note_install(&self, project: &Project<'_>, notes: &mut Vec<String>) -> Result<(), Error> {
        packages::note_hooks(project, generators::is_covered, notes)
    }

    fn readers(&self) -> &'static [Reader] {
        &[tsc::read, prisma::read, esbuild::read, rollup::read, frameworks::read, node::read, shell::read, python::read]
    }

    fn pages(&self) -> &'static [&'static str] {
        PAGES
    }
}

/// Notes that programs of the project's own may run beside a server that is told of changes: each is started anew by itself.
/// They have no port in common, so that each has the one that it has elsewhere, unless a script asks for what it is told.
pub(super) fn note_beside(packages: &[Package], script: &str, environment: &mut BTreeMap<String, String>) {
    let several = packages.first().is_some_and(|package| script::may_run_several(package, script));
    if !frameworks::has_hook(environment) || script.is_empty() || !several {
        return;
    }
    environment.insert(BESIDE.into(), "1".into());
    let scripts = packages.iter().flat_map(|package| package.scripts.values().map(String::as_str));
    let asked = scripts.chain([script]).any(|text| text.contains("PORT"));
    if !asked && packages.first().is_some_and(|package| script::starts_several(package, script)) {
        environment.remove("PORT");
    }
}

/// Returns what a `package.json` is for.
fn package_use(project: &Project<'_>, package: &Package) -> PackageUse {
    if package.has("vite") {
        return PackageUse::Page;
    }
    let framework = frameworks::of(package).is_some();
    let start = package.script("start");
    let entry = entry(project, package);
    let listed = SERVERS.iter().any(|name| package.has(name)) && (start.is_some() || entry.is_some());
    let server = if package.has("react") {
        if !framework && !listed {
            return PackageUse::Page;
        }
        true
    } else if project.has("index.html") && !framework {
        // A `main` and an index.js are the page's own as a rule: `npm init -y` writes the one, people the other.
        let script = start.or_else(|| package.script(serving_script(package)?));
        script.is_some_and(|script| !is_page_tool(script) || !package.dependencies.is_empty())
            || listed
            || entry.is_some_and(|file| project.source(&file).is_some_and(|source| listens(&source)))
    } else {
        framework
            || start.is_some()
            || entry.is_some()
            || DEVELOPMENT.into_iter().any(|name| package.script(name).is_some())
            || serving_script(package).is_some()
    };
    if server { PackageUse::Server } else { PackageUse::Tools }
}

fn is_page_tool(script: &str) -> bool {
    script::plain(script)
        .is_none_or(|command| command.argv.first().is_some_and(|program| PAGE_TOOLS.contains(&program.as_str())))
}

/// Returns whether a source shows signs of a server.
fn listens(source: &str) -> bool {
    [".listen(", "createServer(", "Bun.serve(", "Deno.serve("].iter().any(|sign| source.contains(sign))
}

/// Fails where a project makes an app for phones, which no browser can show.
///
/// # Errors
/// `BadManifest`.
pub(super) fn has_pages(project: &Project<'_>, package: &Package) -> Result<(), Error> {
    let Some(name) = package.phone_app() else { return Ok(()) };
    let message = format!(
        "{name} makes an app for phones, which has no page that a browser can show; a start in previewd.toml can run what has one"
    );
    Err(bad(project.path("package.json"), message))
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
    if package.has("react-scripts") {
        // Without this it ends with its standard input, which is empty from the start, or refuses a name that it does not know.
        // And its page connects to the port that it comes from.
        let variables = [("CI", "true"), ("DANGEROUSLY_DISABLE_HOST_CHECK", "true"), ("WDS_SOCKET_PORT", "0")];
        environment.extend(variables.map(|(name, value)| (name.into(), value.into())));
    }
    // As `npm run` does.
    for (name, value) in [("npm_package_name", &package.name), ("npm_package_version", &package.version)] {
        if let Some(value) = value.as_ref().filter(|value| value.len() <= 256 && !value.contains('\0')) {
            environment.insert(name.into(), value.clone());
        }
    }
    environment
}

/// Finds what to start: the `start` script, else a script that clearly runs a development server, else `main`, else a file
/// with a likely name, else the `dev` script whatever it does.
///
/// A known framework's `dev` comes before its `start`, which serves what a build has made, and so does not show sources. A
/// `start` that runs a file which is not there waits for a build too.
fn find_start(project: &Project<'_>, package: &Package, notes: &mut Vec<String>) -> Result<Option<Start>, Error> {
    if let (Some(framework), Some(_)) = (frameworks::of(package), package.script("dev")) {
        notes.push(format!("node: the dev script of {}", framework.package));
        return run_script(project, package, "dev").map(Some);
    }
    let start = package.script("start");
    let waits = start.is_some_and(|start| waits_for_build(project, package, start));
    if start.is_some() && !waits {
        notes.push("node: the start script".into());
        return run_script(project, package, "start").map(Some);
    }
    let why = if waits { ", since what the start script runs has to be built first" } else { "" };
    if let Some(name) = serving_script(package) {
        notes.push(format!("node: the {name} script{why}"));
        return run_script(project, package, name).map(Some);
    }
    if let (Some(start), Some(build)) = (start, package.script("build")) {
        notes.push("node: the build script, then the start script, which runs what is built".into());
        let hooked = ["prebuild", "postbuild", "prestart"].iter().any(|name| package.script(name).is_some());
        if let Some(start) = compiled::start(package, build, start).filter(|_| !hooked) {
            return Ok(Some(start));
        }
        let script = format!("( {build}\n) || exit $?\n{start}");
        return Ok(Some(Start { argv: in_shell(project, &script), ..Start::default() }));
    }
    if start.is_none()
        && let Some(entry) = entry(project, package)
    {
        notes.push(format!("node: {entry}"));
        return Ok(Some(Start { argv: vec!["node".into(), entry], ..Start::default() }));
    }
    if let (None, true, Some(module)) = (start, packages::is_for_bun(package), &package.module)
        && project.has(module)
    {
        notes.push(format!("node: {module}, by Bun"));
        let Ok(module) = shlex::try_quote(module) else { return Ok(None) };
        return Ok(Some(Start { argv: in_shell(project, &format!("exec bun {module}")), ..Start::default() }));
    }
    let name = DEVELOPMENT.into_iter().find(|name| package.script(name).is_some()).or(start.map(|_| "start"));
    let Some(name) = name else { return Ok(None) };
    notes.push(format!("node: the {name} script, since there is nothing else"));
    run_script(project, package, name).map(Some)
}

/// Returns the first of the scripts for development that clearly runs a server: of one of the usual names, else one such as
/// `docs:dev` or `dev:web`, else Storybook.
fn serving_script(package: &Package) -> Option<&str> {
    let part = |name: &&String| name.split([':', '-']).any(|part| part == "dev");
    let others = package.scripts.keys().filter(part).map(String::as_str);
    let mut names = DEVELOPMENT.into_iter().chain(others).chain(["storybook"]);
    names.find(|name| package.script(name).is_some_and(|script| serves(package, script)))
}

/// Returns whether a script runs a file that is not in the project.
fn waits_for_build(project: &Project<'_>, package: &Package, script: &str) -> bool {
    let Some(command) = script::resolved(package, script) else { return false };
    let Some((program, rest)) = command.argv.split_first() else { return false };
    program == "node" && file_index(rest).is_some_and(|index| resolve(project, package, &rest[index]).is_none())
}
