//! Installations by pip, of a list on its command line.

use std::collections::BTreeMap;

use crate::{domain::error::Error, stack::project::bad};

/// How pip is called.
pub(in crate::stack) const PIP: &str =
    "\"$HOME/venv/bin/pip\" install --no-input --disable-pip-version-check --no-cache-dir --progress-bar off";
/// The longest list of dependencies on a command line, in bytes; a single argument may have 128 KiB.
const MAX_LIST_BYTES: usize = 64 * 1024;

/// What is installed, and how.
#[derive(Debug, Default)]
pub(in crate::stack) struct Requirements {
    pub commands: Vec<String>,
    pub inputs: BTreeMap<String, Vec<u8>>,
    pub environment: BTreeMap<String, String>,
    /// Folders of the project that modules are imported from, because they are listed as local packages.
    pub folders: Vec<String>,
}

/// Installs exact versions, which name all that they need.
pub(super) fn locked(list: Vec<String>, file: String) -> Result<Requirements, Error> {
    let mut requirements = by_list(list, file)?;
    for command in &mut requirements.commands {
        *command = command.replacen(PIP, &format!("{PIP} --no-deps"), 1);
    }
    Ok(requirements)
}

/// Installs what is listed; `file` is where it is.
pub(super) fn by_list(list: Vec<String>, file: String) -> Result<Requirements, Error> {
    if list.is_empty() {
        return Ok(Requirements::default());
    }
    let words = shlex::try_join(list.iter().map(String::as_str)).map_err(|error| bad(&file, error.to_string()))?;
    if words.len() > MAX_LIST_BYTES {
        return Err(bad(file, format!("lists dependencies of more than {MAX_LIST_BYTES} bytes")));
    }
    Ok(Requirements { commands: vec![format!("{PIP} -- {words}")], ..Requirements::default() })
}
