//! Installations by pip, of requirement files and what they include.

use std::collections::BTreeMap;

use toml::Table;

use super::{
    lines::{Line, beside, extras, read_line, without_comment},
    pip::{PIP, Requirements, by_list},
    pyproject::{self, dependencies, field},
    setup,
};
use crate::{
    domain::error::Error,
    stack::{
        names::is_archive,
        project::{Project, bad, bad_line},
    },
};

/// The most requirement files that include one another.
const MAX_FILES: usize = 32;

/// Takes requirement files and what they include, without comments and local packages.
pub(super) fn by_files(
    project: &Project<'_>,
    files: &[String],
    pyproject: Option<&Table>,
    notes: &mut Vec<String>,
) -> Result<Requirements, Error> {
    let Lists { mut requirements, itself, mut archived, .. } = Lists::read(project, files, notes)?;
    let blank = |content: &Vec<u8>| content.iter().all(u8::is_ascii_whitespace);
    if requirements.inputs.values().all(blank) {
        requirements.inputs.clear();
    } else {
        let words = files.iter().flat_map(|file| ["-r", file]);
        let words = shlex::try_join(words).map_err(|error| bad(project.path(&files[0]), error.to_string()))?;
        requirements.commands.push(format!("{PIP} {words}"));
        requirements.inputs.append(&mut archived);
    }
    // The project itself is run from its folder, so that what it depends on is all that there is to install of it.
    if let Some(extras) = itself {
        let list = own_dependencies(project, pyproject, &extras, notes)?;
        requirements.commands.extend(by_list(list, project.path("pyproject.toml"))?.commands);
    }
    Ok(requirements)
}

/// What requirement files say, and those that they include.
#[derive(Default)]
struct Lists {
    /// The files, and the folders of local packages.
    requirements: Requirements,
    /// The packages in archives that they name, by path.
    archived: BTreeMap<String, Vec<u8>>,
    /// Where they name the project itself, the extras that they want of it.
    itself: Option<Vec<String>>,
    /// Those that are still to be read.
    waiting: Vec<String>,
}

impl Lists {
    fn read(project: &Project<'_>, files: &[String], notes: &mut Vec<String>) -> Result<Self, Error> {
        let mut lists = Self { waiting: files.to_vec(), ..Self::default() };
        while let Some(name) = lists.waiting.pop() {
            let path = project.path(&name);
            if lists.requirements.inputs.contains_key(&path) {
                continue;
            }
            if lists.requirements.inputs.len() == MAX_FILES {
                return Err(bad(path, format!("is one of more than {MAX_FILES} requirement files")));
            }
            let text = project
                .text(&name)?
                .ok_or_else(|| bad(&path, "is included by a requirements file but is not there"))?;
            let mut kept = String::new();
            for (index, line) in text.lines().enumerate() {
                let line = without_comment(line);
                if lists.take(project, &name, index + 1, line, notes)? {
                    kept.push_str(line);
                }
                // Lines keep their numbers, which pip's messages name.
                kept.push('\n');
            }
            lists.requirements.inputs.insert(path, kept.into_bytes());
        }
        Ok(lists)
    }

    /// Takes one line of a file, which has no comment. Returns whether pip is to read it too.
    fn take(
        &mut self,
        project: &Project<'_>,
        name: &str,
        number: usize,
        line: &str,
        notes: &mut Vec<String>,
    ) -> Result<bool, Error> {
        let path = project.path(name);
        let outside = |what: &str| bad_line(&path, number, format!("{what} is outside"));
        match read_line(line) {
            Line::Include(file) => self.waiting.push(beside(name, file).ok_or_else(|| outside(file))?),
            Line::Local(folder) => {
                let folder = beside(name, folder).ok_or_else(|| outside(line))?;
                if folder.is_empty() {
                    self.itself.get_or_insert_default().extend(extras(line));
                } else {
                    notes.push(format!("{path}: {folder} is not installed; modules are imported from it"));
                    self.requirements.folders.extend([format!("{folder}/src"), folder]);
                }
                return Ok(false);
            }
            Line::Archives(named) => {
                // pip takes these from the folder that it runs in.
                let found = beside("requirements.txt", named).map(|found| archives(project, &found));
                project.bring(found.unwrap_or_default(), &mut self.archived, notes);
            }
            Line::Other => {}
        }
        Ok(true)
    }
}

/// Returns what the project itself depends on, with some of its extras.
fn own_dependencies(
    project: &Project<'_>,
    pyproject: Option<&Table>,
    extras: &[String],
    notes: &mut Vec<String>,
) -> Result<Vec<String>, Error> {
    let mut list = match pyproject {
        Some(table) if field(table, "dependencies").is_some() => dependencies(project, table, notes)?,
        _ => match setup::read(project, notes)? {
            Some(setup::Setup::List(list)) => list,
            _ => Vec::new(),
        },
    };
    for name in extras {
        list.extend(
            pyproject.map(|table| pyproject::extra(project, table, name, notes)).transpose()?.unwrap_or_default(),
        );
    }
    Ok(list)
}

/// Returns the packages in archives that a path names: itself, or those in the folder.
fn archives<'a>(project: &Project<'a>, path: &str) -> Vec<&'a str> {
    let folder = format!("{path}/");
    project.files().filter(|file| is_archive(file) && (*file == path || file.starts_with(&folder))).collect()
}
