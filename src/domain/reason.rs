//! The stable words by which programs know why something failed.

use serde::{Deserialize, Serialize};
use strum::{EnumIter, EnumString, IntoStaticStr};

/// Why something failed. The word is in [`crate::domain::failure::Failure`], and in the `ErrorInfo` of a call that was
/// refused; `proto/preview/v1/preview.proto` lists those of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, EnumString, IntoStaticStr, Serialize, Deserialize)]
#[serde(into = "&'static str", from = "String")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Reason {
    // What is asked for.
    /// The branch has no files.
    EmptyProject,
    /// The tree has what no project may have.
    UnusableTree,
    /// Nothing says what kind of project it is.
    StackNotFound,
    /// A manifest cannot be read, or says what cannot be done.
    BadManifest,
    /// It is more than may be brought or built.
    TooLarge,
    /// It could not be read from the versioned store.
    Unreadable,

    // What it takes to run.
    /// A base image cannot be had.
    ImageUnavailable,
    /// An installation failed; the message says at what.
    InstallFailed,
    /// A build failed, or a development server refuses what it was told of.
    BuildFailed,
    /// It took longer than it may.
    Timeout,
    /// The container of an installation ended.
    Interrupted,
    /// The files could not be brought into the container.
    SyncFailed,
    /// The app could not be started.
    NotStarted,

    // What the app does.
    /// It is misspelt.
    SyntaxError,
    /// A type is wrong.
    TypeError,
    /// A name is imported that is not there.
    ImportError,
    /// A module is imported that is not there.
    ModuleNotFound,
    /// An environment variable is not set.
    MissingVariable,
    /// Any other error of the project's code.
    Exception,
    /// A module of the page does not compile.
    TransformFailed,
    /// The app says itself what is wrong.
    Failed,
    /// The start command names a program that is not there.
    CommandNotFound,
    /// The port is taken.
    PortInUse,
    /// The app ended.
    Exited,
    /// The app ended again and again.
    CrashLoop,
    /// It needed more memory than it may have.
    OutOfMemory,
    /// It listens on no port.
    NotListening,
    /// It listens, and does not answer.
    NotAnswering,
    /// It expects TLS at the port of the page.
    SpeaksTls,
    /// The page is an error, and nothing says which.
    PageError,

    // What is below it.
    /// The container was lost.
    ContainerLost,
    /// The engine does not answer.
    EngineUnavailable,
    /// The engine refuses.
    EngineRefused,
    /// A fault of the service.
    Internal,

    // Only of calls that are refused.
    /// A field of the request is wrong.
    InvalidArgument,
    /// There is no such preview.
    PreviewNotFound,
    /// There is no such project.
    ProjectNotFound,
    /// There is no such branch.
    BranchNotFound,
    /// There is no such commit.
    CommitNotFound,
    /// There is no such file.
    FileNotFound,
    /// There is such a branch.
    BranchExists,
    /// Another request had the id.
    RequestIdReused,
    /// The branch has moved.
    StaleHead,
    /// The preview is in a phase in which this cannot be done.
    WrongPhase,
    /// There is no more of something.
    Exhausted,
}

impl Reason {
    /// Returns the word, in upper case.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns whether it says nothing of the project: the engine is away, or has lost what it had.
    pub fn is_engines(self) -> bool {
        matches!(self, Self::EngineUnavailable | Self::ContainerLost)
    }
}

/// What another version of the service has stored may have words that this one does not know.
impl From<String> for Reason {
    fn from(word: String) -> Self {
        word.parse().unwrap_or(Self::Internal)
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PartialEq<&str> for Reason {
    fn eq(&self, word: &&str) -> bool {
        self.as_str() == *word
    }
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;

    #[test]
    fn the_contract_lists_every_word_of_a_failure_and_no_other() {
        let contract = include_str!("../../proto/preview/v1/preview.proto");
        let (_, failure) = contract.split_once("message Failure {").unwrap();
        let (comment, _) = failure.split_once("string reason").unwrap();
        let listed: Vec<&str> = comment
            .split(|c: char| !(c.is_ascii_uppercase() || c == '_'))
            .filter(|word| word.len() > 3 && word.parse::<Reason>().is_ok())
            .collect();
        let of_calls = Reason::iter().skip_while(|reason| *reason != Reason::InvalidArgument).count();
        let expected: Vec<&str> = Reason::iter().take(Reason::iter().count() - of_calls).map(Reason::as_str).collect();
        assert_eq!(listed, expected);
    }

    #[test]
    fn words_are_stored_and_those_of_other_versions_are_taken() {
        assert_eq!(serde_json::to_string(&Reason::SpeaksTls).unwrap(), r#""SPEAKS_TLS""#);
        assert_eq!(serde_json::from_str::<Reason>(r#""SPEAKS_TLS""#).unwrap(), Reason::SpeaksTls);
        assert_eq!(serde_json::from_str::<Reason>(r#""OF_TOMORROW""#).unwrap(), Reason::Internal);
    }
}
