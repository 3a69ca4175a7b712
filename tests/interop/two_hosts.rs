//! Two hosts on one database, of which one stops, or is cut off, after it has sent a refresh token that works once.

use std::time::{Duration, Instant};

use leno_testkit::{Server, Wire, fresh::Fresh, peers, peers::Fault};
use reqwest::StatusCode;

use crate::scene::{self, SOON, Scene, request};

/// Longer than the lease of a refresh, which its holder would have kept alive.
const LONG: Duration = Duration::from_secs(20);

/// A second host on the database of `scene`.
async fn second(scene: &Scene, database: &str) -> Server {
    let url = format!("http://127.0.0.1:{}", peers::free_port().unwrap());
    let options = scene::options(&url, &scene.provider).env("DATABASE_URL", database);
    Server::start(options).await.unwrap()
}

/// Asks the host at `url` for the token of `crm`, as a user of the first host.
async fn ask(scene: &Scene, url: &str) -> StatusCode {
    request(url, &scene.server, "crm").send().await.unwrap().status()
}

/// The first host sends the refresh token, and the response to it waits.
async fn begun(scene: &Scene) {
    scene.expired("crm").await;
    scene.provider.fault(Fault::HoldAfter).await.unwrap();
    tokio::spawn(request(scene.server.url(), &scene.server, "crm").send());
    scene.provider.until(SOON, |state| state.held == 1).await.unwrap();
}

/// The second host waits for the first, as long as it takes, and does not send the token again.
async fn waits(scene: &Scene, other: &Server) {
    let end = Instant::now() + LONG;
    while Instant::now() < end {
        assert_eq!(ask(scene, other.url()).await, StatusCode::SERVICE_UNAVAILABLE);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let state = scene.provider.state().await.unwrap();
    assert_eq!(state.refreshes(), 1, "{state:?}");
}

/// Both hosts have the new token, and the grant is alive.
async fn is_well(scene: &Scene, other: &Server) {
    let (status, body) = scene.settle("crm").await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let end = Instant::now() + SOON;
    while ask(scene, other.url()).await != StatusCode::OK {
        assert!(Instant::now() < end, "the second host has no token");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let state = scene.provider.state().await.unwrap();
    assert_eq!((state.refreshes(), state.revoked_grants), (1, 0), "{state:?}");
    assert_eq!(scene.connection("crm").await["status"], "ACTIVE");
    assert_eq!(scene.run("me", "crm").await.output()["status"], 200);
}

/// The first host is stopped as a whole while its response waits, for longer than its lease.
async fn survives_a_stop(database: Option<&str>) {
    let with = |options: leno_testkit::Options| match database {
        Some(url) => options.env("DATABASE_URL", url),
        None => options,
    };
    let Some(scene) = Scene::with(with).await else { return };
    let file = format!("sqlite:{}", scene.server.data().join("leno.db").display());
    let other = second(&scene, database.unwrap_or(&file)).await;
    begun(&scene).await;
    scene.server.pause().unwrap();
    scene.provider.release().await.unwrap();
    waits(&scene, &other).await;
    scene.server.resume().unwrap();
    is_well(&scene, &other).await;
}

#[tokio::test]
async fn a_host_that_is_stopped_after_it_sent_a_token_keeps_the_connection_on_sqlite() {
    survives_a_stop(None).await;
}

#[tokio::test]
async fn a_host_that_is_stopped_after_it_sent_a_token_keeps_the_connection_on_postgres() {
    let Some(database) = Fresh::postgres("a_stopped_host").await else { return };
    survives_a_stop(Some(&database.url())).await;
    database.remove().await;
}

#[tokio::test]
async fn a_host_that_loses_its_database_after_it_sent_a_token_saves_the_answer_when_it_is_back() {
    let Some(database) = Fresh::postgres("a_host_without_database").await else { return };
    let (url, wire) = (database.url(), Wire::to(([127, 0, 0, 1], 5432).into()).await.unwrap());
    let wired = url.replace("127.0.0.1:5432", &wire.address().to_string());
    let Some(scene) = Scene::with(|options| options.env("DATABASE_URL", &wired)).await else { return };
    let other = second(&scene, &url).await;
    begun(&scene).await;
    wire.cut();
    scene.provider.release().await.unwrap();
    waits(&scene, &other).await;
    wire.mend();
    is_well(&scene, &other).await;
    drop((scene, other));
    database.remove().await;
}

#[tokio::test]
async fn a_host_that_is_killed_after_it_sent_a_token_is_given_up_at_once_on_sqlite() {
    let Some(scene) = Scene::start().await else { return };
    let other = second(&scene, &format!("sqlite:{}", scene.server.data().join("leno.db").display())).await;
    begun(&scene).await;
    scene.server.kill().unwrap();
    scene.provider.release().await.unwrap();
    // Within the other's next heartbeat; the response is lost, and that is told.
    let end = Instant::now() + Duration::from_secs(15);
    while ask(&scene, other.url()).await == StatusCode::SERVICE_UNAVAILABLE {
        assert!(Instant::now() < end, "the second host waits for a dead one");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(ask(&scene, other.url()).await, StatusCode::FAILED_DEPENDENCY);
}
