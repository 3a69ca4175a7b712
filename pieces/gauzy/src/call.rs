//! A request to Gauzy before it is sent: it can be sent again, and says in errors what it was for.

use std::fmt::Display;

use leno_sdk::prelude::*;

/// The most rows that Gauzy gives out at once.
pub(crate) const PAGE: u32 = 100;

/// A request below `/api`.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: &'static str,
    /// Begins with a slash.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Option<Value>,
}

impl Call {
    pub(crate) fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), query: Vec::new(), body: None }
    }

    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new("GET", path)
    }

    pub(crate) fn post(path: impl Into<String>, body: Value) -> Self {
        Self { body: Some(body), ..Self::new("POST", path) }
    }

    pub(crate) fn put(path: impl Into<String>, body: Value) -> Self {
        Self { body: Some(body), ..Self::new("PUT", path) }
    }

    pub(crate) fn delete(path: impl Into<String>) -> Self {
        Self::new("DELETE", path)
    }

    pub(crate) fn query(mut self, name: &str, value: impl Display) -> Self {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    /// A condition. Lists want them in brackets: as JSON they are refused, and without any too.
    pub(crate) fn only(self, column: &str, value: impl Display) -> Self {
        self.query(&format!("where[{column}]"), value)
    }

    /// The related rows to be in the answer.
    pub(crate) fn with(mut self, relations: &[&str]) -> Self {
        for (number, relation) in relations.iter().enumerate() {
            self = self.query(&format!("relations[{number}]"), relation);
        }
        self
    }

    /// What it is, for people: `GET /tasks`.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}
