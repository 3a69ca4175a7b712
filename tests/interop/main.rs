//! Leno beside real third parties on loopback.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failure is a failed test"
)]

mod third_parties;
