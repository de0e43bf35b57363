//! Whether a lockfile is in step with the manifest beside it: whether what it was written for is what is asked for now.
//!
//! Only the part that repeats the manifest is read, since this is asked for each commit.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, de::DeserializeOwned};

use crate::stack::manifest::Package;

/// How a lockfile stands to its manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    In,
    /// Out of step, with a package that tells.
    Out(String),
    /// It does not tell, or is not understood.
    Unknown,
}

/// The lists of one folder's dependencies, as lockfiles repeat them.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Lists {
    dependencies: BTreeMap<String, Specifier>,
    dev_dependencies: BTreeMap<String, Specifier>,
    optional_dependencies: BTreeMap<String, Specifier>,
    /// Where pnpm kept the ranges before version 6 of its lockfile.
    specifiers: Option<BTreeMap<String, String>>,
}

/// A range as such, or with what it came to.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Specifier {
    Range(String),
    Resolved { specifier: String },
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Pnpm {
    importers: BTreeMap<String, Lists>,
    #[serde(flatten)]
    own: Lists,
}

/// Compares the lockfile of that name with the manifest.
pub(super) fn step(name: &str, text: &str, package: &Package) -> Step {
    match name {
        "package-lock.json" | "npm-shrinkwrap.json" => npm(text, package),
        "pnpm-lock.yaml" => pnpm(text, package),
        "yarn.lock" => yarn(text, package),
        "bun.lock" => bun(text, package),
        _ => Step::Unknown,
    }
}

fn npm(text: &str, package: &Package) -> Step {
    let root = value_behind(text, "\"packages\"").and_then(|packages| value_behind(packages, "\"\""));
    root.and_then(json::<Lists>).map_or(Step::Unknown, |lists| compare(&lists, package))
}

fn bun(text: &str, package: &Package) -> Step {
    let root = value_behind(text, "\"workspaces\"").and_then(|workspaces| value_behind(workspaces, "\"\""));
    let Some(root) = root else { return Step::Unknown };
    // It has commas behind the last entries. No range has a brace in it.
    let mut depth = 0_usize;
    let end = root.char_indices().find(|(_, c)| {
        depth = match c {
            '{' => depth + 1,
            '}' => depth.saturating_sub(1),
            _ => depth,
        };
        depth == 0
    });
    let Some((end, _)) = end else { return Step::Unknown };
    let mut plain = String::with_capacity(end);
    for c in root[..=end].chars() {
        if c == '}' {
            plain.truncate(plain.trim_end().trim_end_matches(',').len());
        }
        plain.push(c);
    }
    json::<Lists>(&plain).map_or(Step::Unknown, |lists| compare(&lists, package))
}

fn pnpm(text: &str, package: &Package) -> Step {
    // The packages themselves, which are nearly all of it, come behind.
    let end = text.find("\npackages:").unwrap_or(text.len());
    let Ok(mut lock) = serde_saphyr::from_str::<Pnpm>(&text[..end]) else { return Step::Unknown };
    let own = &lock.own;
    if lock.importers.is_empty()
        && own.specifiers.is_none()
        && [&own.dependencies, &own.dev_dependencies, &own.optional_dependencies].iter().all(|list| list.is_empty())
    {
        return Step::Unknown;
    }
    let lists = if lock.importers.is_empty() { lock.own } else { lock.importers.remove(".").unwrap_or_default() };
    match &lists.specifiers {
        Some(specifiers) => differing(package, |name| specifiers.get(name).map(String::as_str), specifiers.keys()),
        None => compare(&lists, package),
    }
}

fn yarn(text: &str, package: &Package) -> Step {
    let keys: HashSet<&str> = text
        .lines()
        .filter(|line| line.ends_with(':') && !line.starts_with([' ', '#']))
        .flat_map(|line| line.trim_end_matches(':').split(", "))
        .map(|key| key.trim().trim_matches('"'))
        .filter(|key| *key != "__metadata")
        .collect();
    let locked = |name: &str, range: &str| {
        keys.contains(format!("{name}@{range}").as_str()) || keys.contains(format!("{name}@npm:{range}").as_str())
    };
    match asked(package).find(|(name, range)| !is_local(range) && !locked(name, range)) {
        None => Step::In,
        Some(_) if keys.is_empty() => Step::Unknown,
        // Other protocols are written in ways of their own.
        Some((_, range)) if range.contains(':') => Step::Unknown,
        Some((name, _)) => Step::Out(name.to_owned()),
    }
}

/// Returns every dependency that is installed, with its range.
fn asked(package: &Package) -> impl Iterator<Item = (&str, &str)> {
    [&package.dependencies, &package.dev_dependencies, &package.optional_dependencies]
        .into_iter()
        .flatten()
        .map(|(name, range)| (name.as_str(), range.as_str()))
}

/// Returns whether a range is of a package in the project itself, which lockfiles write in ways of their own.
fn is_local(range: &str) -> bool {
    ["file:", "link:", "portal:", "workspace:", "catalog:", "patch:"].iter().any(|start| range.starts_with(start))
}

fn compare(lists: &Lists, package: &Package) -> Step {
    let all = [&lists.optional_dependencies, &lists.dependencies, &lists.dev_dependencies];
    let locked = |name: &str| {
        all.iter().find_map(|list| list.get(name)).map(|specifier| match specifier {
            Specifier::Range(range) | Specifier::Resolved { specifier: range } => range.as_str(),
        })
    };
    differing(package, locked, all.iter().flat_map(|list| list.keys()))
}

/// Compares what is asked for with what was, by name.
fn differing<'a>(
    package: &Package,
    locked: impl Fn(&str) -> Option<&'a str>,
    names: impl Iterator<Item = &'a String>,
) -> Step {
    let other = asked(package).find(|(name, range)| match locked(name) {
        Some(locked) => locked != *range && !is_local(range) && package.dependency(name) == Some(range),
        None => true,
    });
    if let Some((name, _)) = other {
        return Step::Out(name.to_owned());
    }
    names.into_iter().find(|name| !package.has(name)).map_or(Step::In, |name| Step::Out(name.clone()))
}

/// Returns the text from the value of a key that is the first of its object, or of one further ahead.
fn value_behind<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(key)?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start();
    rest.starts_with('{').then_some(rest)
}

/// Reads the JSON value at the beginning of a text.
fn json<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::Deserializer::from_str(text).into_iter::<T>().next()?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(text: &str) -> Package {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_lockfile_is_in_step_if_it_was_written_for_what_is_asked_for() {
        let asked = r#"{"dependencies":{"a":"^1","@s/b":"2.x"},"devDependencies":{"c":"~3.0.0"}}"#;
        let added = r#"{"dependencies":{"a":"^1","@s/b":"2.x","new":"1"},"devDependencies":{"c":"~3.0.0"}}"#;
        let raised = r#"{"dependencies":{"a":"^2","@s/b":"2.x"},"devDependencies":{"c":"~3.0.0"}}"#;
        let lists = r#""dependencies":{"a":"^1","@s/b":"2.x"},"devDependencies":{"c":"~3.0.0"}"#;
        let pnpm = "lockfileVersion: '9.0'\n\nsettings:\n  autoInstallPeers: true\n\nimporters:\n\n  .:\n    dependencies:\n      '@s/b':\n        specifier: 2.x\n        version: 2.1.0\n      a:\n        specifier: ^1\n        version: 1.0.0(b@1)\n    devDependencies:\n      c:\n        specifier: ~3.0.0\n        version: 3.0.1\n  apps/web:\n    dependencies: {}\n\npackages:\n\n  a@1.0.0:\n    resolution: {integrity: x}\n";
        let older = "lockfileVersion: 5.4\n\nspecifiers:\n  '@s/b': 2.x\n  a: ^1\n  c: ~3.0.0\n\ndependencies:\n  '@s/b': 2.1.0\n  a: 1.0.0\n\npackages:\n\n  /a/1.0.0:\n    dev: false\n";
        let six = "lockfileVersion: '6.0'\n\ndependencies:\n  '@s/b':\n    specifier: 2.x\n    version: 2.1.0\n  a:\n    specifier: ^1\n    version: 1.0.0\n\ndevDependencies:\n  c:\n    specifier: ~3.0.0\n    version: 3.0.1\n\npackages:\n\n  /a@1.0.0:\n    dev: false\n";
        let classic = "# yarn lockfile v1\n\n\n\"@s/b@2.x\", \"@s/b@^2\":\n  version \"2.1.0\"\n\na@^1:\n  version \"1.0.0\"\n\nc@~3.0.0:\n  version \"3.0.1\"\n";
        let berry = "__metadata:\n  version: 8\n\n\"@s/b@npm:2.x\":\n  version: 2.1.0\n\n\"a@npm:^1, a@npm:^1.0.0\":\n  version: 1.0.0\n\n\"c@npm:~3.0.0\":\n  version: 3.0.1\n";
        for (name, lock) in [
            (
                "package-lock.json",
                format!("{{\n \"name\":\"n\",\"lockfileVersion\":3,\"packages\":{{\"\":{{\"name\":\"n\",{lists}}},\"node_modules/a\":{{}}}}}}").as_str(),
            ),
            ("pnpm-lock.yaml", pnpm),
            ("pnpm-lock.yaml", older),
            ("pnpm-lock.yaml", six),
            ("yarn.lock", classic),
            ("yarn.lock", berry),
            (
                "bun.lock",
                "{\n  \"lockfileVersion\": 1,\n  \"workspaces\": {\n    \"\": {\n      \"name\": \"n\",\n      \"dependencies\": {\n        \"@s/b\": \"2.x\",\n        \"a\": \"^1\",\n      },\n      \"devDependencies\": {\n        \"c\": \"~3.0.0\",\n      },\n    },\n  },\n  \"packages\": {\n    \"a\": [\"a@1.0.0\", {}],\n  }\n}\n",
            ),
        ] {
            assert_eq!(step(name, lock, &package(asked)), Step::In, "{name}\n{lock}");
            assert_eq!(step(name, lock, &package(added)), Step::Out("new".into()), "{name}\n{lock}");
            assert_eq!(step(name, lock, &package(raised)), Step::Out("a".into()), "{name}\n{lock}");
        }
        let fewer = format!("{{\"packages\":{{\"\":{{{lists}}}}}}}");
        let step_of = |text: &str| step("package-lock.json", &fewer, &package(text));
        assert_eq!(step_of(r#"{"dependencies":{"a":"^1","@s/b":"2.x"}}"#), Step::Out("c".into()));
    }

    #[test]
    fn what_does_not_tell_is_unknown() {
        let asked = package(r#"{"dependencies":{"a":"^1","b":"workspace:*","c":"file:./c"}}"#);
        for (name, text) in [
            ("package-lock.json", "{}"),
            ("package-lock.json", "{\"packages\":{\"\":"),
            ("package-lock.json", "{\"lockfileVersion\":1,\"dependencies\":{}}"),
            ("bun.lock", "{\"workspaces\":{\"\":{"),
            ("bun.lockb", "#!/usr/bin/env bun"),
            ("pnpm-lock.yaml", "importers: ["),
            ("yarn.lock", ""),
        ] {
            assert_eq!(step(name, text, &asked), Step::Unknown, "{name} {text}");
        }
        assert_eq!(step("yarn.lock", "a@^1:\n", &asked), Step::In);
    }
}
