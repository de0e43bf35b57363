//! Where answers go: JSON lines, or tables and lines for people.

use std::{
    io::{self, IsTerminal, Write},
    path::Path,
    process,
    time::Duration,
};

use comfy_table::{Table, presets::NOTHING};
use indicatif::{ProgressBar, ProgressStyle};
use prost::Message;

use super::{describe, errors::Failed, exit::OK, files, json};
use crate::proto::preview::v1 as proto;

/// Writes what a command has to say.
pub(super) struct Output {
    json: bool,
}

impl Output {
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Writes a message: as JSON, or else the text that is made of it.
    pub(super) fn message<M: Message>(&self, name: &str, message: &M, text: impl FnOnce(&M) -> String) {
        if self.json {
            line(&json::object(name, message).to_string());
        } else {
            line(text(message).trim_end());
        }
    }

    /// Writes messages as one JSON line each, or as a table.
    pub(super) fn table<M: Message, const COLUMNS: usize>(
        &self,
        name: &str,
        messages: &[M],
        header: [&str; COLUMNS],
        row: impl Fn(&M) -> [String; COLUMNS],
    ) {
        if self.json {
            messages.iter().for_each(|message| line(&json::object(name, message).to_string()));
            return;
        }
        let mut table = Table::new();
        table.load_preset(NOTHING).set_header(header).add_rows(messages.iter().map(row));
        table.to_string().lines().for_each(|text| line(text.trim()));
    }

    /// Returns whether JSON was asked for.
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// Writes whether the service can serve.
    pub(super) fn health(&self, status: String) {
        line(&if self.json { serde_json::json!({ "status": status }).to_string() } else { status });
    }

    /// Writes bytes as they are.
    pub(super) fn raw(&self, bytes: &[u8]) {
        if io::stdout().lock().write_all(bytes).is_err() {
            process::exit(OK.into());
        }
    }

    /// Writes why a command failed, on standard error.
    pub(super) fn failed(&self, failed: &Failed) {
        eprintln!("{}", if self.json { failed.to_json().to_string() } else { failed.to_text() });
    }

    /// Returns the files of a folder, none for none, and says what of it is left out.
    pub(super) fn folder(&self, path: Option<&Path>) -> Result<Vec<proto::File>, Failed> {
        let Some(path) = path else { return Ok(Vec::new()) };
        let folder = files::folder(path)?;
        for text in &folder.left_out {
            eprintln!(
                "{}",
                if self.json { serde_json::json!({ "warning": text }).to_string() } else { format!("warning: {text}") }
            );
        }
        Ok(folder.files)
    }

    /// Shows that something is waited for, if somebody looks, until it is dropped.
    pub(super) fn waiting(&self, what: &str) -> Waiting {
        if self.json || !io::stderr().is_terminal() {
            return Waiting(None);
        }
        let bar = ProgressBar::new_spinner().with_message(what.to_owned());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Waiting(Some(bar))
    }
}

/// A sign that something is waited for.
pub(super) struct Waiting(Option<ProgressBar>);

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// Returns everything about a preview that people want to know.
pub(super) fn preview(preview: &proto::Preview) -> String {
    let limits = preview.limits.unwrap_or_default();
    let rows = [
        ("preview", preview.preview_id.clone()),
        ("project", format!("{} ({})", preview.project_id, preview.branch)),
        ("stack", describe::stack(preview)),
        ("phase", describe::phase(preview)),
        ("url", preview.url.clone()),
        ("commit", preview.commit_id.clone()),
        ("head", preview.head_commit_id.clone()),
        ("answers", preview.http_status.map(|status| status.to_string()).unwrap_or_default()),
        ("ports", describe::ports(preview)),
        ("container", preview.container_name.clone()),
        ("limits", format!("{} MiB, {} CPU, {} pids", limits.memory_bytes / 1024 / 1024, limits.cpus, limits.pids)),
        ("created", describe::time_text(preview.created_at)),
        ("last used", describe::time_text(preview.last_accessed_at)),
        ("expires", describe::time_text(preview.expires_at)),
    ];
    let mut text = String::new();
    for (name, value) in rows {
        text.push_str(&format!("{name:<10} {value}\n"));
    }
    for note in &preview.notes {
        text.push_str(&format!("{:<10} {note}\n", "warning"));
    }
    if let Some(failure) = &preview.failure {
        text.push_str(&describe::failure(failure));
    }
    text
}

/// Writes a line, and ends quietly where nobody reads on: `previewd logs | head`.
fn line(text: &str) {
    if writeln!(io::stdout().lock(), "{text}").is_err() {
        process::exit(OK.into());
    }
}
