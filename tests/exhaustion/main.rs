//! Budgets, each exhausted from outside by one tenant while another tenant works.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "all of it is test code: a failure is a failed test"
)]

#[expect(dead_code, reason = "the test that looks for budgets without a test comes with all of them")]
mod database;
mod scene;
