//! What `git fsck --strict` asks of files that git itself reads from a tree.
//!
//! Their content is the project's, but a repository that holds a wrong one fails the check for good, and servers refuse a
//! push of it. The rules are those of git's `fsck.c` and `submodule-config.c`.

use gix::{bstr::ByteSlice, config::File};

use crate::domain::ids::FilePath;

/// How long a line of a `.gitattributes` may be, in bytes.
const MAX_ATTRIBUTES_LINE_BYTES: usize = 2047;

/// Returns what git would find wrong with a file's content, if it is one that git reads.
pub(super) fn problem(path: &FilePath, content: &[u8]) -> Option<String> {
    let name = path.name();
    if is_modules(name) {
        modules(content).map(|problem| format!("is refused by git fsck: {problem}"))
    } else if is_attributes(name) {
        let long = content.split(|byte| *byte == b'\n').position(|line| line.len() > MAX_ATTRIBUTES_LINE_BYTES)?;
        let most = MAX_ATTRIBUTES_LINE_BYTES;
        Some(format!("is refused by git fsck: line {} must have at most {most} bytes", long + 1))
    } else {
        None
    }
}

/// Returns whether a name is `.gitmodules`, in any case or alias: those that may not be links.
fn is_modules(name: &str) -> bool {
    use gix_validate::path::component::{Error, Mode, Options};
    let options = Options { protect_windows: false, protect_hfs: true, protect_ntfs: true };
    let checked = gix_validate::path::component(name.as_bytes().into(), Some(Mode::Symlink), options);
    matches!(checked, Err(Error::SymlinkedGitModules))
}

/// Returns whether a name is `.gitattributes`, in any case or alias.
fn is_attributes(name: &str) -> bool {
    // HFS+ passes over some characters, all of them beyond ASCII; NTFS over what follows a colon, and dots and spaces at
    // the end. A few more names are no harm: the rule is one that every file of that kind keeps.
    let ascii: String = name.chars().filter(char::is_ascii).collect::<String>().to_ascii_lowercase();
    let name = ascii.split(':').next().unwrap_or_default().trim_end_matches(['.', ' ']);
    name == ".gitattributes" || name.starts_with("gitatt~") || name.starts_with("gi7d29~")
}

fn modules(content: &[u8]) -> Option<String> {
    // What git cannot read it passes over, after having looked at all that came before: so nothing is passed over here.
    let Ok(file) = File::from_bytes_no_includes(content, gix::config::file::Metadata::default(), Default::default())
    else {
        return Some("it is no file of git's configuration format".to_owned());
    };
    for section in file.sections_by_name("submodule").into_iter().flatten() {
        let Some(name) = section.header().subsection_name() else { continue };
        if gix_validate::submodule::name(name).is_err() {
            return Some(format!("the submodule name {name:?} is empty or leads outside"));
        }
        let any = |key: &str, wrong: fn(&[u8]) -> bool| section.values(key).iter().any(|value| wrong(value));
        if any("url", wrong_url) {
            return Some(format!("the url of the submodule {name:?} is not valid"));
        }
        if any("path", is_option) {
            return Some(format!("the path of the submodule {name:?} begins with '-'"));
        }
        if any("update", |value| value.starts_with(b"!")) {
            return Some(format!("the update of the submodule {name:?} is a command"));
        }
    }
    None
}

/// Returns whether a program would take a value for an option of its command line.
fn is_option(value: &[u8]) -> bool {
    value.starts_with(b"-")
}

fn wrong_url(url: &[u8]) -> bool {
    let Ok(url) = url.to_str() else { return true };
    let line_break = url.contains('\n') || url.to_ascii_lowercase().contains("%0a");
    let relative = ["./", "../", ".\\", "..\\"].iter().any(|start| url.starts_with(start));
    let transport = ["http::", "https::", "ftp::", "ftps::"].iter().find_map(|prefix| url.strip_prefix(prefix));
    let fetched = ["http://", "https://", "ftp://", "ftps://"].iter().any(|scheme| url.starts_with(scheme));
    if is_option(url.as_bytes()) {
        return true;
    }
    if relative {
        return line_break || leads_out(url);
    }
    match transport.or(fetched.then_some(url)) {
        Some(url) => line_break || url.parse::<http::Uri>().map_or(true, |uri| uri.authority().is_none()),
        None => false,
    }
}

/// Returns whether what follows the leading `../` of a relative URL could take the place of a host.
fn leads_out(url: &str) -> bool {
    let (mut rest, mut ups) = (url, 0);
    loop {
        if let Some(next) = ["../", "..\\"].iter().find_map(|up| rest.strip_prefix(up)) {
            (rest, ups) = (next, ups + 1);
        } else if let Some(next) = ["./", ".\\"].iter().find_map(|here| rest.strip_prefix(here)) {
            rest = next;
        } else {
            return ups > 0 && rest.starts_with([':', '/']);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, content: &str) -> bool {
        problem(&path.parse().unwrap(), content.as_bytes()).is_some()
    }

    #[test]
    fn what_git_refuses_is_refused() {
        let wrong = [
            "[submodule \"../../x\"]\n\turl = https://example.com/x\n",
            "[submodule \"a/..\"]\n\tpath = a\n",
            "[submodule \"a\"]\n\turl = -u./p\n",
            "[submodule \"a\"]\n\turl = \"https://example.com/%0ahost=x\"\n",
            "[submodule \"a\"]\n\turl = ../../..//example.com\n",
            "[submodule \"a\"]\n\turl = https:///example.com\n",
            "[submodule \"a\"]\n\tpath = -p\n",
            "[submodule \"a\"]\n\tupdate = !rm\n",
            "[submodule \"a\n",
        ];
        for content in wrong {
            for path in [".gitmodules", "deep/.GitModules", "gitmod~1", ".gitmodules "] {
                assert!(found(path, content), "{path}: {content:?}");
            }
            assert!(!found("gitmodules", content));
        }
        for path in [".gitattributes", "a/.GITATTRIBUTES", "gitatt~1"] {
            assert!(found(path, &format!("a\n{}\n", "x".repeat(2048))), "{path}");
        }
    }

    #[test]
    fn what_git_takes_is_taken() {
        let good = [
            "",
            "# none\n[other]\n\turl = -x\n",
            "[submodule \"a\"]\n\tpath = vendor/a\n\turl = https://user@example.com:8443/a.git\n\tbranch = main\n",
            "[submodule \"a\"]\n\tpath = a\n\turl = git@example.com:a/b.git\n\tupdate = rebase\n",
            "[submodule \"a..b\"]\n\tpath = a\n\turl = ../b.git\n\tignore\n",
        ];
        for content in good {
            assert!(!found(".gitmodules", content), "{content:?}");
        }
        assert!(!found(".gitattributes", &format!("{}\n*.png binary\n", "x".repeat(2047))));
    }
}
