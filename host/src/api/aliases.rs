//! Paths that resources had before, kept for their clients: an event endpoint was called a webhook, and events were those of
//! connections only.

use std::sync::Arc;

use axum::{
    Router,
    routing::{delete, get, post},
};

use super::{app::App, endpoints, events};

/// Each former path, and the present one of the same resource.
pub(super) const FORMER: &[(&str, &str)] = &[
    ("/api/app-connections/events", "/api/events"),
    ("/api/app-connections/webhooks", "/api/events/endpoints"),
    ("/api/app-connections/webhooks/{id}", "/api/events/endpoints/{id}"),
    ("/api/app-connections/webhooks/{id}/deliveries", "/api/events/endpoints/{id}/deliveries"),
    (
        "/api/app-connections/webhooks/{id}/deliveries/{delivery}/retry",
        "/api/events/endpoints/{id}/deliveries/{delivery}/retry",
    ),
];

/// The routes at their former paths.
pub(super) fn routes() -> Router<Arc<App>> {
    let former = "/api/app-connections/webhooks";
    Router::new()
        .route("/api/app-connections/events", get(events::stream))
        .route(former, get(endpoints::list).post(endpoints::register))
        .route(&format!("{former}/{{id}}"), delete(endpoints::remove))
        .route(&format!("{former}/{{id}}/deliveries"), get(endpoints::deliveries))
        .route(&format!("{former}/{{id}}/deliveries/{{delivery}}/retry"), post(endpoints::retry))
}
