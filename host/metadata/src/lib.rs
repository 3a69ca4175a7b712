//! The metadata document of a piece: its types, its JSON Schema, the coercion of inputs, versions, and the injection of
//! credentials. Pure: it reads no file, opens no socket and knows no clock.
//!
//! - [`Metadata::parse`] reads what a piece's `describe` export returns and reports every problem at once.
//! - [`coerce`] turns a step's input into what the piece receives.
//! - [`ConnectionValue`] holds a decrypted connection; [`Auth::credentials`] says what the host adds to a request and
//!   [`Auth::hosts`] where it may go; [`ConnectionValue::settings`] is what the piece may see.
//! - [`VersionReq`] and [`PieceName`] choose a piece.
//! - [`Metadata::full`] and [`Metadata::summary`] write what Activepieces' clients expect.
//!
//! ```
//! use leno_metadata::{Metadata, coerce};
//! use serde_json::json;
//!
//! let piece = Metadata::parse(r#"{
//!     "name": "hello", "version": "1.0.0", "displayName": "Hello", "logoUrl": "https://example.com/hello.svg",
//!     "actions": {"greet": {"name": "greet", "displayName": "Greet", "props": {
//!         "who": {"type": "SHORT_TEXT", "displayName": "Who", "required": true},
//!         "times": {"type": "NUMBER", "displayName": "Times", "required": false, "defaultValue": 1}
//!     }}}
//! }"#)?;
//! let greet = &piece.actions["greet"];
//! assert_eq!(coerce(&greet.props, json!({"who": 7}))?.value, json!({"who": "7", "times": 1}));
//! # Ok::<(), leno_metadata::Problems>(())
//! ```

mod activepieces;
mod auth;
mod check;
mod coerce;
mod connection;
mod decimal;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod host;
mod injection;
mod json;
mod limits;
mod lookup;
mod metadata;
mod name;
mod parse;
mod problem;
mod property;
mod schema;
mod secrets;
mod source;
mod template;
mod version;

pub use auth::{Auth, AuthorizationMethod, GrantType, Label, OAuth2, PkceMethod, Prompt, Scheme};
pub use coerce::{Coerced, FileContent, PendingFile, coerce, coerce_with};
pub use connection::{ConnectionKind, ConnectionValue};
pub use error::{Details, ErrorKind, PieceError};
pub use injection::Injection;
pub use json::is_reserved;
pub use limits::{MAX_DEPTH, MAX_DOCUMENT, MAX_EXPANSION};
pub use lookup::Undeclared;
pub use metadata::{
    Action, Category, ErrorHandling, ErrorOption, Handshake, HandshakeStrategy, Metadata, Renew, RenewStrategy,
    TestStrategy, Trigger, TriggerKind,
};
pub use name::{InvalidPieceName, PieceName};
pub use parse::parse_properties;
pub use problem::{MAX_PROBLEMS, Problem, Problems};
pub use property::{Choice, Choices, Properties, Property, PropertyKind, Refreshing};
pub use schema::SCHEMA;
pub use secrets::{SHORTEST_MASKED, Secrets};
pub use source::Connection;
pub use template::{InvalidTemplate, Template};
pub use version::{InvalidVersionReq, VersionReq};
