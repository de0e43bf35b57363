//! NestJS: `nest start`, whose compiler watches and is told of changes (`stacks/node/told/typescript.cjs`).

use serde::Deserialize;

use crate::stack::project::Project;

/// Its configuration's name, beside `package.json`.
pub(super) const FILE: &str = "nest-cli.json";
/// What makes it compile and start again, and leave the log as it is.
const WATCH: [&str; 2] = ["--watch", "--preserveWatchOutput"];
/// What has it compile by something else than TypeScript, or start something else than Node.
const OTHERWISE: [&str; 7] = ["--webpack", "--builder", "-b", "--exec", "-e", "--type-check", "--webpackPath"];

/// What it says of how it compiles.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Configuration {
    monorepo: bool,
    compiler_options: CompilerOptions,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CompilerOptions {
    webpack: bool,
    builder: serde_json::Value,
}

/// Returns the arguments of `nest`: with those of its watcher where it can be told of changes, and else without.
pub(super) fn arguments(project: &Project<'_>, words: &[String]) -> Vec<String> {
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    let watches = |word: &&String| matches!(word.as_str(), "--watch" | "-w" | "--preserveWatchOutput");
    let own = words[..end].iter().filter(|word| !watches(word));
    let more: &[&str] = if can_be_told(project, words) { &WATCH } else { &[] };
    let more = more.iter().map(|word| (*word).to_owned());
    own.cloned().chain(more).chain(words[end..].iter().cloned()).collect()
}

/// Returns whether it compiles one program by TypeScript, and starts it.
fn can_be_told(project: &Project<'_>, words: &[String]) -> bool {
    let configuration = match project.source(FILE).map(|text| serde_json::from_str::<Configuration>(&text)) {
        Some(Ok(configuration)) => configuration,
        Some(Err(_)) => return false,
        None => Configuration::default(),
    };
    let CompilerOptions { webpack, builder } = &configuration.compiler_options;
    let by_typescript = builder.is_null() || builder == "tsc" || builder.get("type").is_some_and(|it| it == "tsc");
    let otherwise = |word: &String| OTHERWISE.contains(&word.split('=').next().unwrap_or_default());
    let starts = words.first().is_some_and(|word| word == "start");
    starts && !configuration.monorepo && !webpack && by_typescript && !words.iter().any(otherwise)
}

/// Returns whether a command of [`arguments`] is told of changes.
pub(super) fn is_told(argv: &[String]) -> bool {
    argv.first().is_some_and(|program| program == "nest") && argv.iter().any(|word| word == WATCH[0])
}
