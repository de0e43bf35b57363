//! The names that come from outside, each checked once, when it is made.

use std::{fmt, str::FromStr};

use rand::RngCore;
use serde::{Deserialize, Serialize};

/// The longest project id, in bytes.
pub const MAX_PROJECT_ID_BYTES: usize = 63;
/// The longest branch name, in bytes.
pub const MAX_BRANCH_BYTES: usize = 255;
/// The longest path of a file, in bytes.
pub const MAX_PATH_BYTES: usize = 1024;
/// The longest part of a path between slashes, in bytes, on the file systems that files come to lie on.
pub const MAX_PATH_PART_BYTES: usize = 255;
/// The longest part of a branch name between slashes, in bytes: git makes files of them, with `.lock` at the end.
pub const MAX_BRANCH_PART_BYTES: usize = 250;
/// The branch that a request means when it names none.
pub const DEFAULT_BRANCH: &str = "main";

/// Says in a sentence what is wrong with a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidName(pub String);

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Returns the name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}

name_type! {
    /// Names a project: 1 to 63 of `A-Za-z0-9._-`, beginning with a letter or a digit.
    ProjectId
}

impl FromStr for ProjectId {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if text.is_empty() || text.len() > MAX_PROJECT_ID_BYTES {
            return Err(InvalidName(format!("must have 1 to {MAX_PROJECT_ID_BYTES} characters, has {}", text.len())));
        }
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')) {
            return Err(InvalidName("must have only A-Z, a-z, 0-9, '.', '_' and '-'".into()));
        }
        if !text.as_bytes()[0].is_ascii_alphanumeric() {
            return Err(InvalidName("must begin with a letter or a digit".into()));
        }
        Ok(Self(text.to_owned()))
    }
}

name_type! {
    /// Names a branch, by the rules of `git check-ref-format --branch`, at most 255 bytes and 250 between slashes.
    BranchName
}

impl BranchName {
    /// Returns the full name of the reference.
    pub fn reference(&self) -> String {
        format!("refs/heads/{}", self.0)
    }
}

impl Default for BranchName {
    fn default() -> Self {
        Self(DEFAULT_BRANCH.to_owned())
    }
}

impl FromStr for BranchName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if text.is_empty() || text.len() > MAX_BRANCH_BYTES {
            return Err(InvalidName(format!("must have 1 to {MAX_BRANCH_BYTES} bytes, has {}", text.len())));
        }
        if text.starts_with('-') || text == "HEAD" {
            return Err(InvalidName("must not begin with '-' nor be 'HEAD'".into()));
        }
        if text.split('/').any(|part| part.len() > MAX_BRANCH_PART_BYTES) {
            return Err(InvalidName(format!("must have at most {MAX_BRANCH_PART_BYTES} bytes between slashes")));
        }
        let full = format!("refs/heads/{text}");
        gix_validate::reference::name(full.as_bytes().into())
            .map_err(|error| InvalidName(format!("is not a branch name that git takes: {error}")))?;
        Ok(Self(text.to_owned()))
    }
}

name_type! {
    /// Names a commit: the git object id, 40 lower-case hexadecimal digits.
    CommitId
}

impl FromStr for CommitId {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if text.len() != 40 || !text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            return Err(InvalidName("must be 40 lower-case hexadecimal digits".into()));
        }
        Ok(Self(text.to_owned()))
    }
}

name_type! {
    /// Names a preview: 12 characters of lower-case base32 (RFC 4648), 60 random bits, beginning with a letter so that
    /// it is a DNS label everywhere.
    PreviewId
}

impl PreviewId {
    /// Returns a new one, which nobody can guess.
    pub fn random() -> Self {
        loop {
            let mut bytes = [0_u8; 8];
            rand::rng().fill_bytes(&mut bytes);
            let mut text = data_encoding::BASE32_NOPAD.encode(&bytes).to_lowercase();
            text.truncate(12);
            if text.as_bytes()[0].is_ascii_lowercase() {
                return Self(text);
            }
        }
    }
}

impl FromStr for PreviewId {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if text.len() != 12 || !text.bytes().all(|b| b.is_ascii_lowercase() || (b'2'..=b'7').contains(&b)) {
            return Err(InvalidName("must be 12 characters of a-z and 2-7".into()));
        }
        Ok(Self(text.to_owned()))
    }
}

name_type! {
    /// The path of a file from the project's root: relative, UTF-8, 1 to 1024 bytes, parts separated by `/`; no part is
    /// empty, `.`, `..`, an alias of `.git` or over 255 bytes; no control character and no backslash.
    FilePath
}

impl FilePath {
    /// Returns the last part.
    pub fn name(&self) -> &str {
        super::path::name(&self.0)
    }

    /// Returns the text behind the last dot of the last part, if there is one.
    pub fn extension(&self) -> Option<&str> {
        self.name().rsplit_once('.').map(|(_, extension)| extension)
    }
}

impl FromStr for FilePath {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let fail = |reason: &str| Err(InvalidName(reason.to_owned()));
        if text.is_empty() {
            return fail("must not be empty");
        }
        if text.len() > MAX_PATH_BYTES {
            return Err(InvalidName(format!("must have at most {MAX_PATH_BYTES} bytes, has {}", text.len())));
        }
        if text.starts_with('/') {
            return fail("must be relative");
        }
        if text.chars().any(char::is_control) {
            return fail("must not have control characters");
        }
        if text.contains('\\') {
            return fail("must not have backslashes");
        }
        for part in text.split('/') {
            if part.is_empty() {
                return fail("must not have empty parts");
            }
            if part == "." || part == ".." {
                return fail("must not have '.' or '..' as a part");
            }
            if part.len() > MAX_PATH_PART_BYTES {
                return Err(InvalidName(format!("must have parts of at most {MAX_PATH_PART_BYTES} bytes")));
            }
            // The aliases are those of git's own core.protectHFS and core.protectNTFS.
            let options = gix_validate::path::component::Options {
                protect_windows: false,
                protect_hfs: true,
                protect_ntfs: true,
            };
            if let Err(error) = gix_validate::path::component(part.as_bytes().into(), None, options) {
                return Err(InvalidName(format!("has a part that git refuses: {error}")));
            }
        }
        Ok(Self(text.to_owned()))
    }
}
