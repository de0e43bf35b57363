//! `tsc && node dist/index.js`: the compiler goes on beside the program, and is told of changes (`stacks/node/compiled.cjs`).

use std::collections::BTreeMap;

use super::{arguments::file_index, start::Start};
use crate::{
    domain::runtime::RUNTIME_MOUNT,
    stack::{
        manifest::Package,
        script::{self, Command},
    },
};

/// What has `tsc` do something else than to compile a program once.
const OTHERWISE: [&str; 12] = [
    "-b",
    "--build",
    "-w",
    "--watch",
    "--noEmit",
    "--init",
    "--showConfig",
    "--listFilesOnly",
    "--emitDeclarationOnly",
    "-h",
    "--help",
    "--locale",
];

/// Returns how a script is started that compiles by TypeScript and then runs what that has made: `None` for every other.
pub(super) fn one_script(package: &Package, script: &str) -> Option<Start> {
    let (build, run) = script.split_once("&&")?;
    start(package, build, run)
}

/// Returns the same for two scripts, of which the first builds what the second runs.
pub(super) fn start(package: &Package, build: &str, run: &str) -> Option<Start> {
    let (build, run) = (script::resolved(package, build)?, script::resolved(package, run)?);
    let compiler = words_after("tsc", &build)?;
    let node = words_after("node", &run)?;
    if compiler.iter().any(|word| OTHERWISE.contains(&word.as_str())) {
        return None;
    }
    file_index(node)?;
    let environment: BTreeMap<_, _> = build.environment.iter().chain(&run.environment).map(owned).collect();
    let list = |words: &[String]| serde_json::to_string(words).ok();
    let argv = vec!["node".into(), format!("{RUNTIME_MOUNT}/node/compiled.cjs"), list(compiler)?, list(node)?];
    Some(Start { argv, environment, told: true, ..Start::default() })
}

fn owned((name, value): (&String, &String)) -> (String, String) {
    (name.clone(), value.clone())
}

fn words_after<'a>(program: &str, command: &'a Command) -> Option<&'a [String]> {
    let (first, rest) = command.argv.split_first()?;
    (first == program).then_some(rest)
}
