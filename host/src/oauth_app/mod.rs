//! The OAuth app of Gauzy: the endpoints of the authorization server, and its pages.
//!
//! | File | Holds |
//! | --- | --- |
//! | `authorize` | `GET /authorize`, `GET /authorize/request/{id}`, `POST /authorize`, `POST /authorize/deny` |
//! | `token` | `POST /token`, `/revoke`, `/introspect` |
//! | `register` | `POST /register`, when the operator has switched it on |
//! | `metadata` | `/.well-known/…` |
//! | `pages` | the pages where users sign in and decide |
//! | `settings` | where all of it is, and how it is set |
//! | `form` | the parameters of a request; refusals as RFC 6749 and Gauzy write them |
//!
//! The endpoints are at Gauzy's paths below `settings::PREFIX`, and at those of its documents: `/authorize`, `/token`.

mod authorize;
mod form;
mod metadata;
mod pages;
mod register;
pub mod settings;
mod token;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};

use self::settings::PREFIX;
use crate::{api::App, edge::rejection::render_with};

pub(crate) use self::pages::routes as pages;

/// The endpoints.
pub(crate) fn endpoints() -> Router<Arc<App>> {
    let endpoints = Router::new()
        .route("/authorize", get(authorize::begin).post(authorize::approve))
        .route("/authorize/request/{id}", get(authorize::show))
        .route("/authorize/deny", post(authorize::deny))
        .route("/token", post(token::token))
        .route("/revoke", post(token::revoke))
        .route("/introspect", post(token::introspect))
        .route("/register", post(register::register));
    let metadata = Router::new()
        .route("/.well-known/oauth-authorization-server", get(metadata::server))
        .route("/.well-known/oauth-authorization-server/{*path}", get(metadata::server))
        .route("/.well-known/oauth-protected-resource", get(metadata::resource))
        .route("/.well-known/oauth-protected-resource/{*path}", get(metadata::resource));
    let routes = Router::new().nest(PREFIX, endpoints.clone()).merge(endpoints).merge(metadata);
    let routes = routes.method_not_allowed_fallback(form::no_method);
    render_with(routes, form::oauth_error)
}
