//! The scripts of a `package.json`: which of them are one plain command, and what that is.

use std::collections::{BTreeMap, BTreeSet};

use super::manifest::Package;

/// What package managers do themselves.
const OWN_COMMANDS: [&str; 18] = [
    "install",
    "i",
    "ci",
    "add",
    "remove",
    "dlx",
    "create",
    "init",
    "workspace",
    "workspaces",
    "build",
    "link",
    "start",
    "test",
    "run",
    "node",
    "exec",
    "recursive",
];
/// How many scripts may call one another.
const MAX_CALLS: usize = 8;

/// One command without anything that needs a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Command {
    /// The variables that are set before it.
    pub environment: BTreeMap<String, String>,
    /// The program and its arguments.
    pub argv: Vec<String>,
}

/// Reads a script that is one plain command, with `NAME=value`, `cross-env` and `npx` before it taken off. `None` if it
/// needs a shell.
pub(super) fn plain(script: &str) -> Option<Command> {
    // Quoted ones are taken for the shell's as well: a shell is right in any case, only slower.
    if script.contains(['|', '&', ';', '<', '>', '$', '`', '(', ')', '*', '?', '[', '{', '~', '#', '\n']) {
        return None;
    }
    let mut words = shlex::split(script)?.into_iter().peekable();
    let mut environment = BTreeMap::new();
    loop {
        let word = words.peek()?;
        if let Some((name, value)) = assignment(word) {
            environment.insert(name.to_owned(), value.to_owned());
            words.next();
        } else if matches!(word.as_str(), "cross-env" | "npx" | "bunx" | "env") {
            words.next();
            // To run it by Bun itself is a wish that Node serves as well.
            words.next_if(|word| word == "--bun");
            // Options of these are rare, and their own business.
            if words.peek().is_none_or(|word| word.starts_with('-')) {
                return None;
            }
        } else {
            return Some(Command { environment, argv: words.collect() });
        }
    }
}

/// Reads a script as [`plain`] does. Where it calls another by a package manager, as `pnpm run dev` or `yarn vite` do, it is
/// what that comes to: a manager is slow to start, and not in every image.
pub(super) fn resolved(package: &Package, script: &str) -> Option<Command> {
    let mut command = plain(script)?;
    for _ in 0..MAX_CALLS {
        match called(package, &command.argv) {
            Called::Nothing => return Some(command),
            Called::Program(argv) => {
                let next = plain(&shlex::try_join(argv.iter().map(String::as_str)).ok()?)?;
                command =
                    Command { environment: command.environment.into_iter().chain(next.environment).collect(), ..next };
            }
            Called::Script(name, arguments) => {
                // What runs before it is a second command.
                if package.script(&format!("pre{name}")).is_some() {
                    return None;
                }
                let next = plain(package.script(&name)?)?;
                command = Command {
                    environment: command.environment.into_iter().chain(next.environment).collect(),
                    argv: next.argv.into_iter().chain(arguments).collect(),
                };
            }
            Called::Other => return None,
        }
    }
    None
}

/// Returns whether a script comes to one that runs itself: it starts processes until there is room for no more.
pub(super) fn never_ends(package: &Package, name: &str) -> bool {
    let comes_back = |name: &String| reached(package, name).contains(name);
    reached(package, name).iter().any(comes_back)
}

/// Returns the names of the scripts that a script calls, and that they call.
fn reached(package: &Package, name: &str) -> BTreeSet<String> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![name.to_owned()]);
    while let Some(script) = open.pop().and_then(|name| package.script(&name)) {
        for part in script.split("&&").flat_map(|part| part.split(';')) {
            // What follows a `cd` is of another folder, and what a shell is needed for may be anything.
            let is_here = |command: &Command| command.argv.first().is_some_and(|program| program != "cd");
            let Some(command) = plain(part).filter(is_here) else { break };
            if let Some(next) = called_alone(package, &command.argv)
                && reached.insert(next.clone())
            {
                open.push(next);
            }
        }
    }
    reached
}

/// Returns the script that a command calls, and does nothing else: options may name another package, and what Bun is called
/// with is its own command first.
fn called_alone(package: &Package, argv: &[String]) -> Option<String> {
    let own = argv.first().is_some_and(|manager| manager == "bun") && argv.get(1).is_none_or(|word| word != "run");
    match called(package, argv) {
        Called::Script(name, arguments) if arguments.is_empty() && !own => Some(name),
        _ => None,
    }
}

/// The most words of a script that are looked at, and the most scripts that are followed.
pub(super) const MAX_WORDS: usize = 500;
const MAX_MENTIONED: usize = 64;
/// Words before the name of a script.
const RUN: [&str; 6] = ["run", "run-script", "npm", "pnpm", "yarn", "bun"];

/// Returns a script, and those of its package that it runs, and that they run: by their names, or by a pattern of them such
/// as `npm:dev:*`.
pub(super) fn mentioned<'a>(package: &'a Package, script: &'a str) -> Vec<&'a str> {
    let (mut texts, mut seen) = (vec![script], BTreeSet::new());
    let mut next = 0;
    while let Some(text) = texts.get(next).copied() {
        next += 1;
        let words: Vec<&str> = words(text).take(MAX_WORDS).collect();
        let several = words.iter().any(|word| RUNNERS.contains(word));
        for (index, word) in words.iter().enumerate() {
            let named = word.split_once(':').filter(|(manager, _)| MANAGERS.contains(manager)).map(|(_, name)| name);
            let is_run = several || index.checked_sub(1).is_some_and(|before| RUN.contains(&words[before]));
            let name = named.unwrap_or(word);
            if !(is_run || named.is_some()) || texts.len() >= MAX_MENTIONED || !seen.insert(name) {
                continue;
            }
            match name.split_once('*') {
                Some((begin, end)) => {
                    let meant = |name: &str| name.starts_with(begin) && name.ends_with(end);
                    let found = package.scripts.iter().filter(|(name, _)| meant(name) && seen.insert(name));
                    texts.extend(found.map(|(_, script)| script.as_str()).take(MAX_MENTIONED));
                }
                None => texts.extend(package.script(name)),
            }
        }
    }
    texts
}

/// Returns whether a script, or one that it runs, starts several programs: by one that does so, in the background of a shell,
/// or in the members of a workspace.
pub(super) fn starts_several(package: &Package, script: &str) -> bool {
    let workspace =
        ["-w", "--workspace", "--workspaces", "--filter", "-F", "-r", "--recursive", "--parallel", "foreach"];
    mentioned(package, script).into_iter().any(|text| {
        let background = text.replace("&&", "").replace("2>&1", "").contains('&');
        let of = |word: &str| RUNNERS.contains(&word) || workspace.contains(&word.split('=').next().unwrap_or(word));
        background || words(text).take(MAX_WORDS).any(of)
    })
}

/// Returns the words of a script, without what a shell has between them.
pub(super) fn words(script: &str) -> impl Iterator<Item = &str> {
    let breaks = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';' | '&' | '|' | '(' | ')' | '<' | '>' | ',');
    script.split(breaks).filter(|word| !word.is_empty())
}

/// Package managers, as they are called.
const MANAGERS: [&str; 4] = ["npm", "pnpm", "yarn", "bun"];

/// Programs that run several commands at the same time.
const RUNNERS: [&str; 9] =
    ["concurrently", "conc", "npm-run-all", "npm-run-all2", "run-p", "run-pty", "turbo", "nx", "lerna"];

/// Returns whether a script may run several programs at the same time: with a program that does so, in a shell, or by a
/// package manager that is asked for more than a script of this package.
pub(super) fn may_run_several(package: &Package, script: &str) -> bool {
    let several = |program: &str| RUNNERS.contains(&program) || MANAGERS.contains(&program);
    resolved(package, script).is_none_or(|command| command.argv.first().is_some_and(|program| several(program)))
}

/// What a command calls by a package manager.
enum Called {
    /// It is no package manager's.
    Nothing,
    /// A script of `package.json`, with arguments.
    Script(String, Vec<String>),
    /// A program of a dependency.
    Program(Vec<String>),
    /// Something else.
    Other,
}

fn called(package: &Package, argv: &[String]) -> Called {
    let Some((manager, rest)) = argv.split_first() else { return Called::Nothing };
    if !matches!(manager.as_str(), "npm" | "pnpm" | "yarn" | "bun") {
        return Called::Nothing;
    }
    let bun = manager == "bun";
    let rest: Vec<&String> = rest.iter().skip_while(|word| bun && *word == "--bun").collect();
    let owned = |words: &[&String]| words.iter().map(|word| (*word).clone()).collect::<Vec<_>>();
    let script = |name: &str, arguments: &[&String]| {
        let separator = arguments.first().is_some_and(|word| *word == "--");
        Called::Script(name.to_owned(), owned(&arguments[usize::from(separator)..]))
    };
    let is_file = |word: &str| word.contains(['.', '/']);
    match rest.as_slice() {
        [run, name, arguments @ ..] if matches!(run.as_str(), "run" | "run-script") && !name.starts_with('-') => {
            match package.script(name) {
                Some(_) => script(name, arguments),
                None if bun && is_file(name) => Called::Nothing,
                None if manager == "npm" => Called::Other,
                None => Called::Program(owned(&rest[1..])),
            }
        }
        [run, option, ..] if bun && *run == "run" && option.starts_with('-') => Called::Nothing,
        [exec, words @ ..]
            if matches!(exec.as_str(), "exec" | "x") && words.first().is_some_and(|w| !w.starts_with('-')) =>
        {
            Called::Program(owned(words))
        }
        [name, arguments @ ..] if matches!(name.as_str(), "start" | "test") || manager != "npm" => {
            match package.script(name) {
                Some(_) => script(name, arguments),
                None if bun && (is_file(name) || name.starts_with('-')) => Called::Nothing,
                None if name.starts_with('-') || OWN_COMMANDS.contains(&name.as_str()) => Called::Other,
                None => Called::Program(owned(&rest)),
            }
        }
        _ => Called::Other,
    }
}

fn assignment(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let good = !name.is_empty()
        && !name.as_bytes()[0].is_ascii_digit()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    good.then_some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_that_are_called_by_a_package_manager_are_what_they_come_to() {
        let scripts = [
            ("server", "node src/a.js"),
            ("dev", "A=1 pnpm run server --fast"),
            ("hooked", "node b.js"),
            ("prehooked", "tsc"),
            ("loop", "yarn loop"),
            ("shell", "a && b"),
        ];
        let scripts = scripts.map(|(name, script)| (name.to_owned(), script.to_owned())).into();
        let package = Package { scripts, ..Package::default() };
        let read = |script: &str| {
            resolved(&package, script).map(|command| (command.environment.len(), command.argv.join(" ")))
        };
        for (script, wanted) in [
            ("npm run server", "node src/a.js"),
            ("npm run server -- --x", "node src/a.js --x"),
            ("yarn server", "node src/a.js"),
            ("bun run server", "node src/a.js"),
            ("bun --bun run server", "node src/a.js"),
            ("pnpm exec vite --host", "vite --host"),
            ("yarn vite", "vite"),
            ("bunx --bun vite", "vite"),
            ("bun --hot src/a.ts", "bun --hot src/a.ts"),
            ("bun run src/a.ts", "bun run src/a.ts"),
            ("bun run --hot src/a.ts", "bun run --hot src/a.ts"),
            ("vite", "vite"),
        ] {
            assert_eq!(read(script), Some((0, wanted.into())), "{script}");
        }
        assert_eq!(read("pnpm dev"), Some((1, "node src/a.js --fast".into())));
        for shell in
            ["npm run hooked", "yarn loop", "npm run shell", "npm run gone", "pnpm install", "pnpm --filter x dev"]
        {
            assert_eq!(read(shell), None, "{shell}");
        }
    }

    #[test]
    fn scripts_that_run_themselves_are_known() {
        let scripts = [
            ("start", "npm start"),
            ("a", "yarn b"),
            ("b", "npm run a"),
            ("dev", "pnpm start"),
            ("c", "npm run d"),
            ("d", "d"),
            ("e", "tsc && yarn e"),
            ("web", "npm run web -w web"),
            ("server", "cd server && npm run server"),
            ("build", "bun build a.ts"),
            ("piped", "cat x | yarn piped"),
            ("filter", "pnpm filter --filter x"),
        ];
        let scripts = scripts.map(|(name, script)| (name.to_owned(), script.to_owned())).into();
        let package = Package { scripts, ..Package::default() };
        let names = ["start", "a", "b", "dev", "e"];
        assert!(names.iter().all(|name| never_ends(&package, name)));
        assert!(
            !["c", "d", "none", "web", "server", "build", "piped", "filter"]
                .iter()
                .any(|name| never_ends(&package, name))
        );
    }

    #[test]
    fn plain_commands_are_taken_apart() {
        let read = |script: &str| plain(script).map(|command| (command.environment.len(), command.argv.join(" ")));
        assert_eq!(read("node ./bin/www"), Some((0, "node ./bin/www".into())));
        assert_eq!(read("cross-env A=1 B='x y' node a.js"), Some((2, "node a.js".into())));
        assert_eq!(read("npx vite --host"), Some((0, "vite --host".into())));
        for shell in ["a && b", "a | b", "a; b", "node $X", "tsc -b & vite", "npx -p x y", "", "A=1", "a 'b"] {
            assert_eq!(read(shell), None, "{shell}");
        }
    }
}
