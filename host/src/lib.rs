//! Leno: hosts automation pieces as WebAssembly components.
//!
//! The rooms are crates of their own (`leno-base`, `leno-db`, `leno-sandbox`, …). Here they become a server:
//! [`cli`] → [`host`] → [`api`], [`connect`], [`oauth_app`] → [`edge`] → [`identity`], [`metrics`], [`audit`]; [`cli`] → [`config`].

pub mod api;
pub mod audit;
pub mod cli;
pub mod config;
pub mod connect;
pub mod edge;
pub mod host;
pub mod identity;
pub mod metrics;
pub mod oauth_app;
