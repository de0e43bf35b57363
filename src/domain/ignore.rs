//! What a `.dockerignore` leaves out of a build.
//!
//! The format is that of <https://docs.docker.com/build/concepts/context/#dockerignore-files>: patterns from the root of
//! the context, the last that matches a path or a folder above it decides, and `!` takes back.

use globset::{GlobBuilder, GlobMatcher};

use super::path::above;

/// The most patterns that are looked at.
const MAX_PATTERNS: usize = 1000;

/// The patterns of a `.dockerignore`, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ignore(Vec<String>);

impl Ignore {
    /// Reads a file's text. Lines that are no pattern leave nothing out.
    pub fn parse(text: &str) -> Self {
        let lines = text.trim_start_matches('\u{feff}').lines().filter(|line| !line.starts_with('#'));
        Self(lines.map(str::trim).filter(|line| !line.is_empty()).take(MAX_PATTERNS).map(str::to_owned).collect())
    }

    /// Returns a function that says whether a path, as seen from the context's root, is left out. Compiles the patterns,
    /// so it is to be made once for a tree.
    pub fn matcher(&self) -> impl Fn(&str) -> bool + use<> {
        let patterns: Vec<(bool, GlobMatcher)> = self.0.iter().filter_map(|line| compile(line)).collect();
        move |path| {
            let mut left_out = false;
            for (out, pattern) in &patterns {
                // One that changes nothing does not have to be matched.
                if left_out != *out && with_parents(path).any(|path| pattern.is_match(path)) {
                    left_out = *out;
                }
            }
            left_out
        }
    }
}

/// Returns whether what a line matches is left out, and what it matches.
fn compile(line: &str) -> Option<(bool, GlobMatcher)> {
    let (out, pattern) = line.strip_prefix('!').map_or((true, line), |taken_back| (false, taken_back.trim()));
    let parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let glob = GlobBuilder::new(&parts.join("/")).literal_separator(true).backslash_escape(true).build();
    Some((out, glob.ok()?.compile_matcher()))
}

/// Returns the folders above a path, the outermost first, and the path itself.
fn with_parents(path: &str) -> impl Iterator<Item = &str> {
    above(path).chain(std::iter::once(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_patterns() {
        let table: &[(&str, &[&str], &[&str])] = &[
            ("", &[], &["a", ".dockerignore"]),
            ("# note\n\n*.md\n", &["README.md"], &["docs/README.md", "a"]),
            ("**/*.md", &["README.md", "docs/deep/a.md"], &["a.mdx"]),
            ("/docs/", &["docs/a", "docs/b/c"], &["src/docs/a", "docs2"]),
            ("node_modules\n.env", &["node_modules/a/b", ".env"], &[".env.example", "web/node_modules/a"]),
            ("*\n!src\n!package.json", &["a", "b/c"], &["src/x/y", "package.json"]),
            ("docs\n!docs/keep.md\n", &["docs/a"], &["docs/keep.md"]),
            ("./a/./b", &["a/b"], &["b"]),
            ("temp?", &["temp1", "temp1/x"], &["temp", "temp12"]),
            ("[", &[], &["["]),
        ];
        for (text, out, kept) in table {
            let left_out = Ignore::parse(text).matcher();
            for path in *out {
                assert!(left_out(path), "{text:?} {path}");
            }
            for path in *kept {
                assert!(!left_out(path), "{text:?} {path}");
            }
        }
    }
}
