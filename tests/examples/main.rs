//! What is in `examples` works: the piece in the sandbox and on a server, the clients beside a server.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a failure is a failed test"
)]

mod clients;
mod component;
mod lossy;
mod programs;
mod scene;
mod server;
mod types;
