//! The API's description of itself, and pages to read it.

use std::sync::{Arc, LazyLock};

use axum::{
    Extension, Router,
    body::Bytes,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use http::{HeaderValue, header};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        self, Content, Deprecated, HeaderBuilder, Object, Ref, RefOr, ResponseBuilder, Type,
        path::Operation,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_swagger_ui::Config;

use super::{aliases, app::App, problem, schema};
use crate::edge::{Rejection, extract::Path};

/// The path of the document.
const PATH: &str = "/api/openapi.json";

/// The pages run only their own scripts and send requests only to this host.
const PAGE: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Leno",
        description = "A WebAssembly component host for automation pieces.\n\n\
            Requests carry an access token of Ever Gauzy (JWT, HS256) as a bearer token. \
            Every error is a problem (RFC 9457): `code` is for programs, `detail` for users.",
    ),
    tags(
        (name = "pieces", description = "The pieces of this host, and what they can do."),
        (name = "runs", description = "Running actions."),
        (name = "connections", description = "The caller's credentials: encrypted, renewed, never shown."),
        (name = "users", description = "Users without an account."),
        (name = "events", description = "The events of connections, as a stream and sent to webhooks."),
        (name = "admin", description = "The pieces directory, for the operator."),
        (name = "operations", description = "Health and metrics."),
    ),
    components(schemas(problem::Members<'static>, schema::View)),
    security(("bearer" = [])),
    modifiers(&Security),
)]
struct Base;

struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("An access token of Ever Gauzy: HS256 under this host's JWT_SECRET."))
            .build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let internal = ApiKeyValue::with_description("X-Internal-Token", "This host's INTERNAL_API_TOKEN.");
        components.add_security_scheme("internal", SecurityScheme::ApiKey(ApiKey::Header(internal)));
    }
}

/// The document without its paths.
pub(super) fn base() -> openapi::OpenApi {
    Base::openapi()
}

/// The document of all routes, with what they have in common.
pub(super) fn complete(mut document: openapi::OpenApi) -> openapi::OpenApi {
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.post, &mut item.delete, &mut item.put, &mut item.patch];
        operations.into_iter().filter_map(Option::as_mut).for_each(problems);
    }
    for (former, present) in aliases::paths() {
        let Some(mut item) = document.paths.paths.get(present).cloned() else { continue };
        for operation in
            [&mut item.get, &mut item.post, &mut item.patch, &mut item.delete].into_iter().filter_map(Option::as_mut)
        {
            operation.deprecated = Some(Deprecated::True);
            // Ids are unique in a document.
            operation.operation_id = operation.operation_id.take().map(|id| format!("{id}Formerly"));
        }
        document.paths.paths.insert(former.to_owned(), item);
    }
    document
}

/// Adds the responses that every route has, and declares that each error is a problem.
fn problems(operation: &mut Operation) {
    let open =
        operation.security.as_ref().is_some_and(|security| security.iter().all(|one| one == &Default::default()));
    let mut common = Vec::new();
    if operation.request_body.is_some()
        || operation.parameters.as_ref().is_some_and(|parameters| !parameters.is_empty())
    {
        common.push(("400", "The request is invalid; every fault is listed."));
    }
    if !open {
        common.push(("503", "The database is busy; nothing was done."));
        common.push(("401", "The access token is missing, expired or not valid; see `WWW-Authenticate`."));
        common.push(("429", "The caller, or the tenant, has sent too many requests, or has too much under way."));
    }
    // Those that take another proof than a user's token say so.
    if operation.security.is_none() && operation.tags.iter().flatten().any(|tag| tag == "connections") {
        common.push(("403", "The token does not have the permission that this needs; `WWW-Authenticate` names it."));
    }
    if operation.request_body.is_some() {
        common.push(("408", "The body came too slowly."));
        common.push(("413", "The body is too large, or a part of it; `details` names the limit."));
        common.push(("415", "The body has the wrong content type."));
        common.push(("429", "There is no room for the body now; `Retry-After` says when to come back."));
    }
    common.push(("500", "This host failed."));
    let responses = &mut operation.responses.responses;
    for (status, description) in common {
        let response = || RefOr::T(ResponseBuilder::new().description(description).build());
        responses.entry(status.to_owned()).or_insert_with(response);
    }
    for (status, response) in responses {
        if let (true, RefOr::T(response)) = (status.starts_with(['4', '5']), response) {
            let content = Content::new(Some(Ref::from_schema_name("Problem")));
            response.content.insert("application/problem+json".into(), content.into());
            let header = match status.as_str() {
                "401" => Some(("WWW-Authenticate", "The scheme and, if a token was sent, why it is refused.")),
                "429" | "503" => Some(("Retry-After", "Seconds to wait.")),
                _ => None,
            };
            if let Some((name, description)) = header {
                let header =
                    HeaderBuilder::new().description(Some(description)).schema(Some(Object::with_type(Type::String)));
                response.headers.insert(name.to_owned(), header.build().into());
            }
        }
    }
}

/// This document.
#[utoipa::path(
    get,
    path = "/api/openapi.json",
    operation_id = "openapi",
    tag = "operations",
    security(()),
    responses((status = 200, description = "OpenAPI 3.1.", body = serde_json::Value)),
)]
pub(super) async fn document(Extension(Document(text)): Extension<Document>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], text)
}

/// The text of the document.
#[derive(Clone)]
pub(super) struct Document(Bytes);

impl Document {
    /// The text of the document of the routes.
    pub(super) fn new(routes: openapi::OpenApi) -> Self {
        Self(serde_json::to_vec(&complete(routes)).unwrap_or_default().into())
    }
}

/// Pages that show the document, served from this program.
pub(super) fn docs() -> Router<Arc<App>> {
    Router::new()
        .route("/docs", get(|| async { Redirect::permanent("/docs/") }))
        .route("/docs/", get(|| async { page("") }))
        .route("/docs/{*file}", get(|Path(file): Path<String>| async move { page(&file) }))
}

fn page(file: &str) -> Result<Response, Rejection> {
    static CONFIG: LazyLock<Arc<Config<'static>>> =
        LazyLock::new(|| Arc::new(Config::from(PATH).try_it_out_enabled(true).validator_url("none")));
    let found =
        utoipa_swagger_ui::serve(file, CONFIG.clone()).map_err(|error| Rejection::internal(error.to_string()))?;
    let found = found.ok_or_else(|| {
        Rejection::new(http::StatusCode::NOT_FOUND, "no_route", "Not found", "there is no such page; start at /docs/")
    })?;
    let mut response = found.bytes.into_owned().into_response();
    let headers = response.headers_mut();
    if let Ok(kind) = HeaderValue::from_str(&found.content_type) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, PAGE);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}
