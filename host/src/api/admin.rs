//! The operator's view of the pieces directory: what is in it, putting a component in, taking one out.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{Request, State},
};
use http::{HeaderValue, StatusCode, header};
use leno_pieces::{FileStatus, RemoveError, UploadError};
use serde_json::json;

use super::{App, schema};
use crate::edge::{Rejection, authorization::Operator, bodies::Memory, budgets::UPLOAD_BYTES, extract::Path};

/// The largest overhead of a multipart body: its boundaries and part headers.
const MAX_ENVELOPE: u64 = 64 << 10;

/// The field of a form that holds the component.
const FIELD: &str = "file";

/// Lists the files of the pieces directory: which are served, and why the others are not.
#[utoipa::path(
    get,
    path = "/api/admin/pieces",
    operation_id = "listPieceFiles",
    tag = "admin",
    security(("bearer" = []), ("internal" = [])),
    responses(
        (status = 200, description = "The files, by name.", body = Vec<FileStatus>),
        (status = 403, description = "The token has no LENO_ADMIN permission."),
    ),
)]
pub(super) async fn list(_: Operator, State(app): State<Arc<App>>) -> Json<Vec<FileStatus>> {
    Json(app.registry.files())
}

/// Puts a component into the pieces directory if it loads.
///
/// The component is the body, or the field `file` of a form. The piece is served when the response arrives.
#[utoipa::path(
    post,
    path = "/api/admin/pieces",
    operation_id = "uploadPiece",
    tag = "admin",
    security(("bearer" = []), ("internal" = [])),
    request_body(
        description = "A component of world `leno:piece/piece`, at most 64 MiB.",
        content(
            (schema::Component = "application/wasm"),
            (schema::UploadForm = "multipart/form-data"),
        ),
    ),
    responses(
        (status = 201, description = "The piece is served.", body = FileStatus),
        (status = 403, description = "The token has no LENO_ADMIN permission."),
        (status = 409, description = "The same name and version is already served with other bytes, or the file `NAME-VERSION.wasm` holds something else."),
        (status = 413, description = "The component is larger than a component may be, or than this host has room to keep (`LENO_COMPONENT_BYTES`)."),
        (status = 422, description = "The component does not load; `code` and `detail` say why."),
        (status = 429, description = "Other components are being compiled (`LENO_COMPILES`)."),
        (status = 503, description = "The host is shutting down."),
    ),
)]
pub(super) async fn upload(
    operator: Operator,
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<(StatusCode, Json<FileStatus>), Rejection> {
    let (bytes, _memory) = component(&app, &operator, request).await?;
    let size = bytes.len();
    let result = app.registry.upload(bytes).await;
    match &result {
        Ok(FileStatus { file, name, version, digest, .. }) => {
            let digest = digest.map(|digest| digest.to_string());
            tracing::info!(target: "audit", event = "piece_uploaded", by = %operator, file, name, version, digest, size, "a piece was uploaded");
            let detail = json!({"name": name, "version": version, "digest": digest, "bytes": size});
            app.audit.record(&operator.to_string(), "piece.uploaded", file, detail).await;
        }
        Err(error) => {
            tracing::info!(target: "audit", event = "piece_refused", by = %operator, size, %error, "the upload of a piece was refused");
            let detail = json!({"bytes": size, "error": error.to_string()});
            app.audit.record(&operator.to_string(), "piece.refused", "", detail).await;
        }
    }
    match result {
        Ok(status) => Ok((StatusCode::CREATED, Json(status))),
        Err(UploadError::Refused(reason)) if reason.code == "host_error" => Err(Rejection::internal(reason.message)),
        Err(UploadError::Refused(reason)) => {
            let error = "The component does not load";
            Err(Rejection::new(StatusCode::UNPROCESSABLE_ENTITY, reason.code, error, reason.message))
        }
        Err(UploadError::Conflict(reason)) => {
            let error = if reason.code == "file_exists" { "The file exists" } else { "The version exists" };
            Err(Rejection::new(StatusCode::CONFLICT, reason.code, error, reason.message))
        }
        Err(UploadError::Exhausted(refusal)) => Err(Rejection::exhausted(&refusal)),
        Err(error @ UploadError::Io(_)) => Err(Rejection::internal(error.to_string())),
        Err(UploadError::Stopped) => Err(stopping()),
    }
}

/// Removes a file from the pieces directory. New calls of its piece are refused; calls under way continue.
#[utoipa::path(
    delete,
    path = "/api/admin/pieces/{file}",
    operation_id = "removePieceFile",
    tag = "admin",
    security(("bearer" = []), ("internal" = [])),
    params(("file" = String, Path, description = "A name in the directory.", example = "text-0.1.0.wasm")),
    responses(
        (status = 200, description = "The file is removed, or draining until its calls have ended.", body = FileStatus),
        (status = 403, description = "The token has no LENO_ADMIN permission."),
        (status = 404, description = "There is no such file."),
        (status = 503, description = "The host is shutting down."),
    ),
)]
pub(super) async fn remove(
    operator: Operator,
    State(app): State<Arc<App>>,
    Path(file): Path<String>,
) -> Result<Json<FileStatus>, Rejection> {
    let status = app.registry.remove(&file).await.map_err(|error| match error {
        RemoveError::BadName(_) => Rejection::bad_request("bad_file_name", error.to_string()),
        RemoveError::NotFound(_) => {
            Rejection::new(StatusCode::NOT_FOUND, "file_not_found", "File not found", error.to_string())
        }
        RemoveError::Io(_) => Rejection::internal(error.to_string()),
        RemoveError::Stopped => stopping(),
    })?;
    tracing::info!(target: "audit", event = "piece_removed", by = %operator, file, name = status.name, version = status.version, "a piece was removed");
    let detail = json!({"name": status.name, "version": status.version});
    app.audit.record(&operator.to_string(), "piece.removed", &file, detail).await;
    Ok(Json(status))
}

fn stopping() -> Rejection {
    Rejection::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "stopping",
        "Shutting down",
        "this host is shutting down; retry after it has started again",
    )
    .retry_after(std::time::Duration::from_secs(5))
}

/// The bytes of the component, from either form of body.
async fn component(app: &App, operator: &Operator, request: Request) -> Result<(Bytes, Memory), Rejection> {
    let (parts, body) = request.into_parts();
    let content_type =
        parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let (bytes, memory) = if essence.eq_ignore_ascii_case("application/wasm") {
        let (bytes, memory) = app.bodies.bytes(operator, &parts.headers, body, &UPLOAD_BYTES, 0).await?;
        (bytes.into(), memory)
    } else if essence.eq_ignore_ascii_case("multipart/form-data") {
        let boundary = multer::parse_boundary(content_type).map_err(|error| form(&error))?;
        let (form, memory) = app.bodies.bytes(operator, &parts.headers, body, &UPLOAD_BYTES, MAX_ENVELOPE).await?;
        (field(form.into(), boundary).await?, memory)
    } else {
        let detail = format!("send the component as `Content-Type: application/wasm`, or as field `{FIELD}` of a form");
        let problem =
            Rejection::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong_content_type", "Wrong content type", detail);
        let accept = HeaderValue::from_static("application/wasm, multipart/form-data");
        return Err(problem.with_header(header::ACCEPT, accept));
    };
    if bytes.is_empty() {
        return Err(Rejection::bad_request("empty_body", "the body is empty; send the bytes of a .wasm file"));
    }
    Ok((bytes, memory))
}

async fn field(body: Bytes, boundary: String) -> Result<Bytes, Rejection> {
    let stream = futures_util::stream::iter([Ok::<_, std::convert::Infallible>(body)]);
    let mut multipart = multer::Multipart::new(stream, boundary);
    while let Some(field) = multipart.next_field().await.map_err(|error| form(&error))? {
        if field.name() == Some(FIELD) {
            return field.bytes().await.map_err(|error| form(&error));
        }
    }
    Err(Rejection::bad_request("invalid_form", format!("the form has no field `{FIELD}`; send the component in it")))
}

fn form(error: &multer::Error) -> Rejection {
    Rejection::bad_request("invalid_form", format!("the form cannot be read: {error}"))
}
