//! Paths that resources had before, kept for their clients: an event endpoint was called a webhook, and events were those of
//! connections only. And those that OAuth clients have in Gauzy.

use std::sync::Arc;

use axum::{
    Router,
    routing::{MethodRouter, delete, get, post},
};

use super::{app::App, endpoints, events, oauth_clients};

/// A former path, the present one of the same resource, and its handlers.
type Former = (&'static str, &'static str, MethodRouter<Arc<App>>);

fn former() -> [Former; 8] {
    [
        ("/api/app-connections/events", "/api/events", get(events::stream)),
        ("/api/app-connections/webhooks", "/api/events/endpoints", get(endpoints::list).post(endpoints::register)),
        ("/api/app-connections/webhooks/{id}", "/api/events/endpoints/{id}", delete(endpoints::remove)),
        (
            "/api/app-connections/webhooks/{id}/deliveries",
            "/api/events/endpoints/{id}/deliveries",
            get(endpoints::deliveries),
        ),
        (
            "/api/app-connections/webhooks/{id}/deliveries/{delivery}/retry",
            "/api/events/endpoints/{id}/deliveries/{delivery}/retry",
            post(endpoints::retry),
        ),
        ("/api/oauth/clients", "/api/oauth-clients", get(oauth_clients::list).post(oauth_clients::register)),
        (
            "/api/oauth/clients/{clientId}",
            "/api/oauth-clients/{clientId}",
            get(oauth_clients::show).patch(oauth_clients::change).delete(oauth_clients::remove),
        ),
        (
            "/api/oauth/clients/{clientId}/rotate-secret",
            "/api/oauth-clients/{clientId}/rotate-secret",
            post(oauth_clients::rotate),
        ),
    ]
}

/// The routes at their former paths.
pub(super) fn routes() -> Router<Arc<App>> {
    former().into_iter().fold(Router::new(), |router, (path, _, handlers)| router.route(path, handlers))
}

/// Each former path, and the present one.
pub(super) fn paths() -> impl Iterator<Item = (&'static str, &'static str)> {
    former().into_iter().map(|(former, present, _)| (former, present))
}
