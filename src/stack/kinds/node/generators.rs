//! Code that a project has generated before it runs, as `prisma generate` does: from sources, so that it is no part of what is
//! installed.

use std::fmt::Write;

use crate::{
    domain::runtime::StartPlan,
    stack::{
        manifest::Package,
        packages::{HOOKS, digest},
        project::Project,
    },
};

use super::command::in_shell;

/// What generates, by the beginning of its command. What development servers generate themselves (SvelteKit, Nuxt, Astro) is
/// not among them.
const GENERATORS: [&str; 9] = [
    "fumadocs-mdx",
    "velite",
    "contentlayer2 build",
    "contentlayer build",
    "panda codegen",
    "graphql-codegen",
    "paraglide-js compile",
    "intlayer build",
    "prisma generate",
];
const PRISMA: &str = "prisma generate";
/// Where it is put down for which sources a container has had something generated.
const DONE: &str = "$HOME/.generated";

/// Has what starts a project generate before what it needs, where the sources of that are others than the last time. Says what.
pub(super) fn prepare(project: &Project<'_>, package: &Package, start: &mut StartPlan, notes: &mut Vec<String>) {
    let steps = steps(project, package, &start.argv.join(" "));
    let Ok(run) = shlex::try_join(start.argv.iter().map(String::as_str)) else { return };
    if steps.is_empty() || start.argv.is_empty() {
        return;
    }
    let mut script = String::new();
    for (command, sources) in &steps {
        notes.push(format!("{command}: run before the app starts"));
        let mark = digest(format!("{command}\n{sources}").as_bytes());
        // A `String` takes whatever is written to it.
        let _ =
            writeln!(script, "if ! grep -qs {mark} {DONE}; then\n  {command} || exit $?\n  echo {mark} >> {DONE}\nfi");
    }
    start.argv = in_shell(project, &format!("{script}exec {run}"));
}

/// Returns the commands that generate, with what decides what comes of each.
fn steps(project: &Project<'_>, package: &Package, start: &str) -> Vec<(String, String)> {
    let hooks = HOOKS.iter().chain(&["postprepare"]).filter_map(|name| package.script(name));
    let mut commands: Vec<&str> = hooks.flat_map(|script| script.split("&&")).filter_map(generator).collect();
    let prisma = |command: &&str| command.starts_with(PRISMA);
    let schemas = project.schemas();
    if schemas.is_empty() {
        commands.retain(|command| !prisma(command));
    } else if package.has("prisma") && !commands.iter().any(prisma) {
        commands.push(PRISMA);
    }
    commands.dedup();
    let new = commands.into_iter().filter(|command| !start.contains(command));
    new.map(|command| (command.to_owned(), if prisma(&command) { schemas.clone() } else { String::new() })).collect()
}

/// Returns whether a script of a hook does nothing but what is done here.
pub(in crate::stack) fn is_covered(script: &str) -> bool {
    script.split("&&").all(|part| generator(part).is_some())
}

/// Returns the command of a part of a script that generates, without what only finds the program.
fn generator(part: &str) -> Option<&str> {
    let command = part.trim();
    let command = command.strip_prefix("npx ").unwrap_or(command);
    let begins = |it: &&str| command.strip_prefix(it).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
    let plain = command.bytes().all(|it| it.is_ascii_alphanumeric() || b" ._/=:@-".contains(&it));
    (plain && GENERATORS.iter().any(begins)).then_some(command)
}
