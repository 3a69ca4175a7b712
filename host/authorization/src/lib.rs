//! The authorization server (OAuth 2.0, RFC 6749): who may act for a user of Gauzy, and for how long.
//!
//! - [`AuthorizationServer`] takes authorization requests, the decisions of users, codes and refresh tokens.
//! - [`Client`] is what asks for access; [`registry`] keeps clients.
//! - [`code`] is the form of codes, which is Gauzy's.
//! - [`Shelf`] keeps requests and codes for their minutes: in the database, or in Redis.
//! - [`Revoked`] knows the grants whose access tokens no longer count.
//!
//! Access tokens are made by the caller from what is [`Issued`]. Nothing here knows HTTP.

mod authenticate;
mod budgets;
mod client;
pub mod code;
mod error;
mod grants;
mod pending;
mod redis_shelf;
pub mod registry;
mod request;
mod revoked;
pub mod scope;
mod secret;
mod secrets;
mod server;
mod sessions;
mod shelf;
mod stored_client;
mod subject;
mod token;

pub use self::{
    authenticate::{Credentials, TokenRequest},
    budgets::BUDGETS,
    client::{Client, ClientKind, ClientSettings, GrantType, check_redirect_uri},
    error::{OAuthError, Problem},
    grants::Grant,
    pending::{Decision, PendingError, Shown},
    redis_shelf::{RedisShelf, RedisUrl, RedisUrlError},
    request::{AuthorizationRequest, Parameters, Refused, Repeated},
    revoked::Revoked,
    secret::{SecretHash, generate as generate_secret},
    server::{AuthorizationServer, Begun, Parts},
    sessions::{csrf_token, is_csrf_token},
    shelf::{DbShelf, Shelf, ShelfError},
    subject::Subject,
    token::Issued,
};
