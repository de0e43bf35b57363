//! Installations that go on where another ended, rather than from nothing: as by hand, when one package more is installed.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{kinds::python, packages};
use crate::domain::runtime::InstallPlan;

/// Returns the commands that make of what one installation left what another would: `None` where that is not sure.
///
/// With a lockfile npm brings what is there to what the lockfile says, and takes away what it does not name. Without one,
/// and with pip, what was added alone is installed, and the versions that are there stay: only additions are taken.
pub fn on_top_of(there: &InstallPlan, wanted: &InstallPlan) -> Option<Vec<String>> {
    let same = there.base == wanted.base
        && there.environment == wanted.environment
        && there.commands == wanted.commands
        && there.inputs.keys().eq(wanted.inputs.keys());
    if !same {
        return None;
    }
    let changed: Vec<&String> = wanted
        .inputs
        .iter()
        .filter(|(path, content)| there.inputs.get(*path) != Some(content))
        .map(|it| it.0)
        .collect();
    let named = |path: &str, name: &str| path == name || path.ends_with(&format!("/{name}"));
    let grows =
        |path: &&String, added: fn(&[u8], &[u8]) -> bool| match (there.inputs.get(*path), wanted.inputs.get(*path)) {
            (Some(before), Some(after)) => added(before, after),
            _ => false,
        };
    if python::is_own(wanted) {
        return changed.iter().all(|path| grows(path, adds_lines)).then(|| python::on_top(wanted));
    }
    if !packages::is_npm(wanted) || changed.iter().any(|path| path.contains("node_modules/")) {
        return None;
    }
    let locked = wanted.inputs.keys().any(|path| named(path, "package-lock.json"));
    let fits = if locked {
        changed.iter().all(|path| named(path, "package.json") || named(path, "package-lock.json"))
    } else {
        changed.iter().all(|path| named(path, "package.json") && grows(path, adds_packages))
    };
    // `npm ci` would begin from nothing.
    fits.then(|| wanted.commands.iter().map(|command| command.replace("npm ci ", "npm install ")).collect())
}

/// Returns whether a requirements file has all that another has, and perhaps more.
fn adds_lines(before: &[u8], after: &[u8]) -> bool {
    let lines = |text: &[u8]| -> BTreeSet<Vec<u8>> {
        text.split(|byte| *byte == b'\n')
            .map(|line| line.trim_ascii().to_vec())
            .filter(|line| !line.is_empty())
            .collect()
    };
    lines(before).is_subset(&lines(after))
}

/// Returns whether a manifest lists all that another lists, in the same versions, and perhaps more.
fn adds_packages(before: &[u8], after: &[u8]) -> bool {
    let read = |text: &[u8]| serde_json::from_slice::<Map<String, Value>>(text).ok();
    let (Some(before), Some(after)) = (read(before), read(after)) else { return false };
    let lists = ["dependencies", "devDependencies"];
    let list = |manifest: &Map<String, Value>, name: &str| {
        manifest.get(name).and_then(Value::as_object).cloned().unwrap_or_default()
    };
    let kept = lists.iter().all(|name| {
        let after = list(&after, name);
        list(&before, name).iter().all(|(package, version)| after.get(package) == Some(version))
    });
    let rest = |manifest: &Map<String, Value>| {
        let mut rest = manifest.clone();
        rest.retain(|name, _| !lists.contains(&name.as_str()));
        rest
    };
    kept && rest(&before) == rest(&after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::tests::{install, plan_of};

    fn node(packages: &str, lock: Option<&str>) -> InstallPlan {
        let package = format!(r#"{{"scripts":{{"start":"node a.js"}},"dependencies":{{{packages}}}}}"#);
        let mut files = vec![("package.json", package.as_str())];
        files.extend(lock.map(|lock| ("package-lock.json", lock)));
        install(&plan_of(&files)).clone()
    }

    fn python(requirements: &str) -> InstallPlan {
        install(&plan_of(&[
            ("requirements.txt", requirements),
            ("main.py", "import flask\napp = flask.Flask(__name__)\n"),
        ]))
        .clone()
    }

    #[test]
    fn one_package_more_goes_on_where_the_installation_before_ended() {
        let (one, two) = (node(r#""a":"1""#, None), node(r#""a":"1","b":"^2""#, None));
        assert_eq!(on_top_of(&one, &two).unwrap(), two.commands);
        assert_eq!(on_top_of(&two, &one), None, "one less");
        assert_eq!(on_top_of(&one, &node(r#""a":"2","b":"^2""#, None)), None, "another version");

        let (one, two) = (python("flask\n"), python("flask\nhttpx==0.28\n"));
        let commands = on_top_of(&one, &two).unwrap().join("\n");
        assert!(commands.contains("-r requirements.txt") && !commands.contains("-m venv"), "{commands}");
        assert_eq!(on_top_of(&two, &one), None);
        assert_eq!(on_top_of(&one, &python("flask<3\n")), None);
    }

    #[test]
    fn what_a_lockfile_says_is_brought_about_from_anywhere() {
        let (one, two) = (node(r#""a":"1""#, Some("{}")), node(r#""b":"1""#, Some(r#"{"packages":{}}"#)));
        let commands = on_top_of(&one, &two).unwrap().join("\n");
        assert!(commands.contains("npm install ") && !commands.contains("npm ci "), "{commands}");
    }

    #[test]
    fn other_managers_and_commands_of_the_project_begin_from_nothing() {
        let package = r#"{"scripts":{"start":"node a.js"},"dependencies":{"a":"1"}}"#;
        for lock in ["pnpm-lock.yaml", "yarn.lock", "bun.lock"] {
            let files = |text| install(&plan_of(&[("package.json", package), (lock, text)])).clone();
            assert_eq!(on_top_of(&files("a: 1\n"), &files("a: 2\n")), None, "{lock}");
        }
        let own = |packages: &str| {
            let package = format!(r#"{{"scripts":{{"start":"node a.js"}},"dependencies":{{{packages}}}}}"#);
            install(&plan_of(&[("package.json", &package), ("previewd.toml", "install = 'npm install'\n")])).clone()
        };
        assert_eq!(on_top_of(&own(r#""a":"1""#), &own(r#""a":"1","b":"1""#)), None);
    }
}
