//! The arguments of Node itself: where the file is that it runs, and which of them are of its watcher.

/// Options of Node that take the next word as their value.
const VALUED: [&str; 26] = [
    "-r",
    "--require",
    "--import",
    "--loader",
    "--experimental-loader",
    "-C",
    "--conditions",
    "--env-file",
    "--env-file-if-exists",
    "--watch-path",
    "--watch-kill-signal",
    "--input-type",
    "--experimental-default-type",
    "--title",
    "--icu-data-dir",
    "--disable-warning",
    "--openssl-config",
    "--dns-result-order",
    "--trace-event-categories",
    "--unhandled-rejections",
    "--localstorage-file",
    "--inspect-port",
    "--diagnostic-dir",
    "--redirect-warnings",
    "--tls-keylog",
    "--max-http-header-size",
];
/// Options of Node after which no file is run.
const NO_FILE: [&str; 11] =
    ["-e", "--eval", "-p", "--print", "-pe", "-c", "--check", "-i", "--interactive", "--run", "--test"];

/// Returns the place of the file among Node's arguments, or `None` if it is told to run something else.
pub(super) fn file_index(words: &[String]) -> Option<usize> {
    let mut index = 0;
    while let Some(word) = words.get(index) {
        let option = word.split('=').next().unwrap_or_default();
        if NO_FILE.contains(&option) {
            return None;
        }
        index += match word.as_str() {
            "--" => return words.get(index + 1).map(|_| index + 1),
            word if VALUED.contains(&word) => 2,
            word if word.starts_with('-') && word != "-" => 1,
            _ => return Some(index),
        };
    }
    None
}

/// Returns Node's arguments without those of its watcher.
pub(super) fn unwatched(words: &[String]) -> Vec<String> {
    let end = file_index(words).unwrap_or(words.len());
    let mut kept = Vec::new();
    let mut options = words[..end].iter();
    while let Some(word) = options.next() {
        if word.starts_with("--watch") {
            if VALUED.contains(&word.as_str()) {
                options.next();
            }
            continue;
        }
        kept.push(word.clone());
        if VALUED.contains(&word.as_str()) {
            kept.extend(options.next().cloned());
        }
    }
    kept.extend_from_slice(&words[end..]);
    kept
}
