//! The command line as its users call it: the built program, from outside.
//!
//! Tests that need components take text.wasm, http.wasm and store.wasm from the directory that `LENO_TEST_PIECES`
//! names, and report when they are absent.

#![allow(clippy::unwrap_used, clippy::panic)]

mod auditing;
mod backups;
mod commands;
mod locking;
mod new_piece;
mod running;
mod serving;
mod support;
