//! What the routes of the API work with.

use std::sync::Arc;

use axum::extract::FromRef;
use leno_authorization::AuthorizationServer;
use leno_base::{Periodic, budget::Budget};
use leno_connections::Connections;
use leno_db::Db;
use leno_events::{Endpoints, Events, Tickets};
use leno_pieces::{Registry, Runs};
use leno_sandbox::Engine;

use crate::{
    audit::Audit,
    edge::{Bodies, PublicUrl, rate::Rates},
    identity::Identity,
    metrics::Metrics,
    oauth_app::settings::Settings,
};

/// What the routes use.
pub struct App {
    /// The pieces.
    pub registry: Registry,
    /// Runs them.
    pub runs: Runs,
    /// The connections of users.
    pub connections: Connections,
    /// Verifies callers.
    pub identity: Identity,
    /// Lets applications act for users.
    pub authorization: AuthorizationServer,
    /// How its endpoints and pages are set.
    pub oauth_app: Settings,
    /// The audit log.
    pub audit: Audit,
    /// How many requests they may send.
    pub(crate) rates: Rates,
    /// Used for health checks only.
    pub db: Db,
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// Used for its figures only.
    pub engine: Engine,
    /// The base URL at which clients reach this host.
    pub public_url: PublicUrl,
    /// The events of connections.
    pub events: Events,
    /// What browsers open a stream of them with.
    pub tickets: Tickets,
    /// The addresses that owners have their events sent to.
    pub endpoints: Endpoints,
    /// The background tasks; used for their status only.
    pub tasks: Periodic,
    /// Whether raw connection values are refused.
    pub production: bool,
    /// Reads bodies.
    pub bodies: Bodies,
    /// How many bytes of rows a page has at most.
    pub page: Arc<Budget>,
}

impl FromRef<Arc<App>> for Identity {
    fn from_ref(app: &Arc<App>) -> Self {
        app.identity.clone()
    }
}

impl FromRef<Arc<App>> for Audit {
    fn from_ref(app: &Arc<App>) -> Self {
        app.audit.clone()
    }
}

impl FromRef<Arc<App>> for Rates {
    fn from_ref(app: &Arc<App>) -> Self {
        app.rates.clone()
    }
}
