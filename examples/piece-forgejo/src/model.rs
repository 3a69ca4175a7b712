//! What the server has, under its own names.

use leno_sdk::http::percent_encode;
use serde::{Deserialize, Serialize};

/// The name of a repository: `owner/name`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepositoryName {
    owner: String,
    name: String,
}

impl RepositoryName {
    /// The path of something in the repository, below `/api/v1`; `rest` begins with a slash.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/repos/{}/{}{rest}", percent_encode(&self.owner), percent_encode(&self.name))
    }
}

impl TryFrom<String> for RepositoryName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        // A URL parser would take dots for a path.
        let is_name = |part: &str| !matches!(part, "" | "." | "..");
        match text.trim().split_once('/') {
            Some((owner, name)) if is_name(owner) && is_name(name) && !name.contains('/') => {
                Ok(Self { owner: owner.to_owned(), name: name.to_owned() })
            }
            _ => Err(format!("`{text}` is not a repository; write OWNER/NAME")),
        }
    }
}

impl From<RepositoryName> for String {
    fn from(RepositoryName { owner, name }: RepositoryName) -> Self {
        format!("{owner}/{name}")
    }
}

#[derive(Debug, Deserialize, Serialize)]
pub struct Repository {
    pub id: u64,
    pub full_name: String,
    pub description: String,
    pub private: bool,
    pub archived: bool,
    pub html_url: String,
    pub default_branch: String,
    pub open_issues_count: u64,
    pub updated_at: String,
}

#[derive(Debug, Deserialize, Serialize)]
pub struct Issue {
    pub id: u64,
    /// The number in its repository: the 7 of `#7`.
    pub number: u64,
    pub title: String,
    pub body: String,
    /// `open` or `closed`.
    pub state: String,
    pub html_url: String,
    pub user: User,
    pub labels: Vec<Label>,
    pub comments: u64,
    pub created_at: String,
    pub updated_at: String,
}

#[derive(Debug, Deserialize, Serialize)]
pub struct User {
    pub login: String,
}

#[derive(Debug, Deserialize, Serialize)]
pub struct Label {
    pub id: u64,
    pub name: String,
}

#[derive(Debug, Deserialize, Serialize)]
pub struct Comment {
    pub id: u64,
    pub body: String,
    pub html_url: String,
    pub user: User,
    pub created_at: String,
}
