//! nodemon: what it would run, from its arguments, `nodemon.json` and the `nodemonConfig` of `package.json`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::arguments::file_index;
use crate::stack::{
    manifest::Package,
    project::Project,
    script::{self, Command},
};

/// The file's name, beside `package.json`.
pub(super) const FILE: &str = "nodemon.json";

/// What its configuration says of the command; the rest is about watching.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Configuration {
    exec: Option<String>,
    exec_map: BTreeMap<String, String>,
    script: Option<String>,
    env: BTreeMap<String, String>,
}

impl Configuration {
    /// Reads what there is of it. One that cannot be read is nodemon's to complain of.
    fn read(project: &Project<'_>, package: &Package) -> Option<Self> {
        if let Some(text) = project.source(FILE) {
            return serde_json::from_str(&text).ok();
        }
        if project.has(FILE) {
            return None;
        }
        package.nodemon_config.clone().map_or_else(|| Some(Self::default()), |value| serde_json::from_value(value).ok())
    }
}

/// Returns the command that nodemon would run, or `None` if it is told something that is its own business.
pub(super) fn unwatched(
    project: &Project<'_>,
    package: &Package,
    words: &[String],
    entry: impl FnOnce() -> Option<String>,
) -> Option<Command> {
    let mut configuration = Configuration::read(project, package)?;
    let mut node = Vec::new();
    let mut rest = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (option, mut value) = match word.split_once('=') {
            Some((option, value)) if word.starts_with("--") => (option, Some(value.to_owned())),
            _ => (word.as_str(), None),
        };
        match option {
            "-w" | "--watch" | "-e" | "--ext" | "-i" | "--ignore" | "-d" | "--delay" | "-s" | "--signal" => {
                if value.is_none() {
                    words.next()?;
                }
            }
            "-x" | "--exec" => configuration.exec = Some(value.take().or_else(|| words.next().cloned())?),
            "-q" | "--quiet" | "-V" | "--verbose" | "-L" | "--legacy-watch" | "-C" | "--on-change-only" => {}
            "--config" | "--cwd" | "-h" | "--help" | "-v" | "--version" | "--spawn" => return None,
            option if option.starts_with('-') => {
                // Node's own. A file that follows one without a value is that file.
                node.push(word.clone());
                if value.is_none() && file_index(&[word.clone(), "x".into()]).is_none() {
                    node.push(words.next()?.clone());
                }
            }
            _ => {
                rest = std::iter::once(word).chain(words).cloned().collect();
                break;
            }
        }
    }
    let environment = configuration.env;
    if let Some(exec) = &configuration.exec {
        let command = script::plain(exec)?;
        let argv = command.argv.into_iter().chain(node).chain(rest).collect();
        return Some(Command { environment: environment.into_iter().chain(command.environment).collect(), argv });
    }
    let mut rest = rest.into_iter();
    let file = rest.next().or(configuration.script).or_else(entry)?;
    let ending = file.rsplit_once('.').map_or("", |(_, ending)| ending);
    let program = match configuration.exec_map.get(ending) {
        Some(program) => script::plain(program)?.argv,
        None if matches!(ending, "ts" | "tsx" | "mts") => {
            let other = package.has("tsx") && !package.has("ts-node");
            vec![if other { "tsx" } else { "ts-node" }.to_owned()]
        }
        None => vec!["node".to_owned()],
    };
    Some(Command { environment, argv: program.into_iter().chain(node).chain([file]).chain(rest).collect() })
}
