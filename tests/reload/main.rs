//! What survives: calls while pieces are replaced, pieces while the host is restarted or killed, the host while clients
//! stall.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of it is test code: a failure is a failed test"
)]

mod crash;
mod replacement;
mod slow;
mod start;
mod stop;
