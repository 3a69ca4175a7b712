//! Guests that attack the host, one claim per test. Each runs beside a well-behaved neighbour, which must not notice.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "all of it is test code: a failure is a failed test"
)]

mod callers;
mod capabilities;
mod crash;
mod egress;
mod files;
mod loading;
mod logs;
mod memory;
mod scene;
mod time;
mod values;
