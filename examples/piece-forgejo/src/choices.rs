//! The options of the drop-down lists.

use leno_sdk::prelude::*;
use serde::Deserialize;

use crate::api::{self, PAGE, Page};
use crate::model::{Issue, Label, Repository, RepositoryName};

/// The most pages of labels to show.
const LABEL_PAGES: u32 = 10;

/// The user's repositories; with a search text, all that the user may see.
pub(crate) fn repositories(lookup: &Lookup<'_>) -> Result<Options> {
    #[derive(Deserialize)]
    struct Found {
        data: Vec<Repository>,
    }
    let repositories = match lookup.search() {
        None => api::page(api::get("/user/repos")?, 1, PAGE)?.items,
        Some(text) => {
            let request = api::get("/repos/search")?.query("q", text).query("limit", PAGE);
            api::send(request)?.json::<Found>()?.data
        }
    };
    Ok(repositories.into_iter().map(|Repository { full_name, .. }| (full_name.clone(), full_name)).collect())
}

/// The open issues of the repository, by number.
pub(crate) fn issues(lookup: &Lookup<'_>) -> Result<Options> {
    let Some(repository) = chosen(lookup)? else { return Ok(Options::disabled("Choose a repository first")) };
    let request = api::get(&repository.path("/issues"))?.query("type", "issues").query_opt("q", lookup.search());
    let found: Page<Issue> = api::page(request, 1, PAGE)?;
    Ok(found.items.into_iter().map(|issue| (format!("#{} {}", issue.number, issue.title), issue.number)).collect())
}

/// The labels of the repository by id, as new issues take them.
pub(crate) fn label_ids(lookup: &Lookup<'_>) -> Result<Options> {
    labels(lookup, |label| (label.name, json!(label.id)))
}

/// The labels of the repository by name, as lists of issues are filtered.
pub(crate) fn label_names(lookup: &Lookup<'_>) -> Result<Options> {
    labels(lookup, |label| (label.name.clone(), json!(label.name)))
}

fn labels(lookup: &Lookup<'_>, option: impl Fn(Label) -> (String, Value) + Copy) -> Result<Options> {
    let Some(repository) = chosen(lookup)? else { return Ok(Options::disabled("Choose a repository first")) };
    let mut options = Options::new();
    for number in 1..=LABEL_PAGES {
        let Page { items, is_last, .. } = api::page(api::get(&repository.path("/labels"))?, number, PAGE)?;
        options.extend(items.into_iter().map(option));
        if is_last {
            break;
        }
    }
    Ok(options)
}

fn chosen(lookup: &Lookup<'_>) -> Result<Option<RepositoryName>> {
    lookup.get("repository")
}
