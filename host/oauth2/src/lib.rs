//! The OAuth 2.0 client: sign-in addresses, tokens for codes, new tokens for old ones.
//!
//! - [`authorization_url`], [`state`] and [`Pkce`] start a sign-in.
//! - [`TokenClient`] talks to token endpoints; [`TokenError`] says what a failure means for the refresh token.
//! - [`lifetime`] says when a stored token is due.
//!
//! Nothing here is stored and nothing is locked: that is for the caller.

mod answer;
mod authorize;
mod client;
mod error;
mod exchange;
mod mask;
mod pkce;
mod request;
mod template;
mod value;

pub use self::{
    authorize::{Authorization, authorization_url, requested_scope},
    client::TokenClient,
    error::{ExchangeError, TokenError},
    exchange::PlatformApp,
    pkce::{Pkce, state},
    template::{fill, issuer, platform_rule},
    value::{Lifetime, lifetime},
};
