//! One problem of a document: its place, and what to do.

use std::fmt;

use serde::{Deserialize, Serialize};

/// At most this many problems are kept; the last entry then says how many more there were.
///
/// One broken row in a list of a million would otherwise become a million sentences.
pub const MAX_PROBLEMS: usize = 100;

/// One fault of a document or an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}: {message}", if path.is_empty() { "(document)" } else { path })]
pub struct Problem {
    /// Where: a JSON pointer (RFC 6901) into the document that was checked; empty for the document itself.
    pub path: String,
    /// What is wrong and what to do, for a person to read. Never holds a secret.
    pub message: String,
}

impl Problem {
    /// A problem at a JSON pointer.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

/// All problems of a document, in the order they were found. Never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// The problems, first found first.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Always false for what this crate returns.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl From<Vec<Problem>> for Problems {
    fn from(problems: Vec<Problem>) -> Self {
        Self(problems)
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// Collects problems while a document is walked.
#[derive(Default)]
pub(crate) struct Report {
    problems: Vec<Problem>,
    omitted: usize,
}

impl Report {
    /// Adds a problem. The text is only built while there is room for it.
    pub(crate) fn add(&mut self, at: &At<'_>, message: impl fmt::Display) {
        if !self.is_full() {
            self.problems.push(Problem::new(at.to_string(), message.to_string()));
        } else {
            self.omitted += 1;
        }
    }

    /// Whether further problems are only counted.
    pub(crate) fn is_full(&self) -> bool {
        self.problems.len() >= MAX_PROBLEMS
    }

    /// Counts a problem beyond the limit.
    pub(crate) fn omit(&mut self) {
        self.omitted += 1;
    }

    pub(crate) fn append(&mut self, other: Self) {
        self.omitted += other.omitted;
        for problem in other.problems {
            self.push(problem);
        }
    }

    pub(crate) fn push(&mut self, problem: Problem) {
        if !self.is_full() {
            self.problems.push(problem);
        } else {
            self.omitted += 1;
        }
    }

    /// Whether a problem at this place is known already.
    pub(crate) fn covers(&self, at: &At<'_>) -> bool {
        let path = at.to_string();
        self.problems.iter().any(|problem| problem.path == path)
    }

    /// The value when nothing was wrong, else everything that was.
    pub(crate) fn finish<T>(mut self, value: T) -> Result<T, Problems> {
        if self.problems.is_empty() {
            return Ok(value);
        }
        if self.omitted > 0 {
            self.problems.push(Problem::new("", format!("{} more problems are not listed", self.omitted)));
        }
        Err(Problems(self.problems))
    }
}

/// A place in a document, kept as a chain on the stack and written as a JSON pointer only when needed.
#[derive(Clone, Copy)]
pub(crate) enum At<'a> {
    Root,
    Key(&'a At<'a>, &'a str),
    Index(&'a At<'a>, usize),
}

impl<'a> At<'a> {
    pub(crate) fn key(&'a self, key: &'a str) -> At<'a> {
        At::Key(self, key)
    }

    pub(crate) fn index(&'a self, index: usize) -> At<'a> {
        At::Index(self, index)
    }

    /// How many steps from the root.
    pub(crate) fn depth(&self) -> usize {
        let mut depth = 0;
        let mut at = self;
        while let At::Key(parent, _) | At::Index(parent, _) = at {
            depth += 1;
            at = parent;
        }
        depth
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            At::Root => Ok(()),
            At::Key(parent, key) => {
                parent.fmt(f)?;
                f.write_str("/")?;
                // RFC 6901, section 3.
                for c in key.chars() {
                    match c {
                        '~' => f.write_str("~0")?,
                        '/' => f.write_str("~1")?,
                        c => fmt::Write::write_char(f, c)?,
                    }
                }
                Ok(())
            }
            At::Index(parent, index) => {
                parent.fmt(f)?;
                write!(f, "/{index}")
            }
        }
    }
}
