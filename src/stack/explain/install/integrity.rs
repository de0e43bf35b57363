//! A package that is not what the lockfile says.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::found::Found;
use crate::domain::runtime::{ImagePlan, InstallPlan, RunPlan};

/// What tells it, by npm, pnpm, yarn, its newer releases and Bun.
static SIGNS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"EINTEGRITY|integrity checksum failed|ERR_PNPM_TARBALL_INTEGRITY|Integrity check failed|YN0018|IntegrityCheckFailed").ok()
});
/// The package, where the line itself or one nearby names it. What npm says of it stands before.
static PACKAGE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r#"tarball data for ((?:@[^/@ ]+/)?[^@ ]+)@|Integrity check failed for "((?:@[^/ ]+/)?[^"@ ]+)|"#,
        r#"YN0018: │ ((?:@[^/ ]+/)?[^@ ]+)@|extracting tarball from (\S+)|unexpected checksum for "\S*?/((?:@[^/ ]+/)?[^/@ ]+)/-/"#,
    ))
    .ok()
});
static HASHES: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"[Ww]anted "?(sha\d+-[\w+/=]+)"?\.? (?:but got|Got) "?(sha\d+-[\w+/=]+)"#).ok());

/// Reads what a package manager says of a package that was changed. Where it does not say which, the lockfile does.
pub(super) fn read(plan: &RunPlan, lines: &[&str]) -> Option<Found> {
    let ImagePlan::Dependencies(install) = &plan.image else { return None };
    let signs = SIGNS.as_ref()?;
    let at = lines.iter().rposition(|line| signs.is_match(line))?;
    let package = lines.iter().rev().find_map(|line| {
        let found = PACKAGE.as_ref()?.captures(line)?;
        found.iter().skip(1).flatten().next().map(|name| name.as_str().to_owned())
    });
    let hashes = lines.iter().rev().find_map(|line| HASHES.as_ref()?.captures(line));
    let package = package.or_else(|| locked(install, &hashes.as_ref()?[1]));
    let hashes = hashes.map(|found| format!(" (it wants {}, and got {})", &found[1], &found[2])).unwrap_or_default();
    let name = package.as_deref().unwrap_or("a package");
    let message = format!(
        "{name} is not what the lockfile says{hashes}: find out who has changed it, or write its entry in the lockfile anew"
    );
    Some(Found { message, package, ..Found::at(at) })
}

/// Returns the package that has a hash in npm's lockfile.
fn locked(install: &InstallPlan, hash: &str) -> Option<String> {
    const FOLDER: &str = "node_modules/";
    let lockfiles = install.inputs.iter().filter(|(path, _)| path.ends_with("package-lock.json"));
    lockfiles.filter_map(|(_, content)| serde_json::from_slice::<Value>(content).ok()).find_map(|lock| {
        let mut packages = lock.get("packages")?.as_object()?.iter();
        let has = |entry: &Value| entry.get("integrity").and_then(Value::as_str).is_some_and(|it| it.contains(hash));
        let (folder, _) = packages.find(|(_, entry)| has(entry))?;
        Some(folder.rsplit(FOLDER).next()?.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::tests::plan_of;

    fn with_lock() -> RunPlan {
        let lock = r#"{"packages":{"node_modules/a/node_modules/@b/c":{"integrity":"sha512-AA1=="}}}"#;
        plan_of(&[("package.json", r#"{"dependencies":{"a":"1"}}"#), ("package-lock.json", lock), ("server.js", "")])
    }

    fn said(log: &str) -> (String, Option<String>) {
        let lines: Vec<&str> = log.lines().collect();
        read(&with_lock(), &lines).map(|found| (found.message, found.package)).unwrap()
    }

    #[test]
    fn what_was_changed_is_named_with_what_was_wanted_and_what_came() {
        let npm = "npm WARN tarball tarball data for is-number@https://registry/is-number/-/is-number-6.0.0.tgz (sha512-AA1==) seems to be corrupted. Trying again.\nnpm ERR! code EINTEGRITY\nnpm ERR! sha512-AA1== integrity checksum failed when using sha512: wanted sha512-AA1== but got sha512-Wu1==. (3474 bytes)";
        let pnpm = " WARN  GET https://registry/is-number/-/is-number-6.0.0.tgz error (ERR_PNPM_TARBALL_INTEGRITY). Will retry in 10 seconds. 2 retries left.\n ERR_PNPM_TARBALL_INTEGRITY  Got unexpected checksum for \"https://registry/is-number/-/is-number-6.0.0.tgz\". Wanted \"sha512-AA1==\". Got \"sha512-Wu1==\".";
        for log in [npm, pnpm] {
            let (message, package) = said(log);
            assert_eq!(package.as_deref(), Some("is-number"));
            let start = "is-number is not what the lockfile says (it wants sha512-AA1==, and got sha512-Wu1==): ";
            assert!(message.starts_with(start), "{message}");
        }
        for log in [
            "error https://registry/is-number/-/is-number-6.0.0.tgz: Integrity check failed for \"is-number\" (computed integrity doesn't match our records, got \"sha512-Wu1== sha1-5tFa=\")",
            "➤ YN0000: ┌ Fetch step\n➤ YN0018: │ is-number@npm:6.0.0: The remote archive doesn't match the expected checksum",
            "error: Integrity check failed for tarball: is-number\nerror: IntegrityCheckFailed extracting tarball from is-number",
        ] {
            let (message, package) = said(log);
            assert_eq!(package.as_deref(), Some("is-number"), "{message}");
            assert!(message.starts_with("is-number is not what the lockfile says: "), "{message}");
        }
    }

    #[test]
    fn the_lockfile_says_which_it_is_where_npm_does_not() {
        let (_, package) =
            said("npm ERR! code EINTEGRITY\nnpm ERR! wanted sha512-AA1== but got sha512-Wu1==. (3 bytes)");
        assert_eq!(package.as_deref(), Some("@b/c"));
    }

    #[test]
    fn a_download_that_was_repeated_is_no_change() {
        let log =
            "npm WARN tarball tarball data for a@https://registry/a.tgz (null) seems to be corrupted. Trying again.";
        assert!(read(&with_lock(), &[log, "npm ERR! code E404"]).is_none());
    }
}
