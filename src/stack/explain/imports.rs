//! The line of an import that leads nowhere: Node says of an ES module only which file has it.

use regex::Regex;

/// Returns the line, from 1, in which a source imports what a message says is missing: the first that names it as a module.
pub fn import_line(message: &str, source: &str) -> Option<u32> {
    let missing = message.split(['\'', '"']).nth(1)?;
    // A path is told as it was resolved, and written from the file's own folder, perhaps without its suffix.
    let name = missing.rsplit('/').next().filter(|name| !name.is_empty())?;
    let whole = if missing.starts_with('@') { missing } else { name };
    let named = Regex::new(&format!(r#"["'`](?:[^"'`]*/)?{}(?:/[^"'`]*)?["'`]"#, regex::escape(whole))).ok()?;
    let imports = |line: &str| ["import", "from", "require"].iter().any(|word| line.contains(word));
    let at = source.lines().position(|line| imports(line) && named.is_match(line))?;
    u32::try_from(at + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_that_which_names_what_is_missing() {
        let source = "// nope.js\nimport a from 'a'\nimport {\n  b,\n} from \"./lib/nope.js\"\nconst c = await import('@x/y/z')\n";
        let line = |message| import_line(message, source);
        assert_eq!(line("Error: Cannot find module 'src/lib/nope.js' imported from src/b.mjs"), Some(5));
        assert_eq!(line("Error: Cannot find package 'a' imported from src/b.mjs"), Some(2));
        assert_eq!(line("Error: Cannot find package '@x/y' imported from src/b.mjs"), Some(6));
        assert_eq!(line("Error: Cannot find package 'b' imported from src/b.mjs"), None);
        assert_eq!(line("it says nothing"), None);
        assert_eq!(line("Cannot find module 'src/'"), None);
    }
}
