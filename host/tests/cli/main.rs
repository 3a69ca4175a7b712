//! The command line as its users call it: the built program, from outside.
//!
//! Tests that need components look for text.wasm, http.wasm and store.wasm in the directory that `LENO_TEST_PIECES` names,
//! and say so when they are not there.

#![allow(clippy::unwrap_used, clippy::panic)]

mod commands;
mod new_piece;
mod running;
mod serving;
mod support;
