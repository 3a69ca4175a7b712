//! The page of a connect session: where somebody with the link enters the credentials of one connection.
//!
//! | File | Holds |
//! | --- | --- |
//! | `opened` | a link that is good |
//! | `pages` | the handlers |
//! | `finish` | where a sign-in at a provider comes back to |
//! | `form` | the form of a piece's auth entry, and what was entered in it |
//! | `view` | the pages |
//!
//! What opens the page is the token in its address, and nothing else: no cookie and no account. So a form of another site that
//! knows the token could as well be the link. The page works without a script; with one, it can be in a frame of the page that
//! made the link, where the sign-in of a provider opens a window of its own, and it tells that page of the end.

pub(crate) mod finish;
mod form;
pub(crate) mod opened;
mod pages;
mod view;

use std::sync::Arc;

use axum::{
    Router, middleware,
    routing::{get, post},
};
use http::{HeaderValue, StatusCode};

use crate::{
    api::App,
    edge::{
        Rejection, page,
        rejection::{self, Parts},
    },
};

pub(crate) fn routes() -> Router<Arc<App>> {
    let routes = Router::new()
        .route("/connect/{token}", get(pages::show).post(pages::store))
        .route("/connect/{token}/sign-in", post(pages::begin))
        .method_not_allowed_fallback(no_method);
    rejection::render_with(routes, message).layer(middleware::from_fn(page::dressed))
}

async fn no_method() -> Rejection {
    Rejection::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed", "go back to the link")
}

/// A refusal as a page.
fn message(parts: &Parts) -> (HeaderValue, Vec<u8>) {
    let title = match parts.status {
        StatusCode::NOT_FOUND => "This link has ended",
        StatusCode::TOO_MANY_REQUESTS => "Please wait a moment",
        status if status.is_server_error() => "Something went wrong here",
        _ => "This does not work",
    };
    page::message(title, parts)
}
