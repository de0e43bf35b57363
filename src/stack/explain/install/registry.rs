//! What a project says itself of the package index, where that could not be reached or refuses: its place, and the variables
//! that are not set.

use std::sync::LazyLock;

use regex::Regex;

use super::found::Found;
use crate::{
    domain::{path, runtime::InstallPlan},
    stack::names::INDEX_SETTINGS,
};

static HOST: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|https?:/)[ /]([\w.-]+\.[\w-]+)").ok());
static VARIABLE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\$\{?([A-Za-z_]\w*)[}:-]?").ok());

static REFUSED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\b40[13]\b|Unauthorized|Forbidden|Invalid authentication|ENEEDAUTH").ok());

/// Places what was found in a line, an index that could not be reached or refuses, at the file that names it, if one of the
/// project's own does.
pub(super) fn place(plan: &InstallPlan, root: &str, mut found: Found, line: &str) -> Found {
    if !found.blames_nothing && !REFUSED.as_ref().is_some_and(|refused| refused.is_match(line)) {
        return found;
    }
    let Some((host, file, at)) = named(plan, line) else { return found };
    if found.blames_nothing {
        found.message = format!("the package index {host} could not be reached: check its address");
        found.blames_nothing = false;
    }
    // Places are told from the folder that is run. What is above that is named in the message alone.
    let below = path::within(file, root);
    found.place = below.map(|file| (file.to_owned(), u32::try_from(at + 1).ok())).or(found.place);
    if let Some(variable) = unset(plan, file) {
        found.message =
            format!("{}; {variable}, which {} takes from a variable, is not set", found.message, path::name(file));
    }
    found
}

/// Returns the host that a line tells of, and where the project names it.
fn named<'a>(plan: &'a InstallPlan, line: &str) -> Option<(String, &'a str, usize)> {
    let host = HOST.as_ref()?.captures(line)?.get(1)?.as_str();
    plan.inputs.iter().filter(|(file, _)| INDEX_SETTINGS.contains(&path::name(file))).find_map(|(file, content)| {
        let text = String::from_utf8_lossy(content);
        let at = text.lines().position(|line| line.contains(host))?;
        Some((host.to_owned(), file.as_str(), at))
    })
}

/// Returns a variable that a file refers to, and that the installation does not have.
fn unset(plan: &InstallPlan, file: &str) -> Option<String> {
    let text = String::from_utf8_lossy(plan.inputs.get(file)?);
    let names = VARIABLE.as_ref()?.captures_iter(&text).filter_map(|found| Some(found.get(1)?.as_str().to_owned()));
    names.into_iter().find(|name| !plan.environment.contains_key(name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::runtime::BaseImage;

    #[test]
    fn an_index_that_the_project_names_is_placed_with_the_variable_that_is_not_set() {
        let npmrc = "fund=false\n@own:registry=https://npm.own.example/\n//npm.own.example/:_authToken=${OWN_TOKEN}\n";
        let plan = |set: &[&str]| InstallPlan {
            base: BaseImage::Node,
            commands: Vec::new(),
            inputs: BTreeMap::from([("web/.npmrc".to_owned(), npmrc.as_bytes().to_vec())]),
            environment: set.iter().map(|name| ((*name).to_owned(), String::new())).collect(),
        };
        let found = || Found { message: "as it was".into(), blames_nothing: true, ..Found::at(0) };
        let away = "npm ERR! network request to https://npm.own.example/@own%2fa failed, reason: getaddrinfo ENOTFOUND npm.own.example";
        let placed = place(&plan(&[]), "", found(), away);
        assert_eq!(placed.place, Some(("web/.npmrc".to_owned(), Some(2))));
        assert!(!placed.blames_nothing);
        let message = "the package index npm.own.example could not be reached: check its address; OWN_TOKEN, which .npmrc takes from a variable, is not set";
        assert_eq!(placed.message, message);

        let in_root = place(&plan(&[]), "web", found(), away);
        assert_eq!(in_root.place, Some((".npmrc".to_owned(), Some(2))));

        let refused = place(
            &plan(&["OWN_TOKEN"]),
            "",
            Found { blames_nothing: false, ..found() },
            "npm http fetch GET 401 https://npm.own.example/@own%2fa 62ms",
        );
        assert_eq!((refused.message.as_str(), refused.place.is_some()), ("as it was", true));

        let absent = "npm ERR! 404 Not Found - GET https://npm.own.example/@own%2fa";
        assert!(place(&plan(&[]), "", Found { blames_nothing: false, ..found() }, absent).place.is_none());
        let other = place(&plan(&[]), "", found(), "getaddrinfo ENOTFOUND registry.other.example");
        assert!(other.blames_nothing && other.place.is_none());
    }
}
