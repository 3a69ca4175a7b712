#![doc = include_str!("../README.md")]

// The macros write `::leno_sdk`, also in the tests of this crate.
#[allow(unused_extern_crates)]
extern crate self as leno_sdk;

mod action;
pub mod auth;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod bindings;
pub mod connection;
mod context;
mod document;
mod error;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod export;
mod hash;
pub mod http;
mod json_path;
mod level;
pub mod log;
mod piece;
pub mod prelude;
pub mod props;
mod scope;
pub mod secrets;
pub mod store;
mod sys;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
mod time;
pub mod trigger;

pub use action::Action;
pub use context::Context;
pub use error::{Error, ErrorKind, Result};
pub use leno_sdk_macros::{Choice, Props, action, piece, trigger};
pub use piece::{Category, Piece};
pub use props::Props;
pub use time::{DateTime, InvalidDateTime};
pub use trigger::Trigger;

/// Names that the macros' output uses. Not for authors.
#[doc(hidden)]
pub mod __private {
    pub use serde;
    pub use serde_json::value::RawValue;

    pub use crate::action::{output, text};
    pub use crate::document::Document;
    pub use crate::props::choice;
    pub use crate::trigger::{Texts, Written};
}
