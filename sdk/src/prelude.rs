//! The names that most pieces need: `use leno_sdk::prelude::*;`.

pub use serde_json::json;

pub use crate::auth::Auth;
pub use crate::props::{
    Color, File, Json, LongText, Lookup, Map, Markdown, NoProps, Options, Properties, Property, SecretText, Value,
};
pub use crate::trigger::polling::{Entry, Polling, Since, Strategy};
pub use crate::trigger::{AppWebhook, HandshakeResponse, Manual, Watching, Webhook, WebhookRequest};
pub use crate::{Category, Context, DateTime, Error, ErrorKind, Piece, Result, Trigger};
pub use crate::{Choice, Props, action, piece, trigger};
pub use crate::{connection, http, log, store};
