//! `package.json`: what is read of it, and what an installation needs of it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::project::{Project, bad, bad_json};
use crate::domain::error::Error;

/// The fields that decide what is installed. Scripts are none of them: the root's own would need its sources, which are
/// not there when dependencies are installed.
const DEPENDENCY_FIELDS: [&str; 23] = [
    "packageManager",
    "engines",
    "os",
    "cpu",
    "libc",
    "dependencies",
    "devDependencies",
    "optionalDependencies",
    "peerDependencies",
    "peerDependenciesMeta",
    "dependenciesMeta",
    "bundleDependencies",
    "bundledDependencies",
    "overrides",
    "resolutions",
    "pnpm",
    "patchedDependencies",
    "trustedDependencies",
    "allowScripts",
    "installConfig",
    "catalog",
    "catalogs",
    "workspaces",
];

/// What the stacks ask of a `package.json`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Package {
    pub name: Option<String>,
    pub version: Option<String>,
    pub main: Option<String>,
    pub module: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<Value>,
    pub package_manager: Option<String>,
    pub scripts: BTreeMap<String, String>,
    pub dependencies: BTreeMap<String, String>,
    pub dev_dependencies: BTreeMap<String, String>,
    pub optional_dependencies: BTreeMap<String, String>,
    pub workspaces: Option<Value>,
    pub nodemon_config: Option<Value>,
}

impl Package {
    /// Returns whether its files are ES modules where their names do not tell.
    pub fn is_module(&self) -> bool {
        self.kind.as_ref().and_then(Value::as_str) == Some("module")
    }

    /// Reads a folder's `package.json`, or returns `None` if it has none.
    ///
    /// # Errors
    /// `BadManifest` that names the file and, where the type is wrong, the field.
    pub fn read(project: &Project<'_>) -> Result<Option<Self>, Error> {
        let Some(text) = project.text("package.json")? else { return Ok(None) };
        let path = project.path("package.json");
        let whole: Map<String, Value> = serde_json::from_str(&text).map_err(|error| bad_json(&path, &error))?;
        let package = serde_path_to_error::deserialize(Value::Object(whole))
            .map_err(|error| bad(&path, format!("{}: {}", error.path(), error.inner())))?;
        Ok(Some(package))
    }

    /// Returns the version range of a direct dependency of any kind but peer.
    pub fn dependency(&self, name: &str) -> Option<&str> {
        [&self.dependencies, &self.dev_dependencies, &self.optional_dependencies]
            .into_iter()
            .find_map(|list| list.get(name))
            .map(String::as_str)
    }

    /// Returns the names of the direct dependencies of any kind but peer.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let lists = [&self.dependencies, &self.dev_dependencies, &self.optional_dependencies];
        lists.into_iter().flat_map(BTreeMap::keys).map(String::as_str)
    }

    /// Returns whether a direct dependency of any kind but peer is of that name.
    pub fn has(&self, name: &str) -> bool {
        self.dependency(name).is_some()
    }

    /// Returns what it makes apps for phones with, where it has nothing beside it that makes pages.
    pub fn phone_app(&self) -> Option<&'static str> {
        let page = ["vite", "next", "react-native-web", "@expo/metro-runtime", "webpack-dev-server", "express"];
        let found = [("@nativescript/core", "NativeScript"), ("expo", "Expo"), ("react-native", "React Native")];
        let (_, name) = found.into_iter().find(|(package, _)| self.has(package))?;
        page.iter().all(|package| !self.has(package)).then_some(name)
    }

    /// Returns a script that is not empty.
    pub fn script(&self, name: &str) -> Option<&str> {
        self.scripts.get(name).map(|script| script.trim()).filter(|script| !script.is_empty())
    }

    /// Returns whether other folders' manifests decide what is installed too.
    pub fn has_local_parts(&self) -> bool {
        let local =
            |range: &String| ["file:", "link:", "portal:", "workspace:"].iter().any(|kind| range.starts_with(kind));
        self.workspaces.is_some()
            || [&self.dependencies, &self.dev_dependencies, &self.optional_dependencies]
                .into_iter()
                .any(|list| list.values().any(local))
    }
}

/// What is kept of how a manifest calls itself, which is nothing to most installations: a new version is no new set of
/// dependencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Identity {
    /// Nothing.
    Dropped,
    /// The name, which the lockfile or a package of the same workspace refers to.
    Name,
    /// The name and the version, which packages of the same workspace may ask for.
    Whole,
}

/// Returns a `package.json` with nothing but the fields that decide what is installed, keys in order.
///
/// # Errors
/// `BadManifest` if it is no JSON object.
pub(super) fn reduced(path: &str, text: &str, identity: Identity) -> Result<Vec<u8>, Error> {
    let kept: &[&str] = match identity {
        Identity::Dropped => &[],
        Identity::Name => &["name"],
        Identity::Whole => &["name", "version"],
    };
    let whole: Map<String, Value> = serde_json::from_str(text).map_err(|error| bad_json(path, &error))?;
    let mut part: Map<String, Value> = whole
        .into_iter()
        .filter(|(field, _)| DEPENDENCY_FIELDS.contains(&field.as_str()) || kept.contains(&field.as_str()))
        .collect();
    // Yarn takes workspaces in private packages alone.
    part.insert("private".into(), Value::Bool(true));
    serde_json::to_vec_pretty(&part).map_err(|error| bad(path, error.to_string()))
}

/// Returns a lockfile of npm without the name and the version of the project itself, which `npm ci` does not compare.
///
/// They are in its first lines, as npm writes it; one that is written otherwise is returned as it is.
pub(super) fn without_identity(lockfile: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(lockfile) else { return lockfile.to_vec() };
    let mut found = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((line, after)) = rest.split_once('\n') {
        let field = line.trim_start();
        if field.starts_with("\"name\":") || field.starts_with("\"version\":") {
            let (start, _) = line.split_once(':').unwrap_or((line, ""));
            found.push_str(start);
            found.push_str(if line.trim_end().ends_with(',') { ": \"0.0.0\"," } else { ": \"0.0.0\"" });
        } else if HEAD.iter().any(|start| field.starts_with(start)) {
            found.push_str(line);
        } else {
            break;
        }
        found.push('\n');
        rest = after;
    }
    found.push_str(rest);
    found.into_bytes()
}

/// How the lines begin that npm writes before the project's own dependencies.
const HEAD: [&str; 5] = ["{", "\"lockfileVersion\":", "\"requires\":", "\"packages\": {", "\"\": {"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reduced_keeps_what_decides_and_nothing_else() {
        let one = r#"{"scripts":{"postinstall":"x"},"dependencies":{"b":"1","a":"2"},"name":"n","description":"d"}"#;
        let other = r#"{"name":"n", "dependencies":{"a":"2","b":"1"}, "scripts":{}, "eslintConfig":{}}"#;
        let text = |text: &str, identity| String::from_utf8(reduced("package.json", text, identity).unwrap()).unwrap();
        assert_eq!(text(one, Identity::Name), text(other, Identity::Name));
        let bumped = one.replace("\"n\"", "\"m\",\"version\":\"2.0.0\",\"type\":\"module\"");
        assert_eq!(text(one, Identity::Dropped), text(&bumped, Identity::Dropped));
        assert!(!text(one, Identity::Whole).contains("scripts") && text(&bumped, Identity::Whole).contains("2.0.0"));
    }

    #[test]
    fn a_lockfile_of_npm_says_nothing_of_the_project_itself() {
        let lock = |name: &str, version: &str, dependency: &str| {
            let text = format!(
                "{{\n  \"name\": \"{name}\",\n  \"version\": \"{version}\",\n  \"lockfileVersion\": 3,\n  \"requires\": true,\n  \"packages\": {{\n    \"\": {{\n      \"name\": \"{name}\",\n      \"version\": \"{version}\",\n      \"dependencies\": {{\n        \"ms\": \"2\"\n      }}\n    }},\n    \"node_modules/ms\": {{\n      \"version\": \"{dependency}\"\n    }}\n  }}\n}}\n"
            );
            String::from_utf8(without_identity(text.as_bytes())).unwrap()
        };
        assert_eq!(lock("a", "1.0.0", "2.1.3"), lock("b", "1.0.1", "2.1.3"));
        assert_ne!(lock("a", "1.0.0", "2.1.3"), lock("a", "1.0.0", "2.1.4"));
        assert!(serde_json::from_str::<Value>(&lock("a", "1", "2")).is_ok());
        assert_eq!(without_identity(b"{\"name\":\"a\"}"), b"{\"name\":\"a\"}");
    }
}
