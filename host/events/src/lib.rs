//! What happened, and to whom it is told.
//!
//! - [`Events`] writes an event in the transaction of the change, and streams events to their owners.
//! - [`Endpoints`] delivers them to the endpoints that owners registered, signed as Standard Webhooks.
//!
//! The payload is any JSON value: this crate knows no connection, no flow and no other subject of an event.

mod endpoints;
mod stream;

pub use leno_db::endpoints::Retried;

pub use self::{
    endpoints::{EndpointError, Endpoints, MAX_ENDPOINTS, MAX_URL},
    stream::{Events, ListenError, NewEvent},
};
