//! The REST API: one file per resource.
//!
//! | File | Holds |
//! | --- | --- |
//! | `pieces` | `GET /api/pieces`, `GET /api/pieces/{name}` |
//! | `runs` | `POST /api/pieces/{name}/actions/{action}/run` |
//! | `options` | `POST /api/pieces/options` |
//! | `connections/` | `/api/app-connections`, `/api/internal/connections` |
//! | `connect_sessions` | `/api/connect-sessions` |
//! | `workflows` | `/api/workflows/{id}/connections` |
//! | `users` | `/api/users` |
//! | `oauth_apps` | `/api/admin/oauth-apps` |
//! | `oauth_clients` | `/api/oauth-clients` |
//! | `oauth_grants` | `/api/oauth-grants` |
//! | `events` | `GET /api/events`, `POST /api/events/tickets` |
//! | `endpoints` | `/api/events/endpoints` |
//! | `admin` | `/api/admin/pieces` |
//! | `operations` | `/healthz`, `/readyz`, `/metrics` |
//! | `aliases` | paths that resources had before |
//! | `openapi` | `/api/openapi.json`, `/docs` |
//! | `reference` | the connection that a request names |
//! | `problem`, `failure` | the form of errors, and what a failed run becomes |
//!
//! A route is closed unless its handler takes neither `Authorized` nor `Operator`; a test walks over all of them.

mod admin;
mod aliases;
mod app;
mod audit;
mod connect_sessions;
pub(crate) mod connections;
mod endpoints;
mod erasure;
mod events;
mod failure;
mod lookup;
mod oauth_apps;
mod oauth_clients;
mod oauth_grants;
mod openapi;
mod operations;
mod options;
mod pieces;
mod problem;
mod reference;
mod runs;
mod schema;
#[cfg(test)]
mod tests;
mod users;
mod workflows;

use std::sync::Arc;

use axum::{Extension, Router, middleware};
use http::{StatusCode, Uri};
use utoipa_axum::{router::OpenApiRouter, routes};

pub use self::app::App;
use crate::{
    connect,
    edge::{
        Rejection,
        cors::{Cors, cors},
        rejection::render_with,
        ring,
    },
    oauth_app,
};

/// All routes, ready to be served.
pub fn router(app: Arc<App>) -> Router {
    let (operator, _) = operator().split_for_parts();
    let routes = for_callers(&app).merge(operator);
    within_edge(app, routes)
}

/// The same in two: what callers use, and what only the operator does, which is then nowhere else. Both tell whether the host is
/// up and ready.
pub fn routers(app: &Arc<App>) -> (Router, Router) {
    let callers = for_callers(app).layer(Extension(operations::Apart));
    let (operator, _) = operator().merge(health()).split_for_parts();
    (within_edge(app.clone(), callers), within_edge(app.clone(), operator))
}

/// What callers use: the API, which pages of other origins may use as well, and the pages of this host, which they may not.
fn for_callers(app: &App) -> Router<Arc<App>> {
    let document = openapi::Document::new(routes().into_openapi());
    let (callers, _) = callers().merge(health()).split_for_parts();
    let mut api = callers.merge(aliases::routes()).merge(oauth_app::endpoints());
    if !app.oauth_app.origins.is_empty() {
        // The answer to other methods is set first: preflights are such, and one that is set later is outside of the layer.
        api = api
            .method_not_allowed_fallback(no_method)
            .layer(middleware::from_fn_with_state(Cors::new(&app.oauth_app.origins), cors));
    }
    let pages = openapi::docs().merge(oauth_app::pages()).merge(connect::routes());
    api.merge(pages).layer(Extension(document))
}

/// The routes with their common layers. The order matters: a panic that the ring catches is rendered as well.
fn within_edge(app: Arc<App>, routes: Router<Arc<App>>) -> Router {
    let routes = routes
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(middleware::from_fn_with_state(app.metrics.clone(), ring::ring));
    render_with(routes, problem::problem).with_state(app)
}

/// The documented routes, with their documentation.
fn routes() -> OpenApiRouter<Arc<App>> {
    callers().merge(operator()).merge(health())
}

fn callers() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(openapi::base())
        .routes(routes!(pieces::list))
        .routes(routes!(pieces::show))
        .routes(routes!(pieces::show_scoped))
        .routes(routes!(runs::run))
        .routes(routes!(runs::run_scoped))
        .routes(routes!(options::options))
        .routes(routes!(connections::list::list, connections::upsert::upsert))
        .routes(routes!(connections::check::new))
        .routes(routes!(connections::sign_in::start))
        .routes(routes!(connections::sign_in::callback))
        .routes(routes!(connections::sign_in::callback_of_piece))
        .routes(routes!(connections::one::show, connections::one::change, connections::one::remove))
        .routes(routes!(connections::one::refresh))
        .routes(routes!(connections::one::usages))
        .routes(routes!(connections::check::stored))
        .routes(routes!(connections::decrypt::decrypt))
        .routes(routes!(workflows::list, workflows::put))
        .routes(routes!(users::anonymous))
        .routes(routes!(users::link))
        .routes(routes!(connect_sessions::open))
        .routes(routes!(connect_sessions::show, connect_sessions::close))
        .routes(routes!(events::stream))
        .routes(routes!(events::ticket))
        .routes(routes!(endpoints::list, endpoints::register))
        .routes(routes!(endpoints::remove))
        .routes(routes!(endpoints::deliveries))
        .routes(routes!(endpoints::retry))
        .routes(routes!(oauth_clients::list, oauth_clients::register))
        .routes(routes!(oauth_clients::show, oauth_clients::change, oauth_clients::remove))
        .routes(routes!(oauth_clients::rotate))
        .routes(routes!(oauth_grants::list))
        .routes(routes!(oauth_grants::revoke))
        .routes(routes!(openapi::document))
}

fn operator() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(oauth_apps::list))
        .routes(routes!(oauth_apps::put, oauth_apps::remove))
        .routes(routes!(admin::list, admin::upload))
        .routes(routes!(admin::remove))
        .routes(routes!(audit::list))
        .routes(routes!(erasure::user))
        .routes(routes!(erasure::tenant))
        .routes(routes!(operations::metrics))
}

fn health() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(operations::healthz)).routes(routes!(operations::readyz))
}

async fn no_route(uri: Uri) -> Rejection {
    let path: String = uri.path().chars().take(200).collect();
    let detail = format!("there is no route `{path}`; GET /api/openapi.json lists the routes");
    Rejection::new(StatusCode::NOT_FOUND, "no_route", "Not found", detail)
}

async fn no_method() -> Rejection {
    let detail = "this route does not accept this method; the Allow header lists those it accepts";
    Rejection::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed", detail)
}
