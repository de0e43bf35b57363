//! What the classic builder's output says of its steps.
//!
//! What a step of the project's own prints is in the same text and may look like the builder's: it is believed no
//! further than the builder's first line lets a build go.

use std::collections::VecDeque;

use crate::domain::limits::MAX_LOG_LINE_BYTES;

/// How many of the last lines are kept.
const LAST_LINES: usize = 30;
/// How many steps are followed: Dockerfiles have tens.
const MOST_STEPS: usize = 1000;

/// What is known of a build's steps.
#[derive(Debug, Default)]
pub(super) struct Steps {
    last_lines: VecDeque<String>,
    stages: Vec<Vec<String>>,
    made: Vec<String>,
    /// The number of the step that runs, and of how many. Its first line comes before any output of a step.
    number: usize,
    total: usize,
    /// Whether the step that runs makes no image of its own.
    found: bool,
    /// Whether the image of the step that runs was told.
    told: bool,
    /// The beginning of a line, of which the rest is to come.
    pending: String,
    /// Whether `pending` goes on with a line that was too long.
    continued: bool,
}

impl Steps {
    /// Returns the images of every step, by stage, in the order they were made.
    pub(super) fn stages(&self) -> &[Vec<String>] {
        &self.stages
    }

    /// Returns those of them that this build made and found in no cache.
    pub(super) fn made(&self) -> &[String] {
        &self.made
    }

    /// Returns the last lines of the output, oldest first.
    pub(super) fn into_last_lines(self) -> Vec<String> {
        self.last_lines.into()
    }

    /// Takes a piece of output and returns the lines that it completes. A line beyond [`MAX_LOG_LINE_BYTES`] comes in
    /// parts.
    pub(super) fn take(&mut self, output: &str) -> Vec<String> {
        let mut lines = vec![];
        for piece in output.split_inclusive('\n') {
            let mut rest = piece.trim_end_matches('\n');
            while self.pending.len() + rest.len() > MAX_LOG_LINE_BYTES {
                let (fits, others) = rest.split_at(rest.floor_char_boundary(MAX_LOG_LINE_BYTES - self.pending.len()));
                self.pending.push_str(fits);
                rest = others;
                self.complete(&mut lines);
                self.continued = true;
            }
            self.pending.push_str(rest);
            if piece.ends_with('\n') {
                self.complete(&mut lines);
                self.continued = false;
            }
        }
        lines
    }

    fn complete(&mut self, lines: &mut Vec<String>) {
        let line = std::mem::take(&mut self.pending);
        let line = line.trim_end();
        if line.is_empty() {
            return;
        }
        if !self.continued {
            self.note(line);
        }
        if self.last_lines.len() == LAST_LINES {
            self.last_lines.pop_front();
        }
        self.last_lines.push_back(line.to_owned());
        lines.push(line.to_owned());
    }

    fn note(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().take(4).collect();
        match words[..] {
            ["Step", place, ":", instruction] => self.begin(place, instruction),
            ["--->", "Using", "cache"] => self.found = true,
            ["--->", id] if id.len() == 12 && id.bytes().all(|it| it.is_ascii_hexdigit()) => self.tell(id),
            _ => {}
        }
    }

    /// Notes that a step begins, if it is the next one.
    fn begin(&mut self, place: &str, instruction: &str) {
        let Some((number, total)) = place.split_once('/') else { return };
        let (Ok(number), Ok(total)) = (number.parse(), total.parse()) else { return };
        if self.total == 0 {
            self.total = std::cmp::min(total, MOST_STEPS);
        }
        if number != self.number + 1 || number > self.total {
            return;
        }
        self.number = number;
        self.told = false;
        self.found = instruction.eq_ignore_ascii_case("from");
        if self.found {
            self.stages.push(vec![]);
        }
    }

    /// Notes the image of the step that runs: the last that was told, as the builder tells it at the step's end.
    fn tell(&mut self, id: &str) {
        let told = std::mem::replace(&mut self.told, true);
        let note = |ids: &mut Vec<String>| {
            if told {
                ids.pop();
            }
            ids.push(id.to_owned());
        };
        if let Some(stage) = self.stages.last_mut() {
            note(stage);
            if !self.found {
                note(&mut self.made);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_images_of_each_stage_are_read_from_the_output() {
        let mut steps = Steps::default();
        let lines =
            steps.take("Step 1/4 : FROM a AS x\n ---> 0123456789ab\nStep 2/4 : RUN y\n ---> Running in ffffffffffff\n");
        assert_eq!(lines.len(), 4);
        assert!(steps.take(" ---> aaaaaaaa").is_empty());
        steps.take("aaaa\nStep 3/4 : from b\n ---> Using cache\n ---> bbbbbbbbbbbb\n");
        assert_eq!(steps.stages, [vec!["0123456789ab", "aaaaaaaaaaaa"], vec!["bbbbbbbbbbbb"]]);
        assert_eq!(steps.made, ["aaaaaaaaaaaa"]);
    }

    #[test]
    fn what_a_step_prints_is_not_taken_for_more_steps() {
        let mut steps = Steps::default();
        steps.take("Step 1/2 : FROM a\n ---> 0123456789ab\nStep 2/2 : RUN y\n");
        for step in 0..10_000 {
            steps.take(&format!(" ---> {step:012x}\nStep {step}/10000 : FROM x\nStep 1/1 : FROM x\n"));
        }
        steps.take(" ---> aaaaaaaaaaaa\n");
        assert_eq!(steps.stages, [vec!["0123456789ab", "aaaaaaaaaaaa"]]);
        assert_eq!(steps.made, ["aaaaaaaaaaaa"]);
    }

    #[test]
    fn output_without_an_end_of_line_comes_in_parts() {
        let mut steps = Steps::default();
        let chunk = "x".repeat(100_000);
        let mut lines: Vec<String> = (0..100).flat_map(|_| steps.take(&chunk)).collect();
        lines.extend(steps.take("\n"));
        assert_eq!(lines.iter().map(String::len).sum::<usize>(), 100 * chunk.len());
        assert!(lines.iter().all(|line| line.len() <= MAX_LOG_LINE_BYTES));
        assert!(steps.pending.capacity() <= 2 * MAX_LOG_LINE_BYTES);
    }

    #[test]
    fn the_last_lines_are_kept() {
        let mut steps = Steps::default();
        for line in 0..100 {
            steps.take(&format!("line {line}\n"));
        }
        let lines = steps.into_last_lines();
        assert_eq!(lines.len(), LAST_LINES);
        assert_eq!(lines.first().map(String::as_str), Some("line 70"));
    }
}
