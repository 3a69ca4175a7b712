//! Leno beside real third parties on loopback.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a failure is a failed test"
)]

mod answers;
mod canaries;
mod clients;
mod contract;
mod embedding;
mod encryption;
mod herd;
mod oauth_app;
mod pages;
mod power_cut;
mod random_requests;
mod scene;
mod sign_in;
mod third_parties;
mod two_hosts;
mod window;
