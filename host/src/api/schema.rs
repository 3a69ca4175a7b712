//! Schemas of the OpenAPI document for what no type of the API holds: metadata rows, which are JSON all the way, and the
//! types of the rooms below, which know nothing of HTTP.
#![expect(dead_code, reason = "read by the schema derive only")]

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoResponses, ToSchema};

/// How a list shows each piece.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(super) enum View {
    Summary,
    Full,
}

/// One word.
#[derive(Serialize, ToSchema)]
pub(super) struct Status {
    #[schema(example = "ok")]
    pub(super) status: &'static str,
}

/// The members of a piece's metadata that every view has.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(super) struct PieceHead {
    /// The same for the same name and version.
    #[schema(format = "uuid")]
    id: String,
    /// When this process loaded it.
    #[schema(format = "date-time")]
    created: String,
    /// When this process loaded it.
    #[schema(format = "date-time")]
    updated: String,
    platform_id: String,
    project_usage: u32,
    /// SHA-256 of the component.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    digest: String,
    #[schema(example = "text")]
    name: String,
    #[schema(example = "0.1.0")]
    version: String,
    #[schema(example = "Text")]
    display_name: String,
    description: String,
    logo_url: String,
    authors: Vec<String>,
    categories: Vec<String>,
    /// One auth property, several, or null.
    auth: Value,
    minimum_supported_release: String,
    maximum_supported_release: String,
    #[schema(example = "CUSTOM")]
    piece_type: String,
    #[schema(example = "ARCHIVE")]
    package_type: String,
}

/// A piece in a list: actions and triggers are counted. With `view=full` they are listed, as in `Piece`.
#[derive(ToSchema)]
pub(super) struct PieceSummary {
    #[schema(inline)]
    #[serde(flatten)]
    head: PieceHead,
    /// A count, or the actions by name.
    #[schema(value_type = CountOrMap)]
    actions: (),
    /// A count, or the triggers by name.
    #[schema(value_type = CountOrMap)]
    triggers: (),
}

/// A count, or what is counted, by name.
#[derive(ToSchema)]
#[schema(as = CountOrMap)]
#[serde(untagged)]
pub(super) enum CountOrMap {
    Count(u32),
    Map(BTreeMap<String, Value>),
}

/// A piece: Activepieces' metadata of one version.
#[derive(ToSchema)]
pub(super) struct Piece {
    #[schema(inline)]
    #[serde(flatten)]
    head: PieceHead,
    /// By name: display name, description, `props` by name, whether a connection is required.
    actions: BTreeMap<String, Value>,
    /// By name: as actions, with the type and sample data.
    triggers: BTreeMap<String, Value>,
    /// Translations, by locale.
    i18n: BTreeMap<String, Value>,
}

/// The bytes of a component.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub(super) struct Component(Vec<u8>);

/// A form with a component.
#[derive(ToSchema)]
pub(super) struct UploadForm {
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// One log record of a piece.
#[derive(ToSchema)]
pub(super) struct LogLine {
    level: Level,
    /// One line; secrets are masked.
    message: String,
    /// Names and values. Absent when empty.
    fields: Option<Vec<[String; 2]>>,
}

/// The level of a log record.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(super) enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// What a call cost.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(super) struct Usage {
    /// CPU time in microseconds: guest code and host functions.
    cpu_micros: u64,
    /// Wall time in microseconds.
    wall_micros: u64,
    /// Peak memory in bytes.
    memory_bytes: u64,
    /// HTTP requests sent.
    http_requests: u32,
    /// Bytes of HTTP bodies received.
    bytes_in: u64,
    /// Bytes of HTTP bodies sent.
    bytes_out: u64,
    /// Calls of host functions.
    host_calls: u32,
}

/// One fault of a request.
#[derive(ToSchema)]
pub(super) struct Fault {
    /// Where: a JSON pointer into the request's body, or the name of a query parameter.
    #[schema(example = "/input/url")]
    path: String,
    /// What is wrong and what to do.
    message: String,
}

/// What to do about a failure.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(super) enum Kind {
    InvalidInput,
    Unauthorized,
    NotFound,
    RateLimited,
    Unavailable,
    Denied,
    Timeout,
    Internal,
}

/// The options of a dropdown, or the properties of a dynamic property.
#[derive(ToSchema)]
pub(super) struct Options {
    /// The type of the property.
    r#type: ResolvedKind,
    /// For a dropdown what may be chosen, for DYNAMIC the properties by name.
    #[schema(value_type = ChoicesOrMap)]
    options: (),
    /// Whether the property is disabled for now.
    disabled: Option<bool>,
    /// The text of an empty field.
    placeholder: Option<String>,
}

/// The types of properties that a piece resolves.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum ResolvedKind {
    Dropdown,
    MultiSelectDropdown,
    Dynamic,
}

/// Options, or properties by name.
#[derive(ToSchema)]
#[serde(untagged)]
pub(super) enum ChoicesOrMap {
    Choices(Vec<Choice>),
    Map(BTreeMap<String, Value>),
}

/// One option.
#[derive(ToSchema)]
pub(super) struct Choice {
    label: String,
    /// What the piece receives.
    value: Value,
}

/// The state of a connection.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum ConnectionStatus {
    /// It works, as far as this host can tell.
    Active,
    /// Its token has ended and cannot be renewed: its owner must connect again. It is used all the same.
    Expired,
    /// The provider refused the last three renewals of its token: `statusReason` has its words.
    Degraded,
    /// Flows refer to it, and it has no usable value.
    Missing,
    /// It does not work until its owner connects again: `statusReason` says why.
    Error,
}

/// Which users may use a connection.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum ConnectionScope {
    Project,
    Platform,
}

/// A connection without its value, which these routes never return.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(super) struct Connection {
    #[schema(example = "0a1b2c3d4e5f6g7h8i9j0")]
    id: String,
    display_name: String,
    /// The name that flows use.
    #[schema(example = "crm-main")]
    external_id: String,
    /// `SECRET_TEXT`, `BASIC_AUTH`, `CUSTOM_AUTH`, `OAUTH2`, `PLATFORM_OAUTH2`, `NO_AUTH`, or what was imported.
    #[schema(example = "OAUTH2")]
    r#type: String,
    status: ConnectionStatus,
    /// Why it does not work, or why its token was not renewed at the last attempt.
    #[schema(required = true)]
    status_reason: Option<String>,
    #[schema(required = true)]
    platform_id: Option<String>,
    piece_name: String,
    owner_id: String,
    project_ids: Vec<String>,
    scope: ConnectionScope,
    /// Set by the client.
    #[schema(required = true, value_type = Option<Object>)]
    metadata: Option<Value>,
    piece_version: String,
    /// When the access token expires, if it does. It is renewed before, unless the provider issued no refresh token.
    #[schema(required = true, format = "date-time")]
    expires_at: Option<String>,
    #[schema(format = "date-time")]
    created_at: String,
    #[schema(format = "date-time")]
    updated_at: String,
}

/// A page of connections.
#[derive(ToSchema)]
pub(super) struct ConnectionPage {
    data: Vec<Connection>,
    /// The `cursor` of the next page, if there is one.
    #[schema(required = true)]
    next: Option<String>,
    /// The `cursor` of the page before, if there is one.
    #[schema(required = true)]
    previous: Option<String>,
}

/// A step of a workflow that uses a connection.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(super) struct ConnectionUsage {
    workflow_id: String,
    node_id: String,
    piece_name: String,
}

/// A connection with its value.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(super) struct DecryptedConnection {
    id: String,
    external_id: String,
    r#type: String,
    piece_name: String,
    /// The credentials, by their type.
    #[schema(value_type = Object)]
    value: Value,
}

/// How a run can fail.
#[derive(IntoResponses)]
pub(super) enum RunFailures {
    /// A policy of this host forbids it, or the piece reports so.
    #[response(status = 403)]
    Denied,
    /// No such piece, version or action; the response lists the alternatives. Or the service did not find what was requested.
    #[response(status = 404)]
    NotFound,
    /// The input does not fit: every problem with its place. Or the piece refused it, or a connection is missing.
    #[response(status = 422)]
    InvalidInput,
    /// The service refused the credentials.
    #[response(status = 424)]
    Unauthorized,
    /// Too many calls, here or at the service; `Retry-After` says when to try again.
    #[response(status = 429)]
    RateLimited,
    /// The piece failed: `code` says how. `host_error` alone is this host's own fault.
    #[response(status = 500)]
    Failed,
    /// The service is unavailable, or the output of the piece is not valid (`invalid_output`): no JSON, or half of a surrogate pair.
    #[response(status = 502)]
    Unavailable,
    /// The call was cancelled: the piece was removed or the host is shutting down.
    #[response(status = 503)]
    Cancelled,
    /// The call took too long.
    #[response(status = 504)]
    Timeout,
}
