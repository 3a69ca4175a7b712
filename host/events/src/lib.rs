//! Events: recording them, and sending them to their owners.
//!
//! - [`Events`] writes an event in the transaction of the change, and streams events to their owners.
//! - [`Tickets`] are what browsers open a stream with.
//! - [`Endpoints`] are the addresses that owners have their events sent to; [`Deliverer`] sends them, signed as Standard
//!   Webhooks.
//!
//! The payload is any JSON value: this crate knows no connection, no flow and no other subject of an event, and no HTTP
//! server.

mod address;
mod budgets;
mod deliverer;
mod endpoints;
mod signature;
mod stream;
mod tickets;

pub use self::budgets::BUDGETS;
pub use leno_db::endpoints::Retried;

pub use self::{
    address::MAX_URL,
    deliverer::Deliverer,
    endpoints::{EndpointError, Endpoints},
    stream::{Events, ListenError, NewEvent},
    tickets::{TicketError, Tickets},
};
