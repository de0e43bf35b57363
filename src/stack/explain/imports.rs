//! The line of an import that leads nowhere: Node says of an ES module only which file has it.

use std::{cmp::Reverse, sync::LazyLock};

use regex::Regex;

/// What an `import`, an `export ... from` or a `require` names.
static NAMED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"\b(?:import|from|require)\b\s*\(?\s*["'`]([^"'`]+)["'`]"#).ok());

/// What a `package.json` lists packages in, and one of them with its version.
static LIST: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#""\w*[dD]ependencies"\s*:\s*\{([^}]*)\}"#).ok());
static LISTED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#""((?:@[\w.~-]+/)?[\w.~-]+)"\s*:\s*""#).ok());

/// What stands for a folder of sources at the beginning of a name: no package is called so.
const ALIASES: [&str; 5] = ["@", "~", "#", "$lib", ""];

/// Returns the line, from 1, in which a source imports what a message says is missing, if there is one that fits best.
pub fn import_line(message: &str, source: &str) -> Option<u32> {
    let missing = message.split(['\'', '"']).nth(1).filter(|missing| !missing.is_empty())?;
    let is_comment = |line: &str| ["//", "*", "/*"].iter().any(|mark| line.trim_start().starts_with(mark));
    let named = source.lines().zip(1..).filter(|(line, _)| !is_comment(line)).flat_map(|(line, number)| {
        NAMED.iter().flat_map(move |named| named.captures_iter(line)).filter_map(move |found| {
            let parts = in_common(missing, found.get(1)?.as_str());
            (parts > 0).then_some((parts, number))
        })
    });
    let mut named: Vec<(usize, u32)> = named.collect();
    named.sort_by_key(|(parts, number)| (Reverse(*parts), *number));
    match named.as_slice() {
        [(best, line), (next, other), ..] if best == next && line != other => None,
        [(_, line), ..] => Some(*line),
        [] => None,
    }
}

/// Returns the line, from 1, in which a `package.json` lists the package that a message is about.
pub fn listing_line(message: &str, manifest: &str) -> Option<u32> {
    let named = |name: &str| {
        let inside = |c: char| c.is_alphanumeric() || matches!(c, '@' | '/' | '-' | '_');
        message.match_indices(name).map(|(at, _)| at).find(|at| {
            let (before, after) = (&message[..*at], &message[at + name.len()..]);
            // A version may follow after an `@`.
            !before.ends_with(inside) && !after.starts_with(|c: char| inside(c) && c != '@')
        })
    };
    let lists = LIST.iter().flat_map(|list| list.captures_iter(manifest)).filter_map(|list| list.get(1));
    let packages = lists.flat_map(|list| {
        let found = LISTED.iter().flat_map(move |listed| listed.captures_iter(list.as_str()));
        found.filter_map(|found| found.get(1)).map(move |name| (name.as_str(), list.start() + name.start()))
    });
    let named = packages.filter_map(|(name, at)| Some((named(name)?, Reverse(name.len()), at)));
    let (.., at) = named.min()?;
    u32::try_from(manifest[..at].matches('\n').count() + 1).ok()
}

/// Returns how much of a name is that of what is missing: a package, or parts of a path from its end. A path is told as it
/// was resolved, and written from the file's own folder, perhaps without its suffix.
fn in_common(missing: &str, named: &str) -> usize {
    // What an alias leads to ends as what is written ends.
    if let Some((alias, rest)) = named.split_once('/')
        && ALIASES.contains(&alias)
    {
        let path = format!("/{}", missing.trim_start_matches('/'));
        return if path.ends_with(&format!("/{rest}")) { rest.split('/').count() } else { 0 };
    }
    if !named.starts_with('.') {
        let package = named == missing || named.strip_prefix(missing).is_some_and(|rest| rest.starts_with('/'));
        return usize::from(package) * usize::MAX;
    }
    let parts = |path: &'_ str| path.rsplit('/').map(str::to_owned).collect::<Vec<_>>();
    let (missing, named) = (parts(missing), parts(named));
    let stem = |name: &str| name.rsplit_once('.').map_or_else(|| name.to_owned(), |(stem, _)| stem.to_owned());
    let (Some(last), Some(own)) = (missing.first(), named.first()) else { return 0 };
    if last != own && stem(last) != *own {
        return 0;
    }
    let above = missing.iter().skip(1).zip(named.iter().skip(1));
    1 + above.take_while(|(one, other)| one == other && !other.starts_with('.')).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_a_package_is_that_which_lists_it() {
        let manifest = "{\n  \"name\": \"x\",\n  \"dependencies\": {\n    \"react\": \"19\",\n    \"react-dom\": \"19\",\n    \
                        \"@a/b\": \"^1\"\n  }\n}";
        for (message, line) in [
            ("react-dom is not in the registry: check its name", Some(5)),
            ("there is no release of react that is ^99: take another", Some(4)),
            ("@a/b@^1 wants react", Some(6)),
            ("something else: check its name", None),
        ] {
            assert_eq!(listing_line(message, manifest), line, "{message}");
        }
        assert_eq!(listing_line("there is no b", "{\n\"dependencies\": {\"a\": \"1\", \"b\": \"2\"}}"), Some(2));
    }

    #[test]
    fn the_line_is_that_which_names_what_is_missing() {
        let source = "// import './lib/nope.js'\nimport a from 'a'\nimport {\n  b,\n} from \"./lib/nope.js\"\n\
                      const c = await import('@x/y/z')\nexport * from './other'\n\
                      import './a/index.js'\nimport './b/index.js'\nrequire('../twice.js')\nrequire('./twice.js')\n\
                      import { Card } from '@/components/ui/card'\n";
        let line = |message| import_line(message, source);
        assert_eq!(line("Error: Cannot find module 'src/lib/nope.js' imported from src/b.mjs"), Some(5));
        assert_eq!(line("Error: Cannot find module 'src/other.js' imported from src/b.mjs"), Some(7));
        assert_eq!(line("Error: Cannot find module 'src/b/index.js' imported from src/b.mjs"), Some(9));
        assert_eq!(line("Error: Cannot find module 'src/twice.js' imported from src/b.mjs"), None);
        assert_eq!(line("Error: Cannot find package 'a' imported from src/b.mjs"), Some(2));
        assert_eq!(line("Error: Cannot find package '@x/y' imported from src/b.mjs"), Some(6));
        assert_eq!(line("Error: Cannot find package 'b' imported from src/b.mjs"), None);
        assert_eq!(line("Could not load src/components/ui/card: no such file 'src/components/ui/card'"), Some(12));
        assert_eq!(line("it says nothing"), None);
        assert_eq!(line("Cannot find module 'src/'"), None);
    }
}
