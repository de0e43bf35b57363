//! `agent shim`: the parent of one app process.
//!
//! What the app starts stays below it, also what is detached from its own parent: it is a subreaper, as in
//! PR_SET_CHILD_SUBREAPER(2const). So what belongs to one process is told from what belongs to another, and each can be
//! ended alone. A container's control groups would tell it too, but engines mount them read-only.
//!
//! The standard input is one end of a socket pair. On it the shim says what became of the app, a line each: `started PID`,
//! or `failed ERRNO`; then `exited STATUS`, as wait(2) has it. It ends once nothing is left below it.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Write},
    os::{
        fd::AsFd,
        unix::{net::UnixStream, process::CommandExt},
    },
    process::{Command, Stdio},
};

use rustix::{
    io::Errno,
    process::{DumpableBehavior, WaitOptions, getpid, set_child_subreaper, set_dumpable_behavior, wait},
    stdio::{dup2_stderr, dup2_stdout},
};

/// The command of this program that is a shim. Its arguments are the program, the name that it is called by, and its own
/// arguments.
pub const COMMAND: &str = "shim";

/// What a shim says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// The app runs, with this number.
    Started(i32),
    /// The kernel refused to start it.
    Failed(i32),
    /// It has ended, with this status as in wait(2).
    Exited(i32),
}

impl Report {
    /// Reads a line.
    pub fn parse(line: &str) -> Option<Self> {
        let (word, number) = line.trim_end().split_once(' ')?;
        let number = number.parse().ok()?;
        match word {
            "started" if number > 0 => Some(Self::Started(number)),
            "failed" => Some(Self::Failed(number)),
            "exited" => Some(Self::Exited(number)),
            _ => None,
        }
    }

    fn line(self) -> String {
        match self {
            Self::Started(pid) => format!("started {pid}\n"),
            Self::Failed(errno) => format!("failed {errno}\n"),
            Self::Exited(status) => format!("exited {status}\n"),
        }
    }
}

/// Starts the app, and collects everything below it until nothing is left.
pub fn run(words: &[OsString]) -> io::Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    set_child_subreaper(Some(getpid()))?;
    let mut reports = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    // Where nobody hears it any more, there is nobody to tell, and what is below is ended all the same.
    let mut report = |report: Report| drop(reports.write_all(report.line().as_bytes()));
    let [program, name, arguments @ ..] = words else { return Err(io::Error::from(io::ErrorKind::InvalidInput)) };
    let mut command = Command::new(program);
    let child = match command.arg0(name).args(arguments).process_group(0).stdin(Stdio::null()).spawn() {
        Ok(child) => i32::try_from(child.id()).map_err(io::Error::other)?,
        Err(error) => {
            report(Report::Failed(error.raw_os_error().unwrap_or_default()));
            return Ok(());
        }
    };
    // The app's output ends when the app and all that it started have closed it.
    let null = File::options().write(true).open("/dev/null")?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)?;
    report(Report::Started(child));
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid.as_raw_pid() == child => report(Report::Exited(status.as_raw())),
            Ok(_) | Err(Errno::INTR) => {}
            // Nothing is left.
            Err(_) => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_as_it_was_written() {
        for report in [Report::Started(7), Report::Failed(13), Report::Exited(9)] {
            assert_eq!(Report::parse(&report.line()), Some(report));
        }
        assert_eq!(Report::parse("started 0\n"), None);
        assert_eq!(Report::parse("exited\n"), None);
    }
}
