//! The direction of dependencies inside the crate:
//! `main -> app -> {grpc, gateway, cli} -> preview -> {agent, engine, vfs, stack} -> domain`, siblings apart, and which crates
//! may be named where. Inside a module files have a direction too: none uses another that uses it, by whatever way. Read
//! from the tokens of the sources, so that comments and texts do not count and macros do.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// What each module may use of the others, beside itself.
const ALLOWED: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("agent", &["domain", "proto"]),
    ("engine", &["domain", "proto", "net"]),
    ("vfs", &["domain"]),
    ("stack", &["domain"]),
    ("preview", &["domain", "agent", "engine", "vfs", "stack", "telemetry"]),
    ("gateway", &["domain", "engine", "vfs", "stack", "preview", "telemetry", "net"]),
    ("grpc", &["domain", "engine", "vfs", "stack", "preview", "proto", "config", "telemetry", "net"]),
    ("cli", &["domain", "proto", "config"]),
    ("proto", &[]),
    ("config", &["domain"]),
    ("telemetry", &["config"]),
    ("net", &[]),
    ("supervisor", &["domain", "telemetry"]),
];

/// Crates that only some places may name: the crate's name or its beginning, and the paths under `src`.
const KEPT_APART: &[(&str, &[&str])] = &[
    ("bollard", &["engine/docker"]),
    ("gix", &["vfs"]),
    ("tonic", &["grpc", "cli", "proto", "app.rs", "agent", "engine/fake"]),
    ("prost", &["grpc", "cli", "proto", "app.rs", "agent", "engine/fake"]),
];

/// The modules in which files still use one another in circles: as a rule a `mod.rs` and what is below it.
const CIRCULAR: &[&str] = &[];

#[test]
fn imports_point_downwards() {
    let breaches = sources().into_iter().flat_map(|source| source.breaches()).collect::<BTreeSet<_>>();
    assert!(breaches.is_empty(), "{}", breaches.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn files_use_one_another_in_no_circle() {
    let circles = circles(&sources());
    let whole: Vec<&Vec<String>> = circles.iter().filter(|circle| !CIRCULAR.contains(&module_of(&circle[0]))).collect();
    assert!(whole.is_empty(), "files that use one another in a circle: {whole:#?}");
    for module in CIRCULAR {
        let left = circles.iter().any(|circle| module_of(&circle[0]) == *module);
        assert!(left, "{module} has no circle any more: take it out of the list");
    }
}

#[test]
fn circles_are_found_however_they_are_closed() {
    let found = |files: &[(&str, &str)]| {
        let source = |(path, text): &(&str, &str)| Source { path: (*path).into(), tokens: text.parse().unwrap() };
        circles(&files.iter().map(source).collect::<Vec<_>>()).into_iter().collect::<Vec<_>>()
    };
    let (parent, child) = ("stack/mod.rs", "stack/node.rs");
    for (one, other) in [
        ("mod node; use self::node::plan;", "use super::shell;"),
        ("mod node; pub fn f() { node::plan() }", "use crate::{domain::ids, stack::{shell, x}};"),
        ("mod node; pub use node::{a, b};", "fn f() { crate::stack::shell() }"),
    ] {
        assert_eq!(found(&[(parent, one), (child, other)]), [[parent, child]], "{one} {other}");
    }
    let three =
        [("vfs/a.rs", "use super::b::x;"), ("vfs/b.rs", "use super::c::d::x;"), ("vfs/c/d.rs", "use crate::vfs::a;")];
    assert_eq!(found(&three), [["vfs/a.rs", "vfs/b.rs", "vfs/c/d.rs"]]);
    for (one, other) in [
        ("mod node;", "use super::shell;"),
        ("mod node; use self::node::plan;", "pub(in crate::stack) fn plan() {}"),
        ("mod node; use self::node::plan;", "/// See [`super::shell`].\nfn f() {}"),
        ("mod node; use self::node::plan;", "#[cfg(test)] mod tests { use super::*; use crate::stack::shell; }"),
        ("mod node; use self::node::plan;", "#[cfg(test)]\nmod tests;\nuse crate::domain::ids;"),
    ] {
        assert!(found(&[(parent, one), (child, other)]).is_empty(), "{one} {other}");
    }
    assert!(found(&[(parent, "use self::node::plan;"), ("stack/node/tests.rs", "use crate::stack::x;")]).is_empty());
}

#[test]
fn references_are_found_however_they_are_written() {
    let source = |path: &str, text: &str| Source { path: path.into(), tokens: text.parse().unwrap() };
    let found = [
        ("domain/ids.rs", "use crate::vfs::Vfs;"),
        ("domain/ids.rs", "use crate::{domain::ids, preview::{api, manager}};"),
        ("domain/ids.rs", "fn f() { select! { x = crate::preview::f() => {} } }"),
        ("domain/deep/mod.rs", "use super::super::vfs;"),
        ("domain/ids.rs", "use super::super::{vfs, domain};"),
        ("domain/ids.rs", "use std::{fs, io};"),
        ("domain/ids.rs", "use std::net::TcpStream;"),
        ("domain/ids.rs", "async fn f() { tokio::time::sleep(x).await }"),
        ("engine/mod.rs", "use bollard::Docker;"),
        ("gateway/mod.rs", "use crate::grpc::serve;"),
        ("preview/manager.rs", "use tonic::Status;"),
        ("grpc/mod.rs", "use crate::cli::run;"),
    ];
    for (path, text) in found {
        assert!(!source(path, text).breaches().is_empty(), "{path}: {text}");
    }
    let fine = [
        ("domain/ids.rs", "/// Not crate::vfs::Vfs, nor tokio::spawn.\nuse crate::domain::limits::Limits;"),
        ("domain/ids.rs", "const A: &str = \"crate::vfs::Vfs\"; use std::{fmt, net::IpAddr};"),
        ("domain/ids.rs", "use gix_validate::reference;"),
        ("engine/docker/mod.rs", "use bollard::Docker; use super::Engine;"),
        ("grpc/mod.rs", "use crate::{preview::manager::Manager, vfs::Vfs}; use tonic::Status;"),
        ("agent/client.rs", "use tonic::transport::Channel;"),
        ("app.rs", "use crate::{grpc, gateway, engine::docker::DockerEngine}; use tonic::Status;"),
    ];
    for (path, text) in fine {
        assert_eq!(source(path, text).breaches(), Vec::<String>::new(), "{path}: {text}");
    }
}

#[test]
fn every_test_file_is_named_in_main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let main = fs::read_to_string(folder.join("main.rs")).unwrap();
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let is_file = path.extension().is_some_and(|extension| extension == "rs") && name != "main";
        let named = main.lines().any(|line| line.trim_start_matches("pub ") == format!("mod {name};"));
        assert!(!is_file || named, "{} is in no test", path.display());
    }
}

pub(crate) struct Source {
    /// The path under `src`.
    pub(crate) path: String,
    pub(crate) tokens: TokenStream,
}

impl Source {
    fn module(&self) -> &str {
        module_of(&self.path)
    }

    /// Returns the path of the file's own module, from the crate's root.
    fn own_path(&self) -> Vec<String> {
        let path = self.path.trim_end_matches(".rs");
        let path = path.strip_suffix("/mod").unwrap_or(path);
        path.split('/').filter(|part| !matches!(*part, "lib" | "main")).map(str::to_owned).collect()
    }

    pub(crate) fn is_test(&self) -> bool {
        self.path.split(['/', '.']).any(|part| part == "tests")
    }

    /// Returns the files of the same module that this one uses, of those in the table of files by their modules.
    fn uses<'a>(&self, files: &BTreeMap<Vec<String>, &'a str>) -> BTreeSet<&'a str> {
        let own = self.own_path();
        let mut paths = Vec::new();
        collect(&without_tests(&self.tokens), &mut paths);
        let target = |path: &Vec<String>| {
            let supers = path.iter().take_while(|part| *part == "super").count();
            let (base, rest) = match path[0].as_str() {
                "crate" => (&[][..], &path[1..]),
                "self" => (&own[..], &path[1..]),
                _ => (&own[..own.len().checked_sub(supers)?], &path[supers..]),
            };
            let whole = [base, rest].concat();
            // A path of a module goes on with what is in it; one from here may begin with a type.
            (base.len().max(1)..=whole.len()).rev().find_map(|length| files.get(&whole[..length]).copied())
        };
        let within = |file: &&str| *file != self.path && module_of(file) == self.module();
        paths.iter().filter_map(target).filter(within).collect()
    }

    /// Returns how many modules deep the file's own module is.
    fn depth(&self) -> usize {
        let parts = self.path.split('/').count();
        if self.path.ends_with("/mod.rs") { parts - 1 } else { parts }
    }

    fn breaches(&self) -> Vec<String> {
        let mut paths = Vec::new();
        collect(&self.tokens.clone().into_iter().collect::<Vec<_>>(), &mut paths);
        paths.iter().filter_map(|path| self.breach(path)).map(|what| format!("src/{} uses {what}", self.path)).collect()
    }

    /// Returns what is wrong with a path, if anything is.
    fn breach(&self, path: &[String]) -> Option<String> {
        let first = path.first()?.as_str();
        let supers = path.iter().take_while(|part| *part == "super").count();
        let own = match first {
            "crate" => path.get(1),
            "super" if supers == self.depth() => path.get(supers),
            _ => None,
        };
        if let Some(module) = own {
            let rule = ALLOWED.iter().find(|(name, _)| *name == self.module());
            let known = ALLOWED.iter().any(|(name, _)| name == module) || module == "app";
            let breach = known
                && module != self.module()
                && rule.is_some_and(|(_, allowed)| !allowed.contains(&module.as_str()));
            return breach.then(|| format!("crate::{module}"));
        }
        if self.module() == "domain" {
            let system = ["fs", "process", "thread", "env"];
            let sockets = ["TcpStream", "TcpListener", "UdpSocket", "ToSocketAddrs"];
            let touches = match path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["tokio", ..] => true,
                ["std", "net", item, ..] => sockets.contains(&item),
                ["std", module, ..] => system.contains(&module),
                _ => false,
            };
            if touches {
                return Some(path.join("::"));
            }
        }
        let (_, places) = KEPT_APART
            .iter()
            .find(|(name, _)| first == *name || (*name != "gix" && first.starts_with(&format!("{name}_"))))?;
        (!places.iter().any(|place| self.path.starts_with(place))).then(|| first.to_owned())
    }
}

fn module_of(path: &str) -> &str {
    path.split(['/', '.']).next().unwrap()
}

/// Returns the files that use one another in circles, by circle.
fn circles(sources: &[Source]) -> BTreeSet<Vec<String>> {
    let sources = || sources.iter().filter(|source| !source.is_test());
    let files = sources().map(|source| (source.own_path(), source.path.as_str())).collect();
    let uses: BTreeMap<&str, BTreeSet<&str>> =
        sources().map(|source| (source.path.as_str(), source.uses(&files))).collect();
    let reached = |from: &str| {
        let mut reached = BTreeSet::new();
        let mut waiting: Vec<&str> = uses[from].iter().copied().collect();
        while let Some(file) = waiting.pop() {
            if reached.insert(file) {
                waiting.extend(&uses[file]);
            }
        }
        reached
    };
    let reached: BTreeMap<&str, BTreeSet<&str>> = uses.keys().map(|file| (*file, reached(file))).collect();
    let circles = reached.iter().map(|(file, others)| {
        let closed = others.iter().filter(|other| reached[*other].contains(file));
        closed.map(|other| (*other).to_owned()).collect::<Vec<_>>()
    });
    circles.filter(|circle| !circle.is_empty()).collect()
}

/// Returns tokens without what is compiled for tests alone.
pub(crate) fn without_tests(tokens: &TokenStream) -> Vec<TokenTree> {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let mut kept = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match (token, tokens.get(at)) {
            (TokenTree::Punct(_), Some(TokenTree::Group(attribute)))
                if is_punct(token, '#') && attribute.to_string() == "[cfg (test)]" =>
            {
                let ends = |token: &TokenTree| {
                    is_punct(token, ';')
                        || matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
                };
                at = tokens[at..].iter().position(ends).map_or(tokens.len(), |end| at + end + 1);
            }
            _ => kept.push(token.clone()),
        }
    }
    kept
}

/// Adds every path of two parts or more, the branches of a group each by itself. How far a thing is seen, as
/// `pub(in crate::stack)`, uses nothing.
fn collect(tokens: &[TokenTree], paths: &mut Vec<Vec<String>>) {
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Ident(ident) if ident == "pub" => {
                let seen = |token: &TokenTree| matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis);
                at += if tokens.get(at + 1).is_some_and(seen) { 2 } else { 1 };
            }
            TokenTree::Ident(_) => at = follow(tokens, at, Vec::new(), paths),
            TokenTree::Group(group) => {
                collect(&group.stream().into_iter().collect::<Vec<_>>(), paths);
                at += 1;
            }
            _ => at += 1,
        }
    }
}

/// Follows the path that begins at `at`, adds it, and returns where it ends.
fn follow(tokens: &[TokenTree], mut at: usize, mut path: Vec<String>, paths: &mut Vec<Vec<String>>) -> usize {
    loop {
        match tokens.get(at) {
            Some(TokenTree::Ident(ident)) => path.push(ident.to_string()),
            Some(TokenTree::Group(group)) => {
                let inside: Vec<TokenTree> = group.stream().into_iter().collect();
                for branch in inside.split(|token| is_punct(token, ',')) {
                    if matches!(branch.first(), Some(TokenTree::Ident(_))) {
                        follow(branch, 0, path.clone(), paths);
                    }
                }
                return at + 1;
            }
            _ => break,
        }
        at += 1;
        let colons = |at: usize| tokens.get(at).is_some_and(|token| is_punct(token, ':'));
        if !(colons(at) && colons(at + 1)) {
            break;
        }
        at += 2;
    }
    if path.len() > 1 {
        paths.push(path);
    }
    at
}

pub(crate) fn is_punct(token: &TokenTree, c: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == c)
}

pub(crate) fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    files
        .into_iter()
        .map(|file| Source {
            path: file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(),
            tokens: fs::read_to_string(&file).unwrap().parse().unwrap(),
        })
        .collect()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
