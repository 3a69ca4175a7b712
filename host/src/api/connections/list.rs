//! The caller's connections, page by page.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use leno_base::Owner;
use leno_connections::ConnectionView;
use leno_db::{ConnectionFilter, ConnectionRow, Position};
use leno_metadata::{PieceName, Problem as Fault};
use serde::Serialize;

use super::{permitted, refused};
use crate::{
    api::{App, schema},
    edge::{
        Rejection,
        authorization::Authorized,
        extract::{Query, json_size},
    },
    identity::Permission,
};

/// Connections of a page by default.
const LIMIT: usize = 100;
/// The largest page.
const MAX_LIMIT: usize = 1_000;

/// Rows that are read at once: with the largest metadata they come to about a page.
const AT_ONCE: usize = 64;

/// A page. `next` and `previous` go into `cursor`.
#[derive(Serialize)]
struct Page<'a> {
    data: Vec<ConnectionView<'a>>,
    next: Option<String>,
    previous: Option<String>,
}

/// Lists the caller's connections, the newest first.
#[utoipa::path(
    get,
    path = "/api/app-connections",
    operation_id = "listConnections",
    tag = "connections",
    params(
        ("pieceName" = Option<String>, Query, description = "The piece, in either form of its name."),
        ("displayName" = Option<String>, Query, description = "A part of the display name; case does not matter."),
        ("status" = Option<Vec<schema::ConnectionStatus>>, Query, description = "One or more states; repeated or separated by commas."),
        ("scope" = Option<schema::ConnectionScope>, Query, description = "The scope."),
        ("limit" = Option<u32>, Query, description = "The maximum number of connections; 100 if absent. A page of large rows has fewer.", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "`next` or `previous` of another page."),
        ("projectId" = Option<String>, Query, description = "Accepted for compatibility and ignored: connections belong to users."),
    ),
    responses((status = 200, description = "A page.", body = schema::ConnectionPage)),
)]
pub(in crate::api) async fn list(
    Authorized(caller): Authorized,
    State(app): State<Arc<App>>,
    query: Query,
) -> Result<Response, Rejection> {
    let owner = permitted(&caller, Permission::ViewConnections)?;
    let wanted = Wanted::parse(&query)?;
    let (mut rows, more) = rows(&app, &owner, &wanted).await?;
    let Wanted { from, backwards, .. } = wanted;
    if backwards {
        rows.reverse();
    }
    let cursor = |row: Option<&ConnectionRow>, backwards| row.map(|row| write_cursor(&position(row), backwards));
    let (after, before) = if backwards { (true, more) } else { (more, from.is_some()) };
    let page = Page {
        next: after.then(|| cursor(rows.last(), false)).flatten(),
        previous: before.then(|| cursor(rows.first(), true)).flatten(),
        data: rows.iter().map(|row| app.connections.view(row)).collect(),
    };
    Ok(Json(page).into_response())
}

/// The rows of a page, and whether there are more: as many as are wanted, and as fit into a page, but one at least.
async fn rows(app: &App, owner: &Owner, wanted: &Wanted) -> Result<(Vec<ConnectionRow>, bool), Rejection> {
    let Wanted { filter, limit, from, backwards } = wanted;
    let (mut rows, mut bytes) = (Vec::<ConnectionRow>::new(), 0);
    loop {
        let from = rows.last().map(position).or_else(|| from.clone());
        // One more than wanted shows whether there is a further page.
        let count = (limit + 1 - rows.len()).min(AT_ONCE);
        let part =
            app.connections.list(owner, filter, from.as_ref(), *backwards, i64::try_from(count).unwrap_or(1)).await;
        let part = part.map_err(refused)?;
        let last = part.len() < count;
        for row in part {
            bytes += json_size(&app.connections.view(&row));
            if rows.len() == *limit || (!rows.is_empty() && app.page.allows(bytes).is_err()) {
                return Ok((rows, true));
            }
            rows.push(row);
        }
        if last {
            return Ok((rows, false));
        }
    }
}

fn position(row: &ConnectionRow) -> Position {
    (row.created_at, row.id.clone())
}

/// The filters of a list.
struct Wanted {
    filter: ConnectionFilter,
    limit: usize,
    from: Option<Position>,
    backwards: bool,
}

impl Wanted {
    fn parse(query: &Query) -> Result<Self, Rejection> {
        let mut problems = Vec::new();
        let mut wanted = Self { filter: ConnectionFilter::default(), limit: LIMIT, from: None, backwards: false };
        match query.limit(MAX_LIMIT) {
            Ok(limit) => wanted.limit = limit.unwrap_or(LIMIT),
            Err(fault) => problems.push(fault),
        }
        match query.get("cursor").map(read_cursor) {
            None => {}
            Some(Some((from, backwards))) => (wanted.from, wanted.backwards) = (Some(from), backwards),
            Some(None) => problems.push(Fault::new("cursor", "must be `next` or `previous` of a page of this host")),
        }
        for status in query.all("status").flat_map(|value| value.split(',')).map(str::trim) {
            match status.parse() {
                _ if status.is_empty() => {}
                Ok(status) => wanted.filter.states.push(status),
                Err(error) => problems.push(Fault::new("status", leno_db::InvalidState::to_string(&error))),
            }
        }
        wanted.filter.states.sort();
        wanted.filter.states.dedup();
        match query.get("scope") {
            None | Some("") => {}
            Some(scope @ ("PROJECT" | "PLATFORM")) => wanted.filter.scope = Some(scope.to_owned()),
            Some(_) => problems.push(Fault::new("scope", "must be PROJECT or PLATFORM")),
        }
        wanted.filter.display_name = query.get("displayName").filter(|text| !text.is_empty()).map(str::to_owned);
        wanted.filter.piece_names = query.get("pieceName").filter(|text| !text.is_empty()).map(|name| {
            match name.parse::<PieceName>() {
                Ok(name) => [name.short().to_owned(), name.package()],
                // A name that is none may have been stored all the same.
                Err(_) => [name.to_owned(), name.to_owned()],
            }
        });
        if problems.is_empty() { Ok(wanted) } else { Err(Rejection::invalid_query(problems)) }
    }
}

/// The position of a page, for clients to send back. It contains only what they have received.
fn write_cursor((created_at, id): &Position, backwards: bool) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}{created_at}:{id}", if backwards { '<' } else { '>' }))
}

fn read_cursor(text: &str) -> Option<(Position, bool)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let (backwards, rest) = match text.strip_prefix('<') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('>')?),
    };
    let (created_at, id) = rest.split_once(':')?;
    if id.contains('\0') {
        return None;
    }
    Some(((created_at.parse().ok()?, id.to_owned()), backwards))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is() {
        for (position, backwards) in [((0, String::new()), true), ((1_795_311_849_000, "abc:d".into()), false)] {
            assert_eq!(read_cursor(&write_cursor(&position, backwards)), Some((position, backwards)));
        }
        for text in ["", "!", "PDA", "next", &URL_SAFE_NO_PAD.encode("1:a"), &URL_SAFE_NO_PAD.encode(">x:a")] {
            assert_eq!(read_cursor(text), None, "{text}");
        }
    }
}
