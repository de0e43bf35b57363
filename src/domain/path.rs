//! Paths with slashes from a project's root, which is the empty path. No disk is asked.

/// Returns the folder that a path is in, and its last part.
pub fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// Returns the folder that a path is in.
pub fn folder(path: &str) -> &str {
    split(path).0
}

/// Returns the last part of a path.
pub fn name(path: &str) -> &str {
    split(path).1
}

/// Returns a folder and those above it, the nearest first and the root last.
pub fn upwards(from: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(from), |path| (!path.is_empty()).then(|| folder(path)))
}

/// Returns the folders above a path without the root, the outermost first.
pub fn above(path: &str) -> impl Iterator<Item = &str> + Clone {
    path.match_indices('/').map(|(end, _)| &path[..end])
}

/// Returns a name in a folder; the folder may end with a slash.
pub fn join(folder: &str, name: &str) -> String {
    let folder = folder.trim_end_matches('/');
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Returns a path that is relative to a folder as one from where the folder's own is; `None` if it leads outside.
pub fn resolve(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop()?,
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Returns a path as seen from a folder, or `None` if it is not below it.
pub fn within<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    if folder.is_empty() { Some(path) } else { path.strip_prefix(folder)?.strip_prefix('/') }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_a_folder_and_a_name() {
        assert_eq!(split("a/b/c"), ("a/b", "c"));
        assert_eq!((folder("c"), name("c")), ("", "c"));
        assert_eq!(join("a/", "b"), "a/b");
        assert_eq!(join("", "b"), "b");
    }

    #[test]
    fn folders_above_are_counted_from_either_end() {
        assert_eq!(upwards("a/b").collect::<Vec<_>>(), ["a/b", "a", ""]);
        assert_eq!(upwards("").collect::<Vec<_>>(), [""]);
        assert_eq!(above("a/b/c").collect::<Vec<_>>(), ["a", "a/b"]);
        assert_eq!(above("c").count(), 0);
    }

    #[test]
    fn no_path_leads_outside() {
        assert_eq!(resolve("web", "../api/./x").as_deref(), Some("api/x"));
        assert_eq!(resolve("web", "..").as_deref(), Some(""));
        assert_eq!(resolve("web", "../../x"), None);
    }

    #[test]
    fn what_is_below_a_folder_is_seen_from_there() {
        assert_eq!(within("api/b/c", "api"), Some("b/c"));
        assert_eq!(within("api/b/c", ""), Some("api/b/c"));
        assert_eq!(within("apis/b", "api"), None);
        assert_eq!(within("api", "api"), None);
    }
}
