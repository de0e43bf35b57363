//! What is started, by a shim, and how it is found.

use std::{
    collections::HashMap,
    env,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::shim;

/// This program itself, whatever lies at its path by now.
const OWN_PROGRAM: &str = "/proc/self/exe";

/// A process to start.
#[derive(Debug, Clone, Default)]
pub struct Launch {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// The working folder.
    pub cwd: PathBuf,
    /// Variables on top of the agent's own.
    pub environment: HashMap<String, String>,
    /// Whether the app speaks the control protocol.
    pub control: bool,
    /// Whether its output is labelled as an installation's.
    pub install: bool,
    /// Whether what runs goes on beside it.
    pub beside: bool,
}

/// Why nothing can be started. Fits after "failed to start:".
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LaunchError {
    /// There is no program.
    #[error("the command is empty")]
    Empty,
    /// The working folder is not there.
    #[error("the working folder {0} is not there")]
    Folder(String),
    /// The program is not there.
    #[error("{0}: not found")]
    NotFound(String),
    /// The program is there but is not one.
    #[error("{0}: not executable")]
    NotExecutable(String),
    /// A variable has no name, or one that cannot be.
    #[error("{0:?} is not the name of an environment variable")]
    Variable(String),
}

impl Launch {
    /// Returns the command of its shim, with the program looked up in the PATH that the app will have.
    pub fn command(&self) -> Result<Command, LaunchError> {
        let program = self.argv.first().filter(|word| !word.is_empty()).ok_or(LaunchError::Empty)?;
        if !self.cwd.is_dir() {
            return Err(LaunchError::Folder(self.cwd.display().to_string()));
        }
        if let Some(name) = self.environment.keys().find(|name| name.is_empty() || name.contains(['=', '\0'])) {
            return Err(LaunchError::Variable(name.clone()));
        }
        let mut command = Command::new(OWN_PROGRAM);
        command
            .arg(shim::COMMAND)
            .arg(self.find(program)?)
            .arg(program)
            .args(self.argv.iter().skip(1))
            .current_dir(&self.cwd)
            .envs(&self.environment)
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Ok(command)
    }

    fn find(&self, program: &str) -> Result<PathBuf, LaunchError> {
        let mut denied = None;
        for candidate in self.candidates(program) {
            let Ok(metadata) = candidate.metadata() else { continue };
            if metadata.is_file() && metadata.permissions().mode() & 0o111 != 0 {
                return Ok(candidate);
            }
            denied = Some(candidate);
        }
        Err(match denied {
            Some(path) => LaunchError::NotExecutable(path.display().to_string()),
            None => LaunchError::NotFound(program.to_owned()),
        })
    }

    fn candidates(&self, program: &str) -> Vec<PathBuf> {
        if program.contains('/') {
            return vec![self.cwd.join(program)];
        }
        let path = self.environment.get("PATH").cloned().or_else(|| env::var("PATH").ok());
        let path = path.unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
        path.split(':').map(|folder| self.cwd.join(folder).join(Path::new(program))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(program: &str) -> Launch {
        Launch { argv: vec![program.into()], cwd: "/".into(), ..Launch::default() }
    }

    #[test]
    fn the_program_is_looked_up_in_the_path_that_the_app_will_have() {
        assert!(launch("sh").command().is_ok());
        let mut elsewhere = launch("sh");
        elsewhere.environment.insert("PATH".into(), "/nowhere:/proc".into());
        assert_eq!(elsewhere.command().err(), Some(LaunchError::NotFound("sh".into())));
    }

    #[test]
    fn what_cannot_be_started_is_named() {
        assert_eq!(launch("").command().err(), Some(LaunchError::Empty));
        assert_eq!(launch("/etc/passwd").command().err(), Some(LaunchError::NotExecutable("/etc/passwd".into())));
        let nowhere = Launch { cwd: "/nowhere".into(), ..launch("sh") };
        assert_eq!(nowhere.command().err(), Some(LaunchError::Folder("/nowhere".into())));
        let mut odd = launch("sh");
        odd.environment.insert("A=B".into(), String::new());
        assert_eq!(odd.command().err(), Some(LaunchError::Variable("A=B".into())));
    }
}
