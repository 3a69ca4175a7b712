//! Leno: hosts automation pieces as WebAssembly components.
//!
//! One module per room; a room uses only those below it:
//! [`cli`] → [`api`] → [`pieces`], [`connections`] → [`db`], [`identity`], [`metrics`] → [`config`].

pub mod api;
pub mod cli;
pub mod config;
pub mod edge;
pub mod identity;
pub mod metrics;
