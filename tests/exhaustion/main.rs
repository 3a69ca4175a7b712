//! Budgets, each exhausted from outside by one tenant while another tenant works.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "all of it is test code: a failure is a failed test"
)]

mod registry;
#[allow(dead_code, reason = "what other tests of budgets need")]
mod scene;
