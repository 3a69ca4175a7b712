//! What a request asks for, and how it is refused.

use std::borrow::Cow;
use std::collections::BTreeMap;

use reqwest::Url;
use serde_json::{Value, json};

use super::reply::Reply;
use crate::upstream::Received;

/// What a request asks for.
pub(super) struct Asked<'r> {
    pub(super) target: &'r str,
    query: BTreeMap<Cow<'r, str>, Cow<'r, str>>,
    pub(super) body: Value,
}

impl<'r> Asked<'r> {
    /// Reads a request to `url`.
    pub(super) fn new(request: &'r Received, url: &'r Url) -> Self {
        Self {
            target: &request.target,
            query: url.query_pairs().collect(),
            body: serde_json::from_slice(&request.body).unwrap_or_default(),
        }
    }

    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(|value| &**value).filter(|value| !value.is_empty())
    }

    pub(super) fn number(&self, name: &str, default: usize) -> usize {
        self.query(name).and_then(|value| value.parse().ok()).filter(|number| *number > 0).unwrap_or(default)
    }

    pub(super) fn text(&self, member: &str) -> &str {
        self.body[member].as_str().unwrap_or_default()
    }
}

/// `APIError`, and `APINotFound` without its list.
pub(super) fn error(status: u16, message: &str) -> Reply {
    Reply::json(status, json!({"message": message, "url": "https://git.example.com/api/swagger"}))
}

pub(super) fn not_found() -> Reply {
    error(404, "The target couldn't be found.")
}
