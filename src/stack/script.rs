//! The scripts of a `package.json`: which of them are one plain command, and what that is.

use std::collections::BTreeMap;

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
        } else if matches!(word.as_str(), "cross-env" | "npx" | "env") {
            words.next();
            // Options of these are rare, and their own business.
            if words.peek().is_none_or(|word| word.starts_with('-')) {
                return None;
            }
        } else {
            return Some(Command { environment, argv: words.collect() });
        }
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
