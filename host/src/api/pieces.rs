//! What pieces there are and what each can do: metadata in Activepieces' shape.

use std::{collections::BTreeSet, convert::Infallible, sync::Arc};

use axum::{
    Json,
    body::Body,
    extract::State,
    response::{IntoResponse as _, Response},
};
use futures_util::stream;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use leno_metadata::{Category, InvalidVersionReq, Problem as Fault, VersionReq};
use leno_pieces::Version;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{App, lookup, schema};
use crate::edge::{
    Rejection,
    authorization::Authorized,
    extract::{Path, Query},
};

/// The largest limit that a request may name.
const MAX_LIMIT: usize = 1_000;

/// The origin of a piece's metadata, as its rows name it.
const PLATFORM: &str = "OFFICIAL";

/// Lists the pieces, each in its newest version, by display name.
#[utoipa::path(
    get,
    path = "/api/pieces",
    operation_id = "listPieces",
    tag = "pieces",
    params(
        ("searchQuery" = Option<String>, Query, description = "A part of the display name or the name; case does not matter."),
        ("categories" = Option<Vec<String>>, Query,
            description = "One or more categories; case does not matter; repeated or separated by commas."),
        ("limit" = Option<u32>, Query, description = "The maximum number of pieces; all if absent.", minimum = 1, maximum = 1000),
        ("view" = Option<schema::View>, Query,
            description = "`summary` counts actions and triggers; `full` lists them, as `GET /api/pieces/{name}` does."),
    ),
    responses((status = 200, description = "The pieces.", body = Vec<schema::PieceSummary>)),
)]
pub(super) async fn list(_: Authorized, State(app): State<Arc<App>>, query: Query) -> Result<Response, Rejection> {
    let wanted = Wanted::parse(&query)?;
    let mut versions = app.registry.latest();
    versions.retain(|version| wanted.includes(version));
    versions.truncate(wanted.limit.unwrap_or(usize::MAX));
    let end = if versions.is_empty() { "[]" } else { "]" }.to_owned();
    // Each row is made when the client has taken those before it: metadata of many pieces is large.
    let rows = versions.into_iter().enumerate().map(move |(index, version)| {
        let metadata = version.piece.metadata();
        let row = row(&version, if wanted.full { metadata.full() } else { metadata.summary() });
        format!("{}{row}", if index == 0 { "[" } else { "," })
    });
    let text = rows.chain(std::iter::once(end)).map(Ok::<_, Infallible>);
    let mut response = Response::new(Body::from_stream(stream::iter(text)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// The filters of a list.
struct Wanted {
    search: Option<String>,
    /// `None`: all of them.
    categories: Option<BTreeSet<String>>,
    limit: Option<usize>,
    full: bool,
}

impl Wanted {
    fn parse(query: &Query) -> Result<Self, Rejection> {
        let mut problems = Vec::new();
        let limit = query.limit(MAX_LIMIT).unwrap_or_else(|fault| {
            problems.push(fault);
            None
        });
        let full = match query.get("view") {
            None | Some("summary") => false,
            Some("full") => true,
            Some(_) => {
                problems.push(Fault::new("view", "must be `summary` or `full`"));
                false
            }
        };
        if !problems.is_empty() {
            return Err(Rejection::invalid_query(problems));
        }
        let categories: BTreeSet<String> = query
            .all("categories")
            .flat_map(|value| value.split(','))
            .map(|name| name.trim().to_ascii_uppercase())
            .filter(|name| !name.is_empty())
            .collect();
        Ok(Self {
            search: query.get("searchQuery").map(str::to_lowercase),
            categories: Some(categories).filter(|categories| !categories.is_empty()),
            limit,
            full,
        })
    }

    fn includes(&self, version: &Version) -> bool {
        let metadata = version.piece.metadata();
        let found = self.search.as_ref().is_none_or(|search| {
            metadata.display_name.to_lowercase().contains(search) || metadata.name.package().contains(search)
        });
        let listed =
            |wanted: &BTreeSet<String>| metadata.categories.iter().any(|category| wanted.contains(&word(*category)));
        found && self.categories.as_ref().is_none_or(listed)
    }
}

/// The category as it is written in documents.
fn word(category: Category) -> String {
    serde_json::to_value(category).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Returns a piece: its auth, actions, triggers and their properties.
#[utoipa::path(
    get,
    path = "/api/pieces/{name}",
    operation_id = "getPiece",
    tag = "pieces",
    params(
        ("name" = String, Path, description = "`text`, or `@activepieces/piece-text` with the slash as `%2F`.", example = "text"),
        ("version" = Option<String>, Query,
            description = "Exact (`1.2.0`), `~1.2.0` or `^1.2.0`; the newest if absent.", example = "^0.1.0"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` that the client has."),
    ),
    responses(
        (status = 200, description = "The piece.", body = schema::Piece,
            headers(("ETag" = String, description = "Changes with the component's bytes."))),
        (status = 304, description = "The client's copy is current."),
        (status = 404, description = "No such piece or version; the response lists the alternatives."),
    ),
)]
pub(super) async fn show(
    _: Authorized,
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Rejection> {
    answer(&app, &name, &query, &headers)
}

/// The same, for a name whose slash is not escaped: `/api/pieces/@activepieces/piece-text`.
#[utoipa::path(
    get,
    path = "/api/pieces/{scope}/{name}",
    operation_id = "getScopedPiece",
    tag = "pieces",
    params(
        ("scope" = String, Path, description = "`@activepieces`", example = "@activepieces"),
        ("name" = String, Path, description = "`piece-text`", example = "piece-text"),
        ("version" = Option<String>, Query, description = "As for the short form."),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` that the client has."),
    ),
    responses(
        (status = 200, description = "The piece.", body = schema::Piece,
            headers(("ETag" = String, description = "Changes with the component's bytes."))),
        (status = 304, description = "The client's copy is current."),
        (status = 404, description = "No such piece or version; the response lists the alternatives."),
    ),
)]
pub(super) async fn show_scoped(
    _: Authorized,
    State(app): State<Arc<App>>,
    Path((scope, name)): Path<(String, String)>,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Rejection> {
    answer(&app, &format!("{scope}/{name}"), &query, &headers)
}

fn answer(app: &App, name: &str, query: &Query, headers: &HeaderMap) -> Result<Response, Rejection> {
    let wanted = query.get("version").unwrap_or_default();
    let wanted: VersionReq = wanted
        .parse()
        .map_err(|error: InvalidVersionReq| Rejection::invalid_query(vec![Fault::new("version", error.to_string())]))?;
    let version = lookup::find(&app.registry, &lookup::piece_name(&app.registry, name)?, &wanted)?;

    // Weak: the dates in the document are when this process loaded the piece.
    let tag = format!("W/\"{}\"", version.piece.digest());
    let had = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let fresh = had.into_iter().any(|value| has_tag(value, &tag));
    let headers = [
        (header::ETAG, HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("W/\"\""))),
        // Private to the caller, and revalidated each time: a version's file may be replaced.
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
    ];
    if fresh {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    Ok((headers, Json(row(&version, version.piece.metadata().full()))).into_response())
}

/// Whether an `If-None-Match` value names `tag`, by weak comparison (RFC 9110, section 13.1.2).
fn has_tag(value: &str, tag: &str) -> bool {
    fn opaque(tag: &str) -> &str {
        tag.trim().trim_start_matches("W/")
    }
    value.trim() == "*" || value.split(',').any(|given| opaque(given) == opaque(tag))
}

/// A row of Activepieces' `piece_metadata` table: the document, and the members that belong to its storage.
fn row(version: &Version, document: Value) -> Value {
    let metadata = version.piece.metadata();
    let loaded = Timestamp::from_millisecond(version.since_ms).map(|time| format!("{time:.3}")).unwrap_or_default();
    let mut row = Map::new();
    row.insert("id".into(), id(metadata.name.short(), &metadata.version.to_string()).into());
    // Activepieces' names for the dates, then those of the rows that its metadata is stored in.
    for name in ["created", "updated", "createdAt", "updatedAt"] {
        row.insert(name.into(), loaded.clone().into());
    }
    row.insert("platformId".into(), PLATFORM.into());
    row.insert("projectUsage".into(), json!(0));
    row.insert("digest".into(), version.piece.digest().to_string().into());
    row.insert("auth".into(), Value::Null);
    if let Value::Object(members) = document {
        row.extend(members);
    }
    Value::Object(row)
}

/// The same for the same name and version, on every host.
fn id(name: &str, version: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(format!("leno:piece:{name}@{version}")).into();
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest).for_each(|(byte, from)| *byte = from);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn tags_compare_weakly_and_in_lists() {
        for (value, expected) in [
            ("W/\"a\"", true),
            ("\"a\"", true),
            ("\"b\", W/\"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("a", false),
            ("", false),
        ] {
            assert_eq!(has_tag(value, "W/\"a\""), expected, "{value}");
        }
    }

    #[test]
    fn an_id_depends_on_name_and_version_alone() {
        assert_eq!(id("text", "1.0.0"), id("text", "1.0.0"));
        assert_ne!(id("text", "1.0.0"), id("text", "1.0.1"));
        assert!(Uuid::parse_str(&id("text", "1.0.0")).is_ok());
    }
}
