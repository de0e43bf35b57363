//! What is asked of every stack.

use crate::{
    domain::{
        error::Error,
        ids::FilePath,
        reason::Reason,
        runtime::{InstallPlan, ReloadPlan, RunPlan, StartPlan},
    },
    stack::{project::Project, readers::cause::Reader, shell::shell, signs::Signs},
};

/// What is known of one stack. What a method does of itself fits most of them.
pub(in crate::stack) trait Kind: Sync {
    /// Puts down what a folder shows of this kind.
    ///
    /// # Errors
    /// `BadManifest` when a manifest that tells cannot be read.
    fn show(&self, project: &Project<'_>, signs: &mut Signs) -> Result<(), Error>;

    /// Returns up to which size, in bytes, a file is read because it may be what is started, or `None` if it is not. `depth`
    /// is the number of folders that it is in.
    fn entry(&self, _path: &FilePath, _depth: usize) -> Option<u64> {
        None
    }

    /// Plans a project. With `start` a command of its own starts it, so that nothing has to be found that would.
    ///
    /// # Errors
    /// `BadManifest` when a manifest cannot be read, `StackNotFound` when there is nothing to start.
    fn plan(&self, project: &Project<'_>, start: Option<&str>, notes: &mut Vec<String>) -> Result<RunPlan, Error>;

    /// Puts a command of the project's own in place of what was planned.
    ///
    /// # Errors
    /// `BadManifest` when a manifest that says how it is told of changes cannot be read.
    fn start_by(&self, start: &mut StartPlan, _project: &Project<'_>, command: &str) -> Result<(), Error> {
        start.argv = shell(&[], &[], command);
        start.reload = ReloadPlan::Restart;
        Ok(())
    }

    /// Puts before what starts a project what has to be done in its container first, and says so.
    ///
    /// # Errors
    /// `BadManifest` when a manifest cannot be read.
    fn before_start(
        &self,
        _project: &Project<'_>,
        _start: &mut StartPlan,
        _notes: &mut Vec<String>,
    ) -> Result<(), Error> {
        Ok(())
    }

    /// Returns the variables that tell an app its port, where it has them.
    fn port_variables(&self) -> &'static [&'static str] {
        &["PORT"]
    }

    /// Returns the commands by which an installation of the project's own is run.
    fn install_by(&self, commands: &[String]) -> Vec<String> {
        commands.to_vec()
    }

    /// Returns the installation of a plan with the packages bundled that its pages import, where that can be done without the
    /// project's sources.
    fn prebundle(&self, _project: &Project<'_>, _plan: &RunPlan) -> Option<InstallPlan> {
        None
    }

    /// Says what is left out of an installation that is not the project's own.
    ///
    /// # Errors
    /// `BadManifest` when a manifest cannot be read.
    fn note_install(&self, _project: &Project<'_>, _notes: &mut Vec<String>) -> Result<(), Error> {
        Ok(())
    }

    /// Returns the files that an installation is blamed on where no line is known, the likeliest first. One alone is blamed
    /// though nothing is installed from it.
    fn manifests(&self) -> &'static [&'static str] {
        &["package.json"]
    }

    /// Returns what reads the log of a process that failed, in the order in which it is asked.
    fn readers(&self) -> &'static [Reader];

    /// Returns the reason of a failure that the app itself reports in a sentence.
    fn reported(&self) -> Reason {
        Reason::Failed
    }

    /// Returns the paths that people look at where the one that an app is asked for is not there.
    fn pages(&self) -> &'static [&'static str] {
        &[]
    }
}
