#![doc = include_str!("../README.md")]
#![allow(
    clippy::panic,
    reason = "a test that meets what it did not expect has to fail, whatever the piece makes of an error"
)]

mod build;
mod call;
mod calls;
mod clock;
mod engine;
mod error;
mod host;
mod http;
mod mask;
mod piece;
mod run;
mod store;
mod webhook;

pub use call::{ActionCall, OptionsCall, TriggerCall};
pub use clock::Clock;
pub use error::LoadError;
pub use host::Host;
pub use http::{
    Expectation, Fault, Http, Matcher, Reply, SentRequest, delete, get, head, json, patch, post, put, reply, request,
    text,
};
#[doc(no_inline)]
pub use leno_metadata::{ErrorKind, Metadata, PieceError, Problem};
#[doc(no_inline)]
pub use leno_sandbox::{Grant, HostCall, Level, Limits, LogLine, Scope, Usage};
pub use piece::Piece;
pub use run::{Run, RunError};
pub use store::Store;
pub use webhook::Webhook;
