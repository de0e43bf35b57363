//! Install scripts of packages that failed, in the words of npm, pnpm, yarn and Bun.

use std::sync::LazyLock;

use regex::Regex;

use super::{
    found::Found,
    lack::{lack, remedy},
};

/// The most lines of a script's output that are looked at.
const MAX_OUTPUT: usize = 2000;
/// How many of a script's last lines are in the message.
const SHOWN: usize = 2;

fn pattern(text: &str) -> Option<Regex> {
    Regex::new(text).ok()
}

static NPM: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"^npm (?:ERR!|error) path \S*node_modules/((?:@[^/\s]+/)?[^/\s]+)$"));
static NPM_COMMAND: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"^npm (?:ERR!|error) command (?:sh|bash|/bin/sh) -c (.+)$"));
static YARN: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"^error \S*node_modules/((?:@[^/\s]+/)?[^/\s:]+): Command failed\.?$"));
static PNPM: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"^(\S*node_modules/((?:@[^/\s]+/)?[^/\s]+) (?:pre|post)?install): Failed$"));
static BERRY: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"YN0009: │ (((?:@[^/\s]+/)?[^@\s]+)@\S+) couldn't be built successfully"));
static BUN: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r#"^error: (?:\w+ )?script from "([^"]+)" (?:exited with|terminated by)"#));
/// Lines of node-gyp that say nothing of what was wrong, and those of npm's epilogue.
static IDLE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"^gyp (?:info|verb|ERR! (?:stack +at|System|command|cwd|node|not ok|build error|configure error))|^gyp ERR!\s*$|^\s*at |^make: (?:Entering|Leaving)|^Node\.js v|^\s*[\^~]+\s*$|^[{}\s]*$",
    )
});

/// A script that failed.
struct Script<'a> {
    package: String,
    command: Option<String>,
    /// Where its output begins, and the output without what the package manager puts before it.
    at: usize,
    output: Vec<&'a str>,
}

/// Reads which package's script failed, and with what.
pub(super) fn read(lines: &[&str]) -> Option<Found> {
    let script =
        npm(lines).or_else(|| yarn(lines)).or_else(|| pnpm(lines)).or_else(|| berry(lines)).or_else(|| bun(lines))?;
    let package = script.package;
    let output = &script.output[..script.output.len().min(MAX_OUTPUT)];
    if let Some((lack, at)) = lack(output.iter().copied()) {
        let what = remedy(&package, "take a package that comes built");
        let message = format!("{package} is built when it is installed, and {lack}; {what}");
        return Some(Found { message, package: Some(package), ..Found::at(script.at + at) });
    }
    let idle = |line: &str| IDLE.as_ref().is_some_and(|idle| idle.is_match(line));
    let told: Vec<&str> = output.iter().map(|line| line.trim()).filter(|line| !idle(line)).collect();
    let last = told[told.len().saturating_sub(SHOWN)..].join(" / ");
    let last = if last.is_empty() { "it printed nothing".to_owned() } else { last };
    let command = script.command.map(|command| format!(" ({command})")).unwrap_or_default();
    let message = format!("the install script of {package}{command} failed: {last}");
    Some(Found { message, package: Some(package), ..Found::at(script.at + script.output.len().saturating_sub(1)) })
}

/// Returns the packages whose scripts a package manager did not run, since nobody has approved of them.
pub(super) fn left_out(lines: &[&str]) -> Option<String> {
    static PNPM_IGNORED: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"Ignored build scripts: (.+)$"));
    static BUN_BLOCKED: LazyLock<Option<Regex>> =
        LazyLock::new(|| pattern(r"^\./node_modules/((?:@[^/\s]+/)?[^/\s]+) @"));
    if let Some((at, found)) = last(lines, &PNPM_IGNORED) {
        // In a box, whose lines are broken.
        let mut names = found.get(1)?.as_str().trim_end_matches(['│', ' ']).to_owned();
        for line in lines[at + 1..].iter().take(20) {
            if names.ends_with('.') {
                break;
            }
            names.push(' ');
            names.push_str(line.trim_matches(['│', ' ']));
        }
        return Some(names.trim_end_matches('.').to_owned());
    }
    let blocked = BUN_BLOCKED.as_ref()?;
    let names: Vec<&str> =
        lines.iter().filter_map(|line| Some(blocked.captures(line)?.get(1)?.as_str())).take(20).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn npm<'a>(lines: &[&'a str]) -> Option<Script<'a>> {
    let (at, found) = last(lines, &NPM)?;
    let package = found.get(1)?.as_str().to_owned();
    let (after, command) =
        lines[at..].iter().take(6).enumerate().find_map(|(after, line)| {
            Some((after, NPM_COMMAND.as_ref()?.captures(line)?.get(1)?.as_str().to_owned()))
        })?;
    let start = at + after + 1;
    let said = |line: &&'a str| line.strip_prefix("npm ERR! ").or_else(|| line.strip_prefix("npm error "));
    let output =
        lines[start..].iter().map_while(said).take_while(|line| !line.contains("A complete log of this run")).collect();
    Some(Script { package, command: Some(command), at: start, output })
}

fn yarn<'a>(lines: &[&'a str]) -> Option<Script<'a>> {
    let (at, found) = last(lines, &YARN)?;
    let rest = &lines[at..];
    let command = rest.iter().take(6).find_map(|line| line.strip_prefix("Command: ")).map(str::to_owned);
    let start = at + rest.iter().take(8).position(|line| *line == "Output:")? + 1;
    let output = lines[start..].iter().copied().take_while(|line| !line.starts_with("info Visit ")).collect();
    Some(Script { package: found.get(1)?.as_str().to_owned(), command, at: start, output })
}

fn pnpm<'a>(lines: &[&'a str]) -> Option<Script<'a>> {
    let (end, found) = last(lines, &PNPM)?;
    let label = found.get(1)?.as_str();
    let start = lines[..end].iter().position(|line| line.starts_with(label))?;
    let command = lines[start].strip_prefix(label).and_then(|rest| rest.strip_prefix("$ ")).map(str::to_owned);
    // Scripts run at the same time, so that other packages' lines stand between; they count for nothing.
    let said = |line: &&'a str| line.strip_prefix(label).and_then(|rest| rest.strip_prefix(": ")).unwrap_or_default();
    let output = lines[start + 1..end].iter().map(said).collect();
    Some(Script { package: found.get(2)?.as_str().to_owned(), command, at: start + 1, output })
}

fn berry<'a>(lines: &[&'a str]) -> Option<Script<'a>> {
    let (end, found) = last(lines, &BERRY)?;
    let locator = found.get(1)?.as_str();
    let start = lines[..end].iter().position(|line| line.contains(locator) && line.contains("must be built"))? + 1;
    let said = |line: &&'a str| {
        let (_, rest) = line.split_once(locator)?;
        rest.strip_prefix(" STDOUT ").or_else(|| rest.strip_prefix(" STDERR "))
    };
    let output = lines[start..end].iter().map(|line| said(line).unwrap_or_default()).collect();
    Some(Script { package: found.get(2)?.as_str().to_owned(), command: None, at: start, output })
}

fn bun<'a>(lines: &[&'a str]) -> Option<Script<'a>> {
    let (end, found) = last(lines, &BUN)?;
    let start = lines[..end]
        .iter()
        .rposition(|line| line.starts_with("Resolved, downloaded") || line.starts_with("bun install v"));
    let start = start.map_or(0, |at| at + 1).max(end.saturating_sub(MAX_OUTPUT));
    Some(Script {
        package: found.get(1)?.as_str().to_owned(),
        command: None,
        at: start,
        output: lines[start..end].to_vec(),
    })
}

fn last<'a>(lines: &[&'a str], pattern: &LazyLock<Option<Regex>>) -> Option<(usize, regex::Captures<'a>)> {
    let pattern = pattern.as_ref()?;
    lines.iter().enumerate().rev().find_map(|(at, line)| Some((at, pattern.captures(line)?)))
}
