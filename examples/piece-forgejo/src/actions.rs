//! The actions.

use leno_sdk::prelude::*;
use serde::Serialize;

use crate::api::{self, PAGE, Page};
use crate::choices::{issues, label_ids, label_names, repositories};
use crate::model::{Comment, Issue, Repository, RepositoryName};
use crate::once;

#[derive(Props)]
pub struct ListRepositories {
    #[prop(default = 1, min = 1)]
    page: u32,
    #[prop(default = PAGE, min = 1, max = PAGE, display_name = "Page size", advanced)]
    limit: u32,
}

/// One page of a list.
#[derive(Serialize)]
pub struct List<T> {
    items: Vec<T>,
    /// How many items all pages have together.
    total: Option<u64>,
    /// The next page, if there is one.
    next_page: Option<u32>,
}

impl<T> List<T> {
    fn new(Page { items, total, is_last }: Page<T>, page: u32) -> Self {
        Self { items, total, next_page: (!is_last).then(|| page.saturating_add(1)) }
    }
}

/// Lists the repositories that the user owns or works on.
#[action(classification = "READ", ai(idempotent = true))]
pub fn list_repositories(props: ListRepositories) -> Result<List<Repository>> {
    Ok(List::new(api::page(api::get("/user/repos")?, props.page, props.limit)?, props.page))
}

#[derive(Choice, Clone, Copy)]
pub enum State {
    Open,
    Closed,
    #[choice(label = "Open and closed")]
    All,
}

#[derive(Props)]
pub struct ListIssues {
    #[prop(options = repositories, refresh_on_search)]
    repository: RepositoryName,
    #[prop(default = State::Open)]
    state: State,
    /// Only issues that have all of these labels
    #[prop(default, options = label_names, refreshers("repository"))]
    labels: Vec<String>,
    /// Only issues with this text
    search: Option<String>,
    #[prop(default = 1, min = 1)]
    page: u32,
    #[prop(default = PAGE, min = 1, max = PAGE, display_name = "Page size", advanced)]
    limit: u32,
}

/// Lists the issues of a repository, newest first.
#[action(classification = "SEARCH", ai(idempotent = true))]
pub fn list_issues(props: ListIssues) -> Result<List<Issue>> {
    let state = match props.state {
        State::Open => "open",
        State::Closed => "closed",
        State::All => "all",
    };
    let labels = (!props.labels.is_empty()).then(|| props.labels.join(","));
    let request = api::get(&props.repository.path("/issues"))?
        .query("type", "issues")
        .query("state", state)
        .query_opt("labels", labels)
        .query_opt("q", props.search);
    Ok(List::new(api::page(request, props.page, props.limit)?, props.page))
}

#[derive(Props)]
pub struct CreateIssue {
    #[prop(options = repositories, refresh_on_search)]
    repository: RepositoryName,
    title: String,
    /// Markdown
    #[prop(default)]
    body: LongText,
    #[prop(default, options = label_ids, refreshers("repository"))]
    labels: Vec<u64>,
    /// User names
    #[prop(default)]
    assignees: Vec<String>,
}

/// Creates an issue. A retry of the same step returns the issue that the first attempt created.
#[action(classification = "WRITE", ai(idempotent = true), retry_on_failure(default = true))]
pub fn create_issue(ctx: &Context, props: CreateIssue) -> Result<Issue> {
    if props.title.trim().is_empty() {
        return Err(Error::invalid_input("no-title", "title: must not be empty"));
    }
    let body = json!({
        "title": props.title, "body": props.body.0, "labels": props.labels, "assignees": props.assignees,
    });
    let issue: Issue = once::post(ctx, &props.repository.path("/issues"), &body)?;
    log::info!(number = issue.number; "created {}", issue.html_url);
    Ok(issue)
}

#[derive(Props)]
pub struct AddComment {
    #[prop(options = repositories, refresh_on_search)]
    repository: RepositoryName,
    /// An open issue; any other by its number
    #[prop(options = issues, refreshers("repository"), refresh_on_search)]
    issue: u64,
    /// Markdown
    body: LongText,
}

/// Adds a comment to an issue. A retry of the same step returns the comment that the first attempt added.
#[action(classification = "WRITE", ai(idempotent = true), retry_on_failure(default = true))]
pub fn add_comment(ctx: &Context, props: AddComment) -> Result<Comment> {
    let path = props.repository.path(&format!("/issues/{}/comments", props.issue));
    once::post(ctx, &path, &json!({"body": props.body.0}))
}
