//! The database: SQLite in the data directory, or PostgreSQL. One file per aggregate, one SQL text for both.
//!
//! Tenants take turns (`lane`): on SQLite at the one writer and, apart from it, at the readers; on PostgreSQL at the
//! connections. What finds no turn in time, or a lock that another session holds, is [`DbError::Busy`].
//!
//! Columns are portable: ids and JSON are TEXT, times are BIGINT milliseconds since 1970. What differs between the two is
//! in `migrations/` and in `connect`.

pub mod app_connections;
mod audit_entry;
pub mod audit_log;
pub mod audit_seals;
pub mod backup;
mod budgets;
mod connect;
pub mod connect_sessions;
pub mod encryption_keys;
pub mod endpoints;
pub mod erasure;
mod error;
pub mod event_tickets;
pub mod events;
pub mod foreign;
pub mod hosts;
mod kind;
mod lane;
mod migrate;
pub mod oauth_apps;
pub mod oauth_server;
pub mod oauth_sessions;
mod piece_versions;
mod pool;
pub mod queue;
pub mod quota;
mod recorder;
pub mod revocations;
pub mod sealed_rows;
mod store_entries;
pub mod users;
pub mod workflow_refs;

pub use self::budgets::{BUDGETS, Rows};
pub use self::{
    app_connections::{
        AppConnections, ConnectionFilter, ConnectionRow, ConnectionState, ConnectionStatus, DEGRADED_AFTER,
        InvalidState, InvalidStatus, Lease, Position, SealedValue,
    },
    audit_log::{AuditEntry, AuditFilter, AuditRow, events_of as audit_events},
    connect::sqlite_file,
    connect_sessions::ConnectSession,
    endpoints::{DeliveryRow, EndpointRow},
    error::{Busy, DbError, OfDatabase, repeat},
    events::EventRow,
    hosts::Presence,
    kind::Kind,
    lane::Party,
    oauth_apps::OAuthApp,
    oauth_sessions::OAuthSession,
    piece_versions::{PieceVersion, PieceVersions},
    pool::{Db, Session, Tx},
    revocations::Revocation,
    store_entries::{EntryKey, MostStored, StoreEntries, StoreError},
    workflow_refs::WorkflowRef,
};
