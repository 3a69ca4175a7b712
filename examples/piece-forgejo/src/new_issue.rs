//! A trigger that polls.

use leno_sdk::prelude::*;

use crate::api::{self, PAGE, Page};
use crate::choices::repositories;
use crate::model::{Issue, RepositoryName};

#[derive(Props)]
pub struct Watched {
    #[prop(options = repositories, refresh_on_search)]
    repository: RepositoryName,
}

pub struct NewIssue;

/// Fires for every issue that is opened. Works where the server cannot reach the flow; *Repository event* is faster.
#[trigger(schedule = "*/5 * * * *", sample = json!({
    "id": 71, "number": 7, "title": "It hurts", "body": "When I do this.", "state": "open",
    "html_url": "https://git.example.com/ada/engine/issues/7", "user": {"login": "ada"},
    "labels": [{"id": 1, "name": "bug"}], "comments": 0,
    "created_at": "2026-01-01T10:00:00Z", "updated_at": "2026-01-01T10:00:00Z"
}))]
impl Polling for NewIssue {
    type Props = Watched;
    type Item = Issue;
    const STRATEGY: Strategy = Strategy::TimeBased;

    fn items(_: &Context, props: &Watched, since: &Since) -> Result<Vec<Entry<Issue>>> {
        let mut entries = Vec::new();
        for number in 1.. {
            // `since` means the last change, so issues may come that are older and known. They are newest first.
            let request = api::get(&props.repository.path("/issues"))?
                .query("type", "issues")
                .query("state", "all")
                .query_opt("since", since.time);
            let Page { items, is_last, .. } = api::page::<Issue>(request, number, PAGE)?;
            let oldest = items.last().and_then(|issue| issue.created_at.parse::<DateTime>().ok());
            entries.extend(items.into_iter().map(|issue| Entry::at(issue.id, issue.created_at.parse(), issue)));
            // Without a known issue, the first page is enough.
            if is_last || since.time.is_none() || oldest < since.time {
                break;
            }
        }
        Ok(entries)
    }
}
