//! Text from others, made fit to be shown in one line.

/// The longest sentence that is taken over from others, in bytes.
pub const MAX_SENTENCE_BYTES: usize = 1024;

/// Returns text as one line of at most so many bytes, without control characters.
pub fn sentence(text: &str, most: usize) -> String {
    // No control character is shorter than the space that takes its place.
    text[..text.floor_char_boundary(most)].replace(char::is_control, " ")
}

/// Cuts text to at most so many bytes, never inside a character.
pub fn cut(text: &mut String, most: usize) {
    text.truncate(text.floor_char_boundary(most));
}

/// Returns a script without the carriage returns of Windows' line ends; `None` if it is no script, or has none.
///
/// The kernel takes such a character for a part of the interpreter's name, and shells for a part of the last word: what
/// says by its first line or its name that a shell or another program is to run it cannot be run with them.
pub fn unix_script(path: &str, content: &[u8]) -> Option<Vec<u8>> {
    let first = content.split(|byte| *byte == b'\n').next()?;
    let named = [".sh", ".bash"].iter().any(|ending| path.ends_with(ending));
    let script = first.starts_with(b"#!") || named && std::str::from_utf8(content).is_ok();
    if !script || !first.ends_with(b"\r") {
        return None;
    }
    let mut kept = Vec::with_capacity(content.len());
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_suffix(b"\r\n") {
            Some(text) => kept.extend(text.iter().chain(b"\n")),
            None => kept.extend(line),
        }
    }
    Some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_lose_the_line_ends_of_windows_and_other_files_keep_them() {
        let plain =
            |path: &str, text: &str| unix_script(path, text.as_bytes()).map(|it| String::from_utf8(it).unwrap());
        let shebang = "#!/bin/sh\r\nexec a\rb\n c\r\n";
        assert_eq!(plain("start", shebang).as_deref(), Some("#!/bin/sh\nexec a\rb\n c\n"));
        assert_eq!(plain("a/start.sh", "cd x\r\n\r\nls").as_deref(), Some("cd x\n\nls"));
        assert_eq!(plain("manage.py", "#!/usr/bin/env python\r\nx\r\n").as_deref(), Some("#!/usr/bin/env python\nx\n"));
        for (path, text) in [("a.csv", "a,b\r\n"), ("start.sh", "a\nb\n"), ("start.sh", ""), ("b.bat", "@echo\r\n")] {
            assert_eq!(plain(path, text), None, "{path}");
        }
    }

    #[test]
    fn a_sentence_is_one_line_in_its_bound() {
        assert_eq!(sentence("a\nb\u{1b}[0m", 1024), "a b [0m");
        assert_eq!(sentence(&"\u{e4}".repeat(10), 5), "\u{e4}\u{e4}");
    }
}
