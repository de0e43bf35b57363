//! What an app does: its own files say so.
//!
//! A line of a file that has `fake:` in it decides; later files, in the order of their paths, outdo earlier ones:
//!
//! ```text
//! # fake: takes 3000       answers only after so many milliseconds
//! # fake: answers 500      answers with that status
//! # fake: hangs            never listens
//! # fake: exits 3          ends with that status instead of answering
//! # fake: dies 3 after 50  ends with that status so many milliseconds after its first answer
//! # fake: breaks           a development server that cannot show the change
//! ```

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;

/// What an app does once it is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Script {
    /// How long it takes until it answers, or ends.
    pub(super) takes: Duration,
    /// What it comes to.
    pub(super) outcome: Outcome,
    /// Whether it says of a change that it cannot be shown.
    pub(super) breaks: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It answers with a status, and perhaps ends by itself later.
    Answers { status: u16, dies: Option<(Duration, i32)> },
    /// It ends.
    Exits(i32),
    /// It neither answers nor ends.
    Hangs,
}

impl Script {
    /// Reads what the app of these files does.
    pub(super) fn of(files: &BTreeMap<String, Bytes>) -> Self {
        let answers = Outcome::Answers { status: 200, dies: None };
        let mut script = Self { takes: Duration::from_millis(10), outcome: answers, breaks: false };
        for content in files.values() {
            let Ok(text) = std::str::from_utf8(content) else { continue };
            for line in text.lines() {
                if let Some((_, words)) = line.split_once("fake:") {
                    script.hear(words);
                }
            }
        }
        script
    }

    fn hear(&mut self, words: &str) {
        let words: Vec<&str> = words.split_whitespace().collect();
        match words.as_slice() {
            ["takes", millis] => self.takes = Duration::from_millis(millis.parse().unwrap_or_default()),
            ["answers", status] => {
                self.outcome = Outcome::Answers { status: status.parse().unwrap_or(200), dies: None };
            }
            ["hangs"] => self.outcome = Outcome::Hangs,
            ["exits", code] => self.outcome = Outcome::Exits(code.parse().unwrap_or(1)),
            ["dies", code, "after", millis] => {
                let after = Duration::from_millis(millis.parse().unwrap_or_default());
                let dies = Some((after, code.parse().unwrap_or(1)));
                self.outcome = Outcome::Answers { status: 200, dies };
            }
            ["breaks"] => self.breaks = true,
            _ => {}
        }
    }
}
