//! Options of a dropdown and properties of a dynamic property, as the piece resolves them at design time.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::Response,
};
use http::{HeaderValue, header};
use leno_base::budget::Spec;
use leno_metadata::{PieceName, Problem as Fault, VersionReq};
use leno_pieces::StepRequest;
use leno_sandbox::Step;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::{App, failure, reference::Given, schema};
use crate::edge::{
    Rejection,
    authorization::Authorized,
    body::body,
    budgets,
    extract::{JsonBody, Kind, Member},
};

/// The type that resolves to a map of properties.
const DYNAMIC: &str = "DYNAMIC";

/// The property to resolve, and the values chosen so far.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = OptionsRequest, example = json!({"pieceName": "github", "actionName": "create_issue", "propertyName": "repository"}))]
pub(super) struct OptionsBody {
    /// `github` or `@activepieces/piece-github`.
    piece_name: String,
    /// The action or trigger that has the property.
    action_name: String,
    /// The property.
    property_name: String,
    /// Exact (`1.2.0`), `~1.2.0` or `^1.2.0`; the newest if absent.
    piece_version: Option<String>,
    /// The other properties' values so far.
    #[schema(value_type = Option<Object>)]
    input: Option<Value>,
    /// What the user typed to search.
    search_value: Option<String>,
    /// The stable name of a stored connection of the caller, for this piece.
    connection_external_id: Option<String>,
    /// The same as a reference, `{{connections['ID']}}`.
    auth: Option<String>,
    /// A raw connection value, `{"type": "SECRET_TEXT", …}`. Refused in production.
    #[schema(value_type = Option<Object>)]
    connection: Option<Value>,
}

impl JsonBody for OptionsBody {
    const LIMIT: &'static Spec = &budgets::OPTIONS_BODY_BYTES;
    const MEMBERS: &'static [Member] = &[
        Member { name: "pieceName", kind: Kind::Text, required: true },
        Member { name: "actionName", kind: Kind::Text, required: true },
        Member { name: "propertyName", kind: Kind::Text, required: true },
        Member { name: "pieceVersion", kind: Kind::Text, required: false },
        Member { name: "input", kind: Kind::Object, required: false },
        Member { name: "searchValue", kind: Kind::Text, required: false },
        Member { name: "connectionExternalId", kind: Kind::Text, required: false },
        Member { name: "auth", kind: Kind::Text, required: false },
        Member { name: "connection", kind: Kind::Object, required: false },
    ];
    const EXAMPLE: &'static str = r#"{"pieceName": "NAME", "actionName": "NAME", "propertyName": "NAME"}"#;
}

/// Asks a piece for the options of a DROPDOWN or MULTI_SELECT_DROPDOWN, or the properties of a DYNAMIC property.
///
/// A failure of the piece is a problem, never an empty list.
#[utoipa::path(
    post,
    path = "/api/pieces/options",
    operation_id = "resolveOptions",
    tag = "pieces",
    request_body = OptionsBody,
    responses(
        (status = 200, description = "The options, or the properties by name.", body = schema::Options),
        (status = 404, description = "No such piece, version, action or property; the response lists the alternatives."),
        (status = 422, description = "The piece does not resolve the property, or the input or connection does not fit."),
        (status = 424, description = "The service refused the credentials."),
        (status = 429, description = "Too many calls; `Retry-After` says when to retry."),
        (status = 502, description = "The service is unavailable, or what the piece returned are no options (`invalid_output`)."),
        (status = 504, description = "The call took too long."),
    ),
)]
pub(super) async fn options(
    Authorized(caller): Authorized,
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, Rejection> {
    let (asked, mut memory) = app.bodies.json::<OptionsBody>(&caller, request).await?;
    let (piece, version) = asked.checked()?;
    let input = asked.input.unwrap_or_else(|| Value::Object(Map::new()));
    let given = Given {
        external_id: asked.connection_external_id.as_deref(),
        auth: asked.auth.as_deref(),
        value: asked.connection,
        input: &input,
    };
    let connection = given.connection(&app, &caller, &piece).await?;
    let step =
        Step::Options { owner: asked.action_name, property: asked.property_name, input, search: asked.search_value };
    let mut request = StepRequest::new(piece, version, step);
    request.connection = connection;
    // The step's input becomes text before the call waits for anything.
    memory.only_text();
    let run = app.runs.run(&caller.actor, request).await.map_err(|refusal| failure::refused(&app.registry, refusal))?;
    let (run, output) = failure::output(run)?;
    let answer = answer(run.resolved, output.as_str()).map_err(|problem| Rejection::internal(problem.to_string()))?;
    let mut response = Response::new(body(answer.to_string().into_bytes(), run.report.held));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(id) = HeaderValue::from_str(&run.id) {
        response.headers_mut().insert(crate::edge::RUN_ID, id);
    }
    Ok(response)
}

impl OptionsBody {
    /// Checks what the types do not express.
    fn checked(&self) -> Result<(PieceName, VersionReq), Rejection> {
        let version = self.piece_version.as_deref().unwrap_or_default().parse();
        let mut faults = Vec::new();
        let name = self.piece_name.parse().map_err(|error: leno_metadata::InvalidPieceName| {
            faults.push(Fault::new("/pieceName", error.to_string()));
        });
        let version = version.map_err(|error: leno_metadata::InvalidVersionReq| {
            faults.push(Fault::new("/pieceVersion", error.to_string()));
        });
        match (name, version) {
            (Ok(name), Ok(version)) => Ok((name, version)),
            _ => Err(Rejection::invalid_members(faults)),
        }
    }
}

/// The piece's result in one of two shapes: `{options: [{label, value}], …}` for a dropdown and, as in Activepieces,
/// `{options: {NAME: property}}` for a dynamic property. `type` distinguishes them.
fn answer(kind: Option<&'static str>, output: &str) -> Result<Value, serde_json::Error> {
    let answered: Value = serde_json::from_str(output)?;
    if kind == Some(DYNAMIC) {
        return Ok(json!({"type": kind, "options": answered}));
    }
    let mut members = Map::new();
    members.insert("type".into(), kind.into());
    if let Value::Object(answered) = answered {
        members.extend(answered);
    }
    Ok(Value::Object(members))
}
