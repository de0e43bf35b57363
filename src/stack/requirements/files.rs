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
    let mut requirements = Requirements::default();
    let mut waiting = files.to_vec();
    let mut itself: Option<Vec<String>> = None;
    let mut archived = BTreeMap::new();
    while let Some(name) = waiting.pop() {
        let path = project.path(&name);
        if requirements.inputs.contains_key(&path) {
            continue;
        }
        if requirements.inputs.len() == MAX_FILES {
            return Err(bad(path, format!("is one of more than {MAX_FILES} requirement files")));
        }
        let text =
            project.text(&name)?.ok_or_else(|| bad(&path, "is included by a requirements file but is not there"))?;
        let mut kept = String::new();
        for (index, line) in text.lines().enumerate() {
            let line = without_comment(line);
            match read_line(line) {
                Line::Include(file) => {
                    let file =
                        beside(&name, file).ok_or_else(|| bad_line(&path, index + 1, format!("{file} is outside")))?;
                    waiting.push(file);
                    kept.push_str(line);
                }
                Line::Local(folder) => {
                    let folder = beside(&name, folder);
                    let folder = folder.ok_or_else(|| bad_line(&path, index + 1, format!("{line} is outside")))?;
                    if folder.is_empty() {
                        itself.get_or_insert_default().extend(extras(line));
                    } else {
                        notes.push(format!("{path}: {folder} is not installed; modules are imported from it"));
                        requirements.folders.extend([format!("{folder}/src"), folder]);
                    }
                }
                Line::Archives(named) => {
                    // pip takes these from the folder that it runs in.
                    let found = beside("requirements.txt", named).map(|found| archives(project, &found));
                    project.bring(found.unwrap_or_default(), &mut archived, notes);
                    kept.push_str(line);
                }
                Line::Other => kept.push_str(line),
            }
            // Lines keep their numbers, which pip's messages name.
            kept.push('\n');
        }
        requirements.inputs.insert(path, kept.into_bytes());
    }
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
        let mut list = match pyproject {
            Some(table) if field(table, "dependencies").is_some() => dependencies(project, table, notes)?,
            _ => match setup::read(project, notes)? {
                Some(setup::Setup::List(list)) => list,
                _ => Vec::new(),
            },
        };
        for name in &extras {
            list.extend(
                pyproject.map(|table| pyproject::extra(project, table, name, notes)).transpose()?.unwrap_or_default(),
            );
        }
        requirements.commands.extend(by_list(list, project.path("pyproject.toml"))?.commands);
    }
    Ok(requirements)
}

/// Returns the packages in archives that a path names: itself, or those in the folder.
fn archives<'a>(project: &Project<'a>, path: &str) -> Vec<&'a str> {
    let folder = format!("{path}/");
    project.files().filter(|file| is_archive(file) && (*file == path || file.starts_with(&folder))).collect()
}
