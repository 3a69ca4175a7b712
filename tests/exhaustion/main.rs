//! Budgets, each exhausted from outside by one tenant while another tenant works.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "all of it is test code: a failure is a failed test"
)]

#[allow(dead_code, reason = "each list is for the test that enumerates the budgets")]
mod quotas;
#[allow(dead_code, reason = "each topic uses a part of it")]
mod scene;
