//! What the server has.

use std::collections::VecDeque;

use jiff::{Timestamp, ToSpan as _};
use serde_json::{Value, json};

use super::reply::Reply;
use crate::upstream::Received;

/// The token of the user `ada`.
pub const TOKEN: &str = "d1a7c3f0b5e94862ad7701c2ce5f83b9a0e6d4f1";

#[derive(Debug)]
pub(super) struct State {
    pub(super) repositories: Vec<Repository>,
    pub(super) received: Vec<Received>,
    /// Responses to the next requests.
    pub(super) instead: VecDeque<Reply>,
    pub(super) largest_page: usize,
    now: Timestamp,
    last_id: u64,
}

#[derive(Debug)]
pub(super) struct Repository {
    pub(super) name: &'static str,
    pub(super) labels: Vec<(u64, &'static str)>,
    pub(super) issues: Vec<Issue>,
    pub(super) hooks: Vec<Hook>,
}

#[derive(Debug)]
pub(super) struct Issue {
    pub(super) id: u64,
    pub(super) number: u64,
    pub(super) title: String,
    pub(super) body: String,
    pub(super) labels: Vec<u64>,
    pub(super) comments: u64,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
}

#[derive(Debug)]
pub(super) struct Hook {
    pub(super) id: u64,
    pub(super) url: String,
    pub(super) secret: String,
    pub(super) events: Vec<String>,
}

impl Default for State {
    fn default() -> Self {
        let repository = |name, labels| Repository { name, labels, issues: Vec::new(), hooks: Vec::new() };
        Self {
            repositories: vec![
                repository("ada/engine", vec![(3, "bug"), (4, "wish")]),
                repository("ada/notes", Vec::new()),
            ],
            received: Vec::new(),
            instead: VecDeque::new(),
            // Forgejo's default, `MAX_RESPONSE_ITEMS`.
            largest_page: 50,
            now: Timestamp::from_second(1_767_261_600).expect("2026-01-01T10:00:00Z"),
            last_id: 70,
        }
    }
}

impl State {
    /// A second later than the last time.
    pub(super) fn tick(&mut self) -> Timestamp {
        self.now = self.now.checked_add(1.second()).expect("tests end before the calendar");
        self.now
    }

    pub(super) fn fresh_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn repository(&mut self, name: &str) -> Option<&mut Repository> {
        self.repositories.iter_mut().find(|repository| repository.name == name)
    }

    /// Opens an issue. Returns its number.
    ///
    /// # Panics
    /// When there is no such repository.
    pub(super) fn open(&mut self, repository: &str, title: &str, body: &str, labels: &[u64]) -> u64 {
        let (id, now) = (self.fresh_id(), self.tick());
        let issues = &mut self.repository(repository).expect("the repository").issues;
        let number = issues.len() as u64 + 1;
        let (title, body, labels) = (title.to_owned(), body.to_owned(), labels.to_vec());
        issues.push(Issue { id, number, title, body, labels, comments: 0, created: now, updated: now });
        number
    }

    pub(super) fn titles(&mut self, repository: &str) -> Vec<String> {
        let issues = self.repository(repository).map(|repository| &repository.issues);
        issues.into_iter().flatten().map(|issue| issue.title.clone()).collect()
    }
}

impl Repository {
    pub(super) fn shown(&self) -> Value {
        json!({
            "id": 5, "name": self.name.split('/').next_back(), "full_name": self.name, "description": "",
            "private": false, "archived": false, "fork": false, "default_branch": "main",
            "html_url": format!("https://git.example.com/{}", self.name), "open_issues_count": self.issues.len(),
            "updated_at": "2026-01-01T10:00:00Z", "owner": user(),
        })
    }

    pub(super) fn label(&self, id: u64) -> Value {
        let name = self.labels.iter().find(|(known, _)| *known == id).map(|(_, name)| *name);
        json!({"id": id, "name": name, "color": "ee0701", "exclusive": false, "is_archived": false, "description": ""})
    }

    pub(super) fn issue(&self, issue: &Issue) -> Value {
        let labels: Vec<Value> = issue.labels.iter().map(|id| self.label(*id)).collect();
        json!({
            "id": issue.id, "number": issue.number, "user": user(), "title": issue.title, "body": issue.body,
            "html_url": format!("https://git.example.com/{}/issues/{}", self.name, issue.number),
            "labels": labels, "milestone": null, "assignees": null, "state": "open", "is_locked": false,
            "comments": issue.comments, "created_at": issue.created.to_string(), "updated_at": issue.updated.to_string(),
            "closed_at": null, "due_date": null, "pull_request": null,
        })
    }
}

/// The user of all requests.
pub(super) fn user() -> Value {
    json!({"id": 1, "login": "ada", "full_name": "Ada", "email": "ada@noreply.localhost", "is_admin": false})
}
