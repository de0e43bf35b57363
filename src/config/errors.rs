//! What is wrong with settings.

use std::fmt;

use super::settings;

/// One setting and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}={value:?}: {problem}")]
pub struct ConfigError {
    /// The variable.
    pub name: String,
    /// Its value.
    pub value: String,
    /// What is wrong, and what would be valid.
    pub problem: String,
}

/// Everything that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the settings are not valid:")?;
        self.0.iter().try_for_each(|error| write!(f, "\n  {error}"))
    }
}

/// Returns what is wrong with a variable that is no setting.
pub(super) fn no_setting(name: &str, value: &str) -> ConfigError {
    let problem = format!("is no setting; the nearest is {}", settings::nearest(name));
    ConfigError { name: name.to_owned(), value: value.to_owned(), problem }
}
