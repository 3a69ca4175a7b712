//! The client against real servers on the loopback interface, most of them hostile.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "servers and helpers are test code too"
)]

mod codings;
mod credentials;
mod destinations;
mod limits;
mod parsers;
mod redirects;
mod support;
mod tls;
