//! Projects with a Dockerfile of their own.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
};

use parse_dockerfile::{FromInstruction, Instruction};

use super::{kind::Kind, node};
use crate::{
    domain::{
        error::Error,
        ignore::Ignore,
        runtime::{ImagePlan, Needs, RUNTIME_MOUNT, ReloadPlan, RunPlan, StartPlan},
        spec::Stack,
    },
    stack::{
        names::DOCKERIGNORE,
        project::{Project, looked_for},
        readers::{self, cause::Reader, esbuild, nginx, python, shell, tsc},
        runtime::{ALL_AUTHORITIES, OWN_AUTHORITIES},
        signs::Signs,
    },
};

/// The file's name.
pub(in crate::stack) const FILE: &str = "Dockerfile";

/// The stack `dockerfile`.
pub(super) struct Dockerfile;

impl Kind for Dockerfile {
    fn show(&self, project: &Project<'_>, signs: &mut Signs) -> Result<(), Error> {
        signs.dockerfile = project.has(FILE);
        Ok(())
    }

    /// Plans a project that is built by its own Dockerfile, with its folder as the context.
    fn plan(&self, project: &Project<'_>, _: Option<&str>, notes: &mut Vec<String>) -> Result<RunPlan, Error> {
        if !project.has(FILE) {
            return Err(looked_for([project.path(FILE)]));
        }
        let ignore = project.text(DOCKERIGNORE)?.map(|text| Ignore::parse(&text)).unwrap_or_default();
        notes.push(format!("dockerfile: the image is built by {}", project.path(FILE)));
        Ok(RunPlan {
            stack: Stack::Dockerfile,
            root: project.root.clone(),
            image: ImagePlan::Build { dockerfile: project.path(FILE), ignore },
            prebundle: None,
            start: StartPlan {
                argv: Vec::new(),
                environment: BTreeMap::new(),
                port: 0,
                named_port: false,
                ready_path: "/".into(),
                reload: ReloadPlan::Restart,
            },
            needs: Needs::default(),
            notes: Vec::new(),
            supplied: BTreeMap::new(),
            data: Vec::new(),
        })
    }

    /// What is in the image is not known.
    fn readers(&self) -> &'static [Reader] {
        &[python::read, tsc::read, esbuild::read, readers::node::read, nginx::read, shell::read]
    }

    fn pages(&self) -> &'static [&'static str] {
        node::PAGES
    }
}

/// Returns a Dockerfile whose steps trust the operator's certificate authorities: a stage in which commands run has the
/// files from an image of the runtime files, and the variables that name them, before its first step. They are those that
/// the app gets at run time.
///
/// `None` if it needs none, or cannot be read: then the daemon says what is wrong with it.
pub fn with_authorities(dockerfile: &str, image: &str, variables: &BTreeMap<String, String>) -> Option<String> {
    if variables.is_empty() {
        return None;
    }
    let parsed = parse_dockerfile::parse(dockerfile).ok()?;
    let variables: Vec<String> = variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let trust = format!(
        "COPY --from={image} {ALL_AUTHORITIES} {OWN_AUTHORITIES} {RUNTIME_MOUNT}/\nENV {}\n",
        variables.join(" ")
    );
    // Where the lines after `FROM` begin, of stages on an image, and whether a command runs there or in a stage on that.
    let mut roots: Vec<(usize, bool)> = Vec::new();
    let mut by_name: HashMap<String, usize> = HashMap::new();
    let mut root = 0;
    for instruction in &parsed.instructions {
        match instruction {
            Instruction::From(from) => {
                root = by_name.get(&from.image.value.to_lowercase()).copied().unwrap_or(roots.len());
                if root == roots.len() {
                    roots.push((line_after(dockerfile, from)?, false));
                }
                by_name.extend(from.as_.iter().map(|(_, name)| (name.value.to_lowercase(), root)));
            }
            Instruction::Run(_) => roots.get_mut(root)?.1 = true,
            _ => {}
        }
    }
    let mut edited = String::with_capacity(dockerfile.len() + trust.len());
    let mut copied = 0;
    for (line, _) in roots.into_iter().filter(|(_, runs)| *runs) {
        edited.push_str(&dockerfile[copied..line]);
        edited.push_str(&trust);
        copied = line;
    }
    edited.push_str(&dockerfile[copied..]);
    (copied > 0).then_some(edited)
}

/// Returns where the line after an instruction begins; `None` if the instruction may go on there.
fn line_after(dockerfile: &str, from: &FromInstruction<'_>) -> Option<usize> {
    let Range { end, .. } = from.as_.as_ref().map_or(&from.image, |(_, name)| name).span.clone();
    let rest = dockerfile.get(end..)?;
    let length = rest.find('\n').map_or(rest.len(), |index| index + 1);
    rest[..length].trim().is_empty().then_some(end + length)
}

/// Returns the line, from 1, of the instruction that a build came to. `output` is the end of what the classic builder
/// printed. `None` where that does not tell, or where two instructions begin alike.
pub fn ended_at(dockerfile: &str, output: &[String]) -> Option<u32> {
    let step = output.iter().rev().find_map(|line| Some(line.strip_prefix("Step ")?.split_once(" : ")?.1))?;
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let wanted = plain(step);
    let mut lines = (1_u32..).zip(dockerfile.lines()).filter_map(|(number, line)| {
        let line = line.trim();
        let begun = line.strip_suffix('\\');
        let own = plain(begun.unwrap_or(line));
        let same = if begun.is_some() { wanted.starts_with(&own) } else { wanted == own };
        (same && !own.is_empty()).then_some(number)
    });
    lines.next().filter(|_| lines.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(dockerfile: &str) -> Option<String> {
        let variables = [("A", "/previewd/ca.pem"), ("B", "/previewd/extra-ca.pem")];
        let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        with_authorities(dockerfile, "trusted:1", &variables)
    }

    const TRUST: &str = "COPY --from=trusted:1 ca.pem extra-ca.pem /previewd/\n\
                         ENV A=/previewd/ca.pem B=/previewd/extra-ca.pem\n";

    #[test]
    fn stages_in_which_commands_run_trust_the_authorities() {
        let dockerfile = "# syntax=docker/dockerfile:1\nARG V=1\nFROM --platform=linux/amd64 a:$V AS Build\nWORKDIR /x\n\
                          from \\\n  b\r\nRUN z \\\n FROM c\nFROM build\nRUN w\nFROM scratch\nCOPY --from=Build /x /\n";
        let wanted = format!(
            "# syntax=docker/dockerfile:1\nARG V=1\nFROM --platform=linux/amd64 a:$V AS Build\n{TRUST}WORKDIR /x\n\
             from \\\n  b\r\n{TRUST}RUN z \\\n FROM c\nFROM build\nRUN w\nFROM scratch\nCOPY --from=Build /x /\n"
        );
        assert_eq!(edited(dockerfile), Some(wanted));
    }

    #[test]
    fn what_needs_none_or_cannot_be_read_stays() {
        for dockerfile in ["FROM a\nCOPY . /\n", "FROM a", "FROM a\nRUNN b\n", "", "RUN a", "FROM a \\\n\nRUN b"] {
            assert_eq!(edited(dockerfile), None, "{dockerfile:?}");
        }
    }

    #[test]
    fn the_instruction_that_a_build_came_to_is_found() {
        let dockerfile =
            "# ours\nFROM --platform=linux/amd64  a:1 AS x\nRUN y \\\n  && z\nCOPY . .\nFROM b\nCOPY . .\n";
        let at = |step: &str| {
            ended_at(dockerfile, &["Step 1/9 : EXPOSE 1".into(), format!("Step 2/9 : {step}"), "x".into()])
        };
        assert_eq!(at("FROM --platform=linux/amd64 a:1 AS x"), Some(2));
        assert_eq!(at("FROM b"), Some(6));
        assert_eq!(at("RUN y   && z"), Some(3));
        assert_eq!(at("COPY . ."), None, "two lines are alike");
        assert_eq!(at("ENV A=/previewd/ca.pem"), None, "ours");
        assert_eq!(ended_at(dockerfile, &[]), None);
    }
}
