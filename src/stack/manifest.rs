//! `package.json`: what is read of it, and what an installation needs of it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::project::{Project, bad};
use crate::domain::error::Error;

/// The fields that decide what is installed. Scripts are none of them: the root's own would need its sources, which are
/// not there when dependencies are installed.
const DEPENDENCY_FIELDS: [&str; 21] = [
    "name",
    "version",
    "private",
    "type",
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
    "workspaces",
];

/// What the stacks ask of a `package.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Package {
    pub name: Option<String>,
    pub version: Option<String>,
    pub main: Option<String>,
    pub package_manager: Option<String>,
    pub scripts: BTreeMap<String, String>,
    pub dependencies: BTreeMap<String, String>,
    pub dev_dependencies: BTreeMap<String, String>,
    pub optional_dependencies: BTreeMap<String, String>,
    pub workspaces: Option<Value>,
    pub nodemon_config: Option<Value>,
}

impl Package {
    /// Reads a folder's `package.json`, or returns `None` if it has none.
    ///
    /// # Errors
    /// `BadManifest` that names the file and, where the type is wrong, the field.
    pub fn read(project: &Project<'_>) -> Result<Option<Self>, Error> {
        let Some(text) = project.text("package.json")? else { return Ok(None) };
        let path = project.path("package.json");
        let whole: Map<String, Value> = serde_json::from_str(&text).map_err(|error| bad(&path, error.to_string()))?;
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

/// Returns a `package.json` with nothing but the fields that decide what is installed, keys in order.
///
/// # Errors
/// `BadManifest` if it is no JSON object.
pub(super) fn reduced(path: &str, text: &str) -> Result<Vec<u8>, Error> {
    let whole: Map<String, Value> = serde_json::from_str(text).map_err(|error| bad(path, error.to_string()))?;
    let part: Map<String, Value> =
        whole.into_iter().filter(|(field, _)| DEPENDENCY_FIELDS.contains(&field.as_str())).collect();
    serde_json::to_vec_pretty(&part).map_err(|error| bad(path, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reduced_keeps_what_decides_and_nothing_else() {
        let one = r#"{"scripts":{"postinstall":"x"},"dependencies":{"b":"1","a":"2"},"name":"n","description":"d"}"#;
        let other = r#"{"name":"n", "dependencies":{"a":"2","b":"1"}, "scripts":{}, "eslintConfig":{}}"#;
        assert_eq!(reduced("package.json", one).unwrap(), reduced("package.json", other).unwrap());
        assert!(!String::from_utf8(reduced("package.json", one).unwrap()).unwrap().contains("scripts"));
    }
}
