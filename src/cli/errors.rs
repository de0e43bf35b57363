//! Why a command failed, for people and for programs.

use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// Why a command failed.
#[derive(Debug)]
pub(super) struct Failed {
    code: String,
    reason: String,
    message: String,
    violations: Vec<(String, String)>,
    head: Option<String>,
    /// Whether there was no answer of a service at all.
    unreached: bool,
}

impl Failed {
    /// Returns a failure that is not the service's.
    pub(super) fn local(message: impl Into<String>) -> Self {
        Self {
            code: snake(Code::InvalidArgument),
            reason: "LOCAL".to_owned(),
            message: message.into(),
            violations: Vec::new(),
            head: None,
            unreached: false,
        }
    }

    /// Names the address that was called, where nothing answered there.
    pub(super) fn at(mut self, address: &str) -> Self {
        if self.unreached {
            self.message = format!("no service answers at {address}: {}", self.message);
        }
        self
    }

    /// Names the files that the service numbers by their paths, as whoever gave a folder knows them.
    pub(super) fn naming(mut self, paths: &[String]) -> Self {
        let named = |text: &str| {
            let mut parts = text.split("files[");
            let mut whole = parts.next().unwrap_or_default().to_owned();
            for part in parts {
                let path = part.split_once(']').and_then(|(number, rest)| {
                    let path = paths.get(number.parse::<usize>().ok()?)?;
                    Some((path, rest.strip_prefix(".path").unwrap_or(rest)))
                });
                match path {
                    Some((path, rest)) => whole.extend([path.as_str(), rest]),
                    None => whole.extend(["files[", part]),
                }
            }
            whole
        };
        self.message = named(&self.message);
        for (field, description) in &mut self.violations {
            (*field, *description) = (named(field), named(description));
        }
        self
    }

    /// Returns the failure as one object.
    pub(super) fn to_json(&self) -> Value {
        let violations: Vec<Value> = self
            .violations
            .iter()
            .map(|(field, description)| json!({ "field": field, "description": description }))
            .collect();
        let mut object = json!({
            "code": self.code,
            "reason": self.reason,
            "message": self.message,
            "violations": violations,
        });
        if let Some(head) = &self.head {
            object["head"] = json!(head);
        }
        object
    }

    /// Returns the failure as lines.
    pub(super) fn to_text(&self) -> String {
        let mut text = format!("previewd: {} ({})", self.message, self.reason);
        // The message already has the only one.
        if self.violations.len() > 1 {
            for (field, description) in &self.violations {
                text.push_str(&format!("\n  {field}: {description}"));
            }
        }
        if let Some(head) = &self.head {
            text.push_str(&format!("\n  the head is {head}"));
        }
        text
    }
}

impl From<Status> for Failed {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info();
        let violations = details.bad_request().map(|request| request.field_violations.as_slice()).unwrap_or_default();
        Self {
            code: snake(status.code()),
            reason: info.map_or_else(|| snake(status.code()).to_uppercase(), |info| info.reason.clone()),
            message: message_of(&status),
            violations: violations.iter().map(|v| (v.field.clone(), v.description.clone())).collect(),
            head: info.and_then(|info| info.metadata.get("head").cloned()),
            // A status that a service has sent has no error below it.
            unreached: status.code() == Code::Unavailable && std::error::Error::source(&status).is_some(),
        }
    }
}

/// Returns the status's words; where the service was not reached, those of the connection.
fn message_of(status: &Status) -> String {
    let mut message = status.message().to_owned();
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        let text = error.to_string();
        if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        source = error.source();
    }
    message
}

/// Returns a code's name as programs expect it: `not_found`.
fn snake(code: Code) -> String {
    let mut text = String::new();
    for c in format!("{code:?}").chars() {
        if c.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_their_paths() {
        let paths = ["index.html".to_owned(), "a\\b.txt".to_owned()];
        let message = "files[1].path has a backslash; files[0] is large, and so is files[7].path of files[";
        let failed = Failed::from(Status::invalid_argument(message)).naming(&paths);
        let wanted = "a\\b.txt has a backslash; index.html is large, and so is files[7].path of files[";
        assert_eq!(failed.message, wanted);
    }
}
