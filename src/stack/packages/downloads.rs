//! What npm has downloaded, kept for other installations: which may take it, which give it, and the program that keeps it.

use std::time::Duration;

use super::{
    commands::{CACHE, is_planned_here},
    files::{fetches_by_git, has_credentials, has_own},
};
use crate::{
    domain::{
        path,
        runtime::{BaseImage, InstallPlan, RUNTIME_MOUNT},
    },
    stack::names::INDEX_SETTINGS,
};

/// Where kept downloads are in the container of an installation. `packages.cjs` reads it.
pub const DOWNLOADS: &str = "/handover/downloads";

/// Returns whether an installation runs npm, be it to fetch another manager, and takes by hash what is kept.
pub fn takes_downloads(plan: &InstallPlan) -> bool {
    plan.base == BaseImage::Node && is_planned_here(plan)
}

/// Returns whether what an installation downloads is what everybody may have: nothing in it says how to get more than that.
pub fn gives_downloads(plan: &InstallPlan) -> bool {
    let configured = plan.inputs.keys().any(|it| INDEX_SETTINGS.contains(&path::name(it)));
    let ours = ["npm_config_cache", "npm_config_install_links"];
    let own = |name: &String| name.to_ascii_lowercase().starts_with("npm_config_") && !ours.contains(&name.as_str());
    takes_downloads(plan)
        && !configured
        && !plan.environment.keys().any(own)
        && !has_credentials(&plan.inputs)
        && !has_own(&plan.inputs)
        && !fetches_by_git(&plan.inputs)
}

/// Returns the program that keeps what an installation has downloaded. What it had in `/tmp` is in `scratch`; at most so many
/// bytes are kept, the newest. `longest` is how long an installation may take, for which what goes stays.
pub fn keeping_downloads(scratch: &str, most_bytes: u64, longest: Duration) -> Vec<String> {
    let cache = CACHE.trim_start_matches("/tmp");
    let content = format!("{scratch}{cache}/npm/_cacache/content-v2/sha512");
    let program = format!("{RUNTIME_MOUNT}/node/downloads.cjs");
    let longest = longest.as_secs().to_string();
    ["node".to_owned(), program, content, DOWNLOADS.to_owned(), most_bytes.to_string(), longest].into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{super::commands::clear, *};

    fn plan(inputs: &[(&str, &str)], environment: &[&str]) -> InstallPlan {
        InstallPlan {
            base: BaseImage::Node,
            commands: vec!["npm install".to_owned(), clear()],
            inputs: inputs.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect(),
            environment: environment.iter().map(|name| ((*name).to_owned(), String::new())).collect(),
        }
    }

    #[test]
    fn what_only_some_may_have_is_taken_by_hash_and_not_given() {
        let lock =
            r#"{"resolved":"https://index.example/@scope/name/-/name-1.0.0.tgz","funding":"https://a.example/b"}"#;
        let public = [("package.json", r#"{"dependencies":{"@scope/name":"1"}}"#), ("package-lock.json", lock)];
        assert!(gives_downloads(&plan(&public, &["npm_config_cache", "npm_config_install_links", "NODE_OPTIONS"])));

        let private: [&[(&str, &str)]; 7] = [
            &[("package.json", "{}"), ("packages/a/.npmrc", "x=y")],
            &[("package.json", "{}"), (".yarnrc.yml", "x: y")],
            &[("package.json", r#"{"dependencies":{"a":"https://token@host.example/a.tgz"}}"#)],
            &[("package-lock.json", r#"{"resolved":"git+ssh://git@host.example/a.git#1"}"#)],
            &[("package.json", "{}"), ("vendor/own-1.0.0.tgz", "")],
            &[("package.json", r#"{"dependencies":{"own":"file:./own"}}"#)],
            &[("package.json", r#"{"dependencies":{"own":"git+https://host.example/own.git"}}"#)],
        ];
        for inputs in private {
            let plan = plan(inputs, &[]);
            assert!(takes_downloads(&plan) && !gives_downloads(&plan), "{inputs:?}");
        }
        assert!(!gives_downloads(&plan(&public, &["NPM_CONFIG_REGISTRY"])));
        let own = InstallPlan { commands: vec!["npm install".to_owned()], ..plan(&public, &[]) };
        assert!(!takes_downloads(&own) && !gives_downloads(&own));
        let python = InstallPlan { base: BaseImage::Python, environment: BTreeMap::new(), ..plan(&public, &[]) };
        assert!(!takes_downloads(&python));
    }
}
