//! Runs one piece - a WebAssembly component of world `leno:piece/piece` - in wasmtime, and nothing else of it reaches
//! the machine.
//!
//! - [`Engine`] compiles components and loads them from its authenticated cache of compiled code.
//! - [`Piece`] is a loaded component: checked imports, its [metadata](leno_metadata::Metadata), ready to be called.
//! - [`Piece::call`] is one entry: a fresh store and instance, a budget ([`Limits`]), the [`Capabilities`] that the
//!   embedder hands in, and a [`Report`] of what came out and what it cost.
//!
//! The crate knows no database and no web server: the embedder implements the capability traits.

mod bindings;
mod cache;
mod call;
mod capability;
mod compile;
mod credential;
mod engine;
mod host;
mod inspect;
mod limits;
mod linker;
mod load;
mod logs;
mod meter;
mod outcome;
mod permits;
mod state;
mod stderr;
mod value;

pub use cache::{Cache, CacheError, CacheKey};
pub use call::{CallOptions, Entry};
pub use capability::{Audit, Capabilities, Context, Log, NoStore, Scope, Store, TriggerSetup};
pub use compile::{Compiler, compile_child};
pub use engine::{Engine, EngineConfig, EngineError, Pool};
pub use inspect::{Import, Inspection, inspect};
pub use limits::Limits;
pub use linker::offered;
pub use load::{Grant, LoadError, Piece};
pub use logs::{Level, LogLine};
pub use outcome::{Failure, HostCall, Output, Report, Usage};
