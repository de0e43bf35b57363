//! Gathers what is wrong with a request.

use std::str::FromStr;

use crate::domain::{
    error::{Error, FieldViolation},
    ids::{BranchName, InvalidName},
    limits::MAX_MESSAGE_BYTES,
};

/// The most violations that are kept: a request of millions of wrong values must not become millions of answers.
const MAX_VIOLATIONS: usize = 1_000;
/// The longest list of values of one enum.
const MAX_ENUM_LIST: usize = 100;

/// The violations found so far. Each check returns `None` when it has added one.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<FieldViolation>);

impl Fields {
    /// Returns the request, or everything that is wrong with it.
    pub(super) fn finish<T>(self, request: impl FnOnce() -> Option<T>) -> Result<T, Error> {
        if !self.0.is_empty() {
            return Err(Error::InvalidArgument(self.0));
        }
        request().ok_or_else(|| Error::internal("convert a request", "a check found fault without saying so"))
    }

    /// Adds a violation.
    pub(super) fn fail<T>(&mut self, field: impl Into<String>, description: impl Into<String>) -> Option<T> {
        self.take(Err(FieldViolation::new(field, description)))
    }

    /// Adds the violation of a check that found one.
    pub(super) fn take<T>(&mut self, checked: Result<T, FieldViolation>) -> Option<T> {
        match checked {
            Ok(value) => Some(value),
            Err(violation) => {
                if self.0.len() < MAX_VIOLATIONS {
                    self.0.push(violation);
                }
                None
            }
        }
    }

    /// Checks a name that must be given.
    pub(super) fn name<T: FromStr<Err = InvalidName>>(&mut self, field: &str, text: &str) -> Option<T> {
        self.take(text.parse().map_err(|InvalidName(problem)| FieldViolation::new(field, problem)))
    }

    /// Checks a name that may be left out.
    pub(super) fn optional_name<T: FromStr<Err = InvalidName>>(
        &mut self,
        field: &str,
        text: &str,
    ) -> Option<Option<T>> {
        if text.is_empty() { Some(None) } else { self.name(field, text).map(Some) }
    }

    /// Checks a branch, which is `main` where it is left out.
    pub(super) fn branch(&mut self, text: &str) -> Option<BranchName> {
        self.optional_name("branch", text).map(Option::unwrap_or_default)
    }

    /// Checks a text that may be left out: its length, and that it has no NUL.
    pub(super) fn text(&mut self, field: &str, text: String, most_bytes: usize) -> Option<Option<String>> {
        if text.len() > most_bytes {
            return self.fail(field, format!("must have at most {most_bytes} bytes, has {}", text.len()));
        }
        if text.contains('\0') {
            return self.fail(field, "must not have NUL characters");
        }
        Some(Some(text).filter(|text| !text.is_empty()))
    }

    /// Checks a commit message.
    pub(super) fn message(&mut self, text: String) -> Option<Option<String>> {
        self.text("message", text, MAX_MESSAGE_BYTES)
    }

    /// Checks the number of an enum, and returns what it stands for.
    pub(super) fn variant<P: TryFrom<i32>, T>(
        &mut self,
        field: &str,
        number: i32,
        meaning: impl FnOnce(P) -> T,
    ) -> Option<T> {
        match P::try_from(number) {
            Ok(variant) => Some(meaning(variant)),
            Err(_) => self.fail(field, format!("has no value {number}")),
        }
    }

    /// Checks the numbers of a list of enums, and returns what they stand for.
    pub(super) fn variants<P: TryFrom<i32>, T>(
        &mut self,
        field: &str,
        numbers: &[i32],
        meaning: impl Fn(P) -> T,
    ) -> Option<Vec<T>> {
        if numbers.len() > MAX_ENUM_LIST {
            return self.fail(field, format!("must be at most {MAX_ENUM_LIST}, are {}", numbers.len()));
        }
        let numbered = numbers.iter().enumerate();
        let known: Vec<T> = numbered
            .filter_map(|(index, number)| self.variant(&format!("{field}[{index}]"), *number, &meaning))
            .collect();
        (known.len() == numbers.len()).then_some(known)
    }
}
