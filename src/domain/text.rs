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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_one_line_in_its_bound() {
        assert_eq!(sentence("a\nb\u{1b}[0m", 1024), "a b [0m");
        assert_eq!(sentence(&"\u{e4}".repeat(10), 5), "\u{e4}\u{e4}");
    }
}
