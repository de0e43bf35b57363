//! How a script of `package.json` is run: without npm, and without the watcher that it may call.

use std::collections::BTreeMap;

use super::{arguments::unwatched, compiled, entry::entry, nest, nodemon, start::Start};
use crate::{
    domain::{
        error::Error,
        path::upwards,
        runtime::{APP_ROOT, RUNTIME_MOUNT},
        text::{MAX_SENTENCE_BYTES, sentence},
    },
    stack::{
        manifest::Package,
        packages,
        project::{Project, bad},
        script::{self, Command},
        shell::shell,
    },
};

/// Returns how a script is run: the command itself where it is plain, without a watcher; else by a shell as npm would,
/// but without npm, whose own start takes longer than most apps'.
///
/// # Errors
/// `BadManifest` where it comes to one that runs itself.
pub(in crate::stack::kinds) fn run_script(
    project: &Project<'_>,
    package: &Package,
    name: &str,
) -> Result<Start, Error> {
    let script = package.script(name).unwrap_or_default();
    if script::never_ends(package, name) {
        let message = format!("the {name} script comes to one that runs itself: {script}");
        return Err(bad(project.path("package.json"), sentence(&message, MAX_SENTENCE_BYTES)));
    }
    let hook = package.script(&format!("pre{name}"));
    let mut environment = BTreeMap::from([("npm_lifecycle_event".to_owned(), name.to_owned())]);
    if let (Some(start), None) = (compiled::one_script(package, script), &hook) {
        let environment = environment.into_iter().chain(start.environment).collect();
        return Ok(Start { environment, ..start });
    }
    let plain = script::resolved(package, script).map(|command| without_watcher(project, package, command));
    Ok(match (plain, hook) {
        (Some(command), None) => {
            environment.extend(command.environment);
            let told = nest::is_told(&command.argv);
            let node = command.argv.first().is_some_and(|program| program == "node");
            let argv = if node {
                command.argv
            } else {
                let words =
                    shlex::try_join(command.argv.iter().map(String::as_str)).unwrap_or_else(|_| script.to_owned());
                in_shell(project, &format!("exec {words}"))
            };
            Start { argv, environment, told, script: script.to_owned() }
        }
        (Some(_) | None, Some(hook)) => {
            let argv = in_shell(project, &format!("( {hook}\n) || exit $?\n{script}"));
            Start { argv, environment, told: false, script: script.to_owned() }
        }
        (None, None) => {
            let argv = in_shell(project, script);
            Start { argv, environment, told: false, script: script.to_owned() }
        }
    })
}

/// Returns a command line that runs a script by a shell that finds the project's packages, and those of a workspace above.
pub(super) fn in_shell(project: &Project<'_>, script: &str) -> Vec<String> {
    let packages: Vec<String> = upwards(&project.root)
        .map(|folder| format!("{APP_ROOT}/{folder}").trim_end_matches('/').to_owned() + "/node_modules/.bin")
        .collect();
    // A package manager that the image has is better than what stands in for it.
    let (bun, managers) = (packages::bun_folder(), format!("{RUNTIME_MOUNT}/node/bin"));
    shell(&packages.iter().map(String::as_str).collect::<Vec<_>>(), &[&bun, &managers], script)
}

/// Takes the watcher off a command: previewd starts the process anew itself, and knows when. Nest's is left: it is told.
fn without_watcher(project: &Project<'_>, package: &Package, command: Command) -> Command {
    let Some((program, rest)) = command.argv.split_first() else { return command };
    let plain = |program: &str, rest: Vec<String>| {
        let argv = std::iter::once(program.to_owned()).chain(rest).collect();
        Command { environment: command.environment.clone(), argv }
    };
    match program.as_str() {
        "node" => plain("node", unwatched(rest)),
        "tsx" => match rest.split_first() {
            Some((first, rest)) if first == "watch" => plain("tsx", without_tsx_options(rest)),
            _ => plain("tsx", unwatched(rest)),
        },
        "bun" => {
            let end = rest.iter().position(|word| !word.starts_with('-') && word != "run").unwrap_or(rest.len());
            let watching = |word: &&String| !matches!(word.as_str(), "--watch" | "--hot" | "--no-clear-screen");
            plain("bun", rest[..end].iter().filter(watching).chain(&rest[end..]).cloned().collect())
        }
        "nest" => plain("nest", nest::arguments(project, rest)),
        "nodemon" => nodemon::unwatched(project, package, rest, || entry(project, package))
            .map(|found| Command {
                environment: command.environment.clone().into_iter().chain(found.environment).collect(),
                argv: found.argv,
            })
            .unwrap_or(command),
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

/// Returns the arguments of `tsx watch` without those that say what is watched.
fn without_tsx_options(words: &[String]) -> Vec<String> {
    let mut kept = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--include" | "--exclude" | "--ignore" => _ = words.next(),
            word if ["--include=", "--exclude=", "--ignore=", "--clear-screen"].iter().any(|o| word.starts_with(o)) => {
            }
            option if option.starts_with('-') => kept.push(word.clone()),
            _ => {
                kept.push(word.clone());
                kept.extend(words.by_ref().cloned());
            }
        }
    }
    kept
}
