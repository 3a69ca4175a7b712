//! A link that is good, with the piece that it is for.

use std::sync::Arc;

use http::StatusCode;
use leno_base::Actor;
use leno_connections::{ConnectSession, ConnectionError, NewConnection, Progress, Replace};
use leno_metadata::{Auth, Connection, ConnectionValue, PieceName, VersionReq};
use leno_pieces::Version;

use crate::{
    api::{
        App,
        connections::{check, input, refused, upsert::version},
    },
    edge::{Rejection, ring::Sender},
};

/// Where the page of a link is, without the token.
const PATH: &str = "/connect";

/// The link of a token.
pub(crate) fn url(app: &App, token: &str) -> String {
    format!("{}{PATH}/{token}", app.public_url)
}

/// A link that is good, with the piece that it is for.
pub(super) struct Opened {
    pub(super) token: String,
    pub(super) session: ConnectSession,
    pub(super) piece: Arc<Version>,
}

impl Opened {
    pub(super) async fn find(app: &App, sender: Sender, token: String) -> Result<Self, Rejection> {
        app.rates.admit_peer(sender.0)?;
        let session = app.connections.session(&token).await.map_err(|error| match error {
            ConnectionError::NotFound => {
                let words = "It was used, or is older than half an hour. Ask whoever sent it to you for another.";
                Rejection::new(StatusCode::NOT_FOUND, "session_not_found", "Not found", words)
            }
            error => refused(error),
        })?;
        let piece = input::piece(app, &session.draft.piece_name).ok_or_else(|| {
            let words = "This host does not have the piece any more.";
            Rejection::new(StatusCode::NOT_FOUND, "piece_not_found", "Not found", words)
        })?;
        Ok(Self { token, session, piece })
    }

    /// The piece's name.
    pub(super) fn name(&self) -> &PieceName {
        &self.piece.piece.metadata().name
    }

    /// Whether the operator registered a client at the piece's provider.
    pub(super) async fn has_platform_app(&self, app: &App) -> Result<bool, Rejection> {
        app.connections.has_platform_app(&self.session.owner().tenant, self.name()).await.map_err(refused)
    }

    /// The auth entry at `index`; the first, if the piece has no such.
    pub(super) fn auth(&self, index: usize) -> Option<(usize, &Auth)> {
        let auths = input::auths(&self.piece);
        let chosen = auths.get(index).map(|auth| (index, auth));
        chosen.or_else(|| auths.first().map(|auth| (0, auth)))
    }

    /// Counts an attempt to enter credentials.
    pub(super) async fn attempt(&self, app: &App) -> Result<(), Rejection> {
        if app.connections.attempt(&self.session).await.map_err(refused)? {
            return Ok(());
        }
        Err(self.over())
    }

    /// Why no credentials are taken any more.
    pub(super) fn over(&self) -> Rejection {
        let words = match self.session.progress() {
            Progress::Done | Progress::Taken => "It was used already.",
            _ => "Too many credentials were refused. Ask whoever sent it to you for another.",
        };
        Rejection::new(StatusCode::NOT_FOUND, "session_not_found", "Not found", words)
    }

    pub(super) fn new_connection(&self, value: ConnectionValue) -> NewConnection {
        let draft = &self.session.draft;
        NewConnection {
            external_id: draft.external_id.clone(),
            display_name: draft.display_name.clone(),
            piece_name: draft.piece_name.clone(),
            piece_version: version(Some(&self.piece)),
            value,
            metadata: draft.metadata.clone(),
            replace: Replace::Any,
        }
    }

    /// Asks the piece whether credentials work. What it says against them is the inner error.
    pub(super) async fn try_out(&self, app: &App, value: Arc<dyn Connection>) -> Result<Result<(), String>, Rejection> {
        let owner = self.session.owner();
        let actor = Actor::request(owner.tenant.clone(), owner.user.clone());
        let tried = check::try_out(app, &actor, self.name(), &VersionReq::default(), value).await?;
        Ok(tried.map(drop))
    }
}
