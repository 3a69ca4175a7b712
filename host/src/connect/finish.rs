//! Where a sign-in at a provider comes back to, if it was begun on a page of this surface.

use std::sync::Arc;

use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use leno_connections::ConnectionError;

use super::opened::{Opened, url};
use crate::{
    api::{App, connections::input},
    edge::page::go,
};

/// Where a sign-in that was begun on a page of this surface goes on. If the connection was made, the piece says first whether it
/// works.
pub(crate) async fn signed_in(app: &App, token: &str, connected: bool) -> Response {
    if connected && let Err(error) = try_stored(app, token).await {
        tracing::warn!(?error, "a connection that was made by a link could not be tried");
    }
    match go(StatusCode::SEE_OTHER, &url(app, token)) {
        Ok(response) => response,
        Err(rejection) => rejection.into_response(),
    }
}

async fn try_stored(app: &App, token: &str) -> Result<(), ConnectionError> {
    let session = app.connections.session(token).await?;
    let Some(id) = session.connection_id() else { return Ok(()) };
    let Some(piece) = input::piece(app, &session.draft.piece_name) else { return Ok(()) };
    let _trial = app.connections.trial(session.owner())?;
    let stored = app.connections.find_by_id(session.owner(), id).await?;
    let opened = Opened { token: token.to_owned(), session, piece };
    if let Ok(Err(said)) = opened.try_out(app, Arc::new(stored)).await {
        app.connections.say(&opened.session, &said).await?;
    }
    Ok(())
}
