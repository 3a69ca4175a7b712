//! Budgets, each exhausted from outside by one tenant while another tenant works.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "all of it is test code: a failure is a failed test"
)]

mod bodies;
mod calls;
mod database;
mod egress;
mod listener;
mod oauth_app;
mod permits;
mod quotas;
mod raw;
mod registry;
mod scene;
mod soak;

/// The budgets that each file exhausts.
const EXHAUSTED: &[&[&str]] = &[
    bodies::EXHAUSTS,
    calls::EXHAUSTS,
    database::EXHAUSTS,
    egress::EXHAUSTS,
    listener::EXHAUSTS,
    oauth_app::EXHAUSTS,
    permits::EXHAUSTS,
    quotas::EXHAUSTS,
    registry::EXHAUSTS,
];

#[tokio::test]
async fn each_budget_of_the_host_is_exhausted_by_a_test() -> anyhow::Result<()> {
    let server = leno_testkit::Server::start(leno_testkit::Options::new()).await?;
    let metrics = server.client().metrics().await?;
    let declared = metrics.labels("leno_budget_limit", "budget");
    let untested: Vec<_> =
        declared.iter().filter(|name| !EXHAUSTED.iter().any(|names| names.contains(&name.as_str()))).collect();
    assert!(!declared.is_empty());
    assert!(untested.is_empty(), "no test exhausts {untested:?}");
    Ok(())
}
