//! The routes.

use jiff::Timestamp;
use reqwest::Url;
use serde_json::{Value, json};

use super::asked::{Asked, error, not_found};
use super::hooks;
use super::reply::Reply;
use super::state::{State, TOKEN, user};
use crate::upstream::Received;

pub(super) fn answer(state: &mut State, request: &Received) -> Reply {
    if request.header("authorization") != Some(&format!("token {TOKEN}")) {
        return error(401, "user does not exist [uid: 0, name: ]");
    }
    let base = Url::parse("http://forgejo").expect("a URL");
    let Ok(url) = base.join(&request.target) else { return not_found() };
    let asked = Asked::new(request, &url);
    let path: Vec<&str> = url.path_segments().into_iter().flatten().collect();
    match (request.method.as_str(), path.as_slice()) {
        ("GET", ["api", "v1", "user"]) => Reply::json(200, user()),
        ("GET", ["api", "v1", "user", "repos"]) => {
            let all = state.repositories.iter().map(|repository| repository.shown()).collect();
            page(state, &asked, all)
        }
        ("GET", ["api", "v1", "repos", "search"]) => {
            let text = asked.query("q").unwrap_or_default();
            let found = state.repositories.iter().filter(|repository| repository.name.contains(text));
            let found: Vec<Value> = found.map(|repository| repository.shown()).collect();
            Reply::json(200, json!({"ok": true, "data": found}))
        }
        (method, ["api", "v1", "repos", owner, name, rest @ ..]) => {
            let name = format!("{owner}/{name}");
            if state.repository(&name).is_none() {
                return not_found();
            }
            match (method, rest) {
                ("GET", ["labels"]) => labels(state, &name, &asked),
                ("GET", ["issues"]) => issues(state, &name, &asked),
                ("POST", ["issues"]) => create_issue(state, &name, &asked),
                ("POST", ["issues", number, "comments"]) => add_comment(state, &name, number, &asked),
                ("POST", ["hooks"]) => hooks::create(state, &name, &asked),
                ("DELETE", ["hooks", id]) => hooks::delete(state, &name, id),
                _ => not_found(),
            }
        }
        _ => not_found(),
    }
}

/// One page of `all`, with the headers of `SetLinkHeader` and `SetTotalCountHeader`.
fn page(state: &State, asked: &Asked<'_>, all: Vec<Value>) -> Reply {
    let (number, size) = (asked.number("page", 1), asked.number("limit", state.largest_page).min(state.largest_page));
    let (total, last) = (all.len(), all.len().div_ceil(size).max(1));
    let items: Vec<Value> = all.into_iter().skip((number - 1) * size).take(size).collect();
    let mut links = Vec::new();
    let mut link = |page: usize, rel: &str| {
        let asked_for = format!("page={number}");
        let target = asked.target.replace(&asked_for, &format!("page={page}"));
        links.push(format!("<https://git.example.com{target}>; rel=\"{rel}\""));
    };
    if number < last {
        link(number + 1, "next");
        link(last, "last");
    }
    if number > 1 {
        link(1, "first");
        link(number - 1, "prev");
    }
    let reply = Reply::json(200, items.into()).header("x-total-count", total.to_string());
    if links.is_empty() { reply } else { reply.header("link", links.join(",")) }
}

fn labels(state: &mut State, name: &str, asked: &Asked<'_>) -> Reply {
    let Some(repository) = state.repository(name) else { return not_found() };
    let all = repository.labels.iter().map(|(id, _)| repository.label(*id)).collect();
    page(state, asked, all)
}

fn issues(state: &mut State, name: &str, asked: &Asked<'_>) -> Reply {
    let since = match asked.query("since").map(str::parse::<Timestamp>) {
        None => None,
        Some(Ok(since)) => Some(since),
        Some(Err(problem)) => return error(422, &problem.to_string()),
    };
    let Some(repository) = state.repository(name) else { return not_found() };
    let wanted: Vec<&str> = asked.query("labels").into_iter().flat_map(|labels| labels.split(',')).collect();
    let has =
        |labels: &[u64], name: &str| repository.labels.iter().any(|(id, label)| *label == name && labels.contains(id));
    let fits = repository.issues.iter().filter(|issue| {
        // All issues are open.
        asked.query("state") != Some("closed")
            && since.is_none_or(|since| issue.updated >= since)
            && wanted.iter().all(|name| has(&issue.labels, name))
            && asked.query("q").is_none_or(|text| issue.title.contains(text))
    });
    let newest_first = fits.rev().map(|issue| repository.issue(issue)).collect();
    page(state, asked, newest_first)
}

fn create_issue(state: &mut State, name: &str, asked: &Asked<'_>) -> Reply {
    if asked.text("title").is_empty() {
        return error(422, "[Title]: Required");
    }
    let labels: Vec<u64> = asked.body["labels"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
    let number = state.open(name, asked.text("title"), asked.text("body"), &labels);
    let Some(repository) = state.repository(name) else { return not_found() };
    let issue = repository.issues.iter().find(|issue| issue.number == number);
    issue.map_or_else(not_found, |issue| Reply::json(201, repository.issue(issue)))
}

fn add_comment(state: &mut State, name: &str, number: &str, asked: &Asked<'_>) -> Reply {
    if asked.text("body").is_empty() {
        return error(422, "[Body]: Required");
    }
    let (id, now) = (state.fresh_id(), state.tick());
    let issues = state.repository(name).map(|repository| &mut repository.issues);
    let issue = issues.into_iter().flatten().find(|issue| issue.number.to_string() == number);
    let Some(issue) = issue else { return not_found() };
    (issue.comments, issue.updated) = (issue.comments + 1, now);
    let url = format!("https://git.example.com/{name}/issues/{number}#issuecomment-{id}");
    let now = now.to_string();
    let body = asked.text("body");
    Reply::json(
        201,
        json!({"id": id, "html_url": url, "user": user(), "body": body, "created_at": now, "updated_at": now}),
    )
}
