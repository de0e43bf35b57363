//! What git prints when a package comes from a repository that cannot be fetched, whoever called it.

use std::sync::LazyLock;

use regex::Regex;

use super::found::Found;

/// How many lines around git's own are looked at for the address.
const NEAR: usize = 12;

/// What is wrong with a repository.
#[derive(Clone, Copy)]
enum Fault {
    /// The host's name is not known.
    Host,
    /// There is no key, and no program that would use one.
    Ssh,
    /// It asks who is there.
    Private,
    Absent,
    Reference,
    /// Nothing more is known.
    Unclear,
}

static SIGNS: LazyLock<Vec<(Regex, Fault)>> = LazyLock::new(|| {
    [
        (r"(?i)fatal.*Could not resolve host: (\S+)|ssh: Could not resolve hostname (\S+?):", Fault::Host),
        (r"ssh.*: not found$|cannot run ssh: No such file|Permission denied \(publickey|Host key verification failed", Fault::Ssh),
        (r"could not read (?:Username|Password) for|Authentication failed for|The requested URL returned error: 40[13]", Fault::Private),
        (r"fatal: repository '?\S+'? not found|ERROR: Repository not found|returned error: 404", Fault::Absent),
        (r"pathspec '([^']+)' did not match|couldn't find remote ref (\S+)|Could not resolve (\S+) to a commit|[Cc]ould not find (?:a )?(?:ref|commit) (\S+)", Fault::Reference),
        (r"InstallFailed cloning repository for (\S+)|fatal: unable to access '|fatal: Could not read from remote repository", Fault::Unclear),
    ]
    .into_iter()
    .filter_map(|(pattern, fault)| Some((Regex::new(pattern).ok()?, fault)))
    .collect()
});
static ADDRESS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?:git\+|git:)?(?:https?|ssh|git|file)://[^\s'#]+|\bgit@[\w.-]+:[^\s'#]+").ok());

/// Reads what git said. `named` returns the package that comes from an address.
pub(super) fn read(lines: &[&str], named: impl Fn(&str) -> Option<String>) -> Option<Found> {
    let (fault, at, found) = SIGNS.iter().find_map(|(pattern, fault)| {
        let (at, found) = lines.iter().enumerate().rev().find_map(|(at, line)| Some((at, pattern.captures(line)?)))?;
        Some((*fault, at, found.iter().skip(1).flatten().next().map(|group| group.as_str().to_owned())))
    })?;
    let address = ADDRESS.as_ref().and_then(|address| {
        // Git's own line names it best, then those before it.
        let before = lines[at.saturating_sub(NEAR)..=at].iter().rev();
        let near =
            before.chain(&lines[at + 1..lines.len().min(at + 1 + NEAR)]).filter(|line| !line.starts_with("npm http"));
        let found: Vec<&str> = near.flat_map(|line| address.find_iter(line)).map(|found| found.as_str()).collect();
        let plain = |found: &&&str| is_repository(found);
        found.iter().find(plain).or(found.first()).copied()
    });
    let address = address.map(|found| found.trim_end_matches(['/', ':', ',', '.']).to_owned());
    let over_ssh = address.as_deref().is_some_and(|address| address.contains("ssh://") || address.starts_with("git@"));
    // Bun says of a repository no more than that it could not be cloned.
    let clone = found.clone();
    let fault = if matches!(fault, Fault::Unclear) && over_ssh { Fault::Ssh } else { fault };
    let package = address.as_deref().and_then(named);
    let package = package.or_else(|| clone.filter(|_| lines[at].contains("cloning repository for ")));
    // A package index that is out of reach is told of by its own reader.
    address.as_ref()?;
    let shown = address.as_deref().map_or_else(|| "its repository".to_owned(), without_secret);
    let subject = package
        .as_ref()
        .map_or_else(|| format!("a package comes from {shown}"), |name| format!("{name} comes from {shown}"));
    let message = match fault {
        Fault::Host => {
            format!("{subject}, and the host {} was not found: check the address", found.unwrap_or_default())
        }
        Fault::Ssh => {
            format!("{subject} by git over ssh, for which an installation has no key: write the address with https")
        }
        Fault::Private => format!(
            "{subject}, which cannot be read without a name and a password: check the address, or put a token into it from a variable"
        ),
        Fault::Absent => format!("{subject}, and there is no such repository, or it is private: check the address"),
        Fault::Reference => {
            format!("{subject}, which has no {}: check what stands behind the #", found.unwrap_or_default())
        }
        Fault::Unclear => {
            format!("{subject}, which git could not fetch: check the address, and that it may be read by everybody")
        }
    };
    Some(Found { message, package, ..Found::at(at) })
}

/// Returns whether an address is clearly one of a repository.
fn is_repository(address: &str) -> bool {
    let plain = address.trim_end_matches(['/', ':', ',', '.']);
    plain.ends_with(".git") || ["git+", "git:", "git@", "ssh:"].iter().any(|start| plain.starts_with(start))
}

/// Returns what tells a repository apart, from any form of its address: `owner/name`.
pub(super) fn path_of(address: &str) -> Option<String> {
    let plain = address.trim_end_matches('/').trim_end_matches(".git");
    let mut parts = plain.rsplit(['/', ':']);
    let (name, owner) = (parts.next()?, parts.next()?);
    (!name.is_empty() && !owner.is_empty()).then(|| format!("{owner}/{name}"))
}

/// Returns an address without a password that is part of it.
fn without_secret(address: &str) -> String {
    match (address.split_once("://"), address.rsplit_once('@')) {
        (Some((scheme, _)), Some((secret, rest))) if secret.matches(':').count() > 1 => format!("{scheme}://{rest}"),
        _ => address.to_owned(),
    }
}
