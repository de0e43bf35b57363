//! Which folder of a project is run, and as what.

use super::{
    detect::{self, Choice, signs},
    halves,
    kinds::static_files,
    project::{Project, looked_for},
    signs::{PackageUse, Signs},
};
use crate::domain::{error::Error, spec::Stack};

/// The most folders of one depth that are looked into when nothing above shows anything, and how deep they are.
const MAX_FOLDERS: usize = 64;
const MAX_DEPTH: usize = 3;

/// What a folder shows whose `package.json` is for tools, and that has nothing else.
const TOOLS_ALONE: Signs = Signs { package: Some(PackageUse::Tools), ..Signs::NONE };

/// Finds the stack of a folder, or of the only folder below it that has one, the shallowest first.
///
/// # Errors
/// `StackNotFound` lists what was looked for; `BadManifest` when a manifest that tells cannot be read.
pub(super) fn find<'a>(
    project: Project<'a>,
    search_below: bool,
    custom_start: bool,
    notes: &mut Vec<String>,
) -> Result<(Project<'a>, Stack), Error> {
    // Documentation alone says little of a project, of which the folders may say more; so do the tools of a workspace.
    let documentation = search_below && static_files::published(&project) == Some("docs");
    let own = signs(&project)?;
    let tools = search_below && !custom_start && own == TOOLS_ALONE;
    let choice = detect::choose(&own).filter(|it| it.stack != Stack::Static || !documentation);
    if let Some(choice) = choice.filter(|_| !tools) {
        notes.extend(choice.note.map(str::to_owned));
        return Ok((project, choice.stack));
    }
    let mut found: Vec<(Project<'a>, Choice)> = Vec::new();
    let mut above = vec![project.at(&project.root)];
    for _ in 0..if search_below { MAX_DEPTH } else { 0 } {
        let folders =
            above.iter().flat_map(|above| above.folders().into_iter().map(|name| above.at(&above.path(name))));
        let folders: Vec<Project<'a>> = folders.take(MAX_FOLDERS).collect();
        for below in &folders {
            let signs = signs(below)?;
            if let Some(choice) = detect::choose(&signs).filter(|_| signs != TOOLS_ALONE) {
                found.push((below.at(&below.root), choice));
            }
        }
        if !found.is_empty() {
            break;
        }
        above = folders;
    }
    if found.is_empty() && tools {
        return Ok((project, Stack::Node));
    }
    let chosen = if found.len() == 1 { Some(0) } else { halves::page(&found) };
    if let Some(chosen) = chosen {
        halves::note_others(&found, chosen, notes);
        let (below, choice) = found.swap_remove(chosen);
        notes.push(format!("the project is in the folder {}", below.root));
        notes.extend(choice.note.map(str::to_owned));
        return Ok((below, choice.stack));
    }
    let mut looked: Vec<String> = detect::LOOKED_FOR.iter().map(|name| project.path(name)).collect();
    if !found.is_empty() {
        let folders: Vec<&str> = found.iter().map(|(below, _)| below.root.as_str()).collect();
        looked.push(format!(
            "one folder with these, but there are {}: name one as root in previewd.toml",
            folders.join(", ")
        ));
    }
    Err(looked_for(looked))
}
