//! `kill -9` at the worst moments: what can be saved is saved, and what cannot says why.

use std::time::Duration;

use leno_testkit::peers::Fault;
use reqwest::StatusCode;
use serde_json::json;
use sqlx::{Connection as _, Executor as _, SqliteConnection};

use crate::scene::{SOON, Scene, request};

/// Asks for the token of `crm` in the background and waits until the provider holds the refresh.
async fn refresh_is_held(scene: &Scene, fault: Fault) {
    scene.provider.fault(fault).await.unwrap();
    let ask = request(scene.server.url(), &scene.server, "crm");
    tokio::spawn(ask.send());
    scene.provider.until(SOON, |state| state.held == 1).await.unwrap();
}

/// The connection is shown as broken, with the cause, and nothing else is.
async fn says_that_the_answer_was_lost(scene: &Scene) {
    let (status, body) = scene.settle("crm").await;
    assert_eq!(status, StatusCode::FAILED_DEPENDENCY, "{body}");
    let connection = scene.connection("crm").await;
    assert_eq!(connection["status"], "ERROR", "{connection}");
    assert!(connection["statusReason"].as_str().unwrap().contains("refresh_response_lost"), "{connection}");
    let run = scene.run("me", "crm").await;
    assert_eq!(run.status, 424, "{}", run.text);
}

#[tokio::test]
async fn a_cut_before_the_provider_processed_the_refresh_loses_nothing() {
    let Some(scene) = Scene::start().await else { return };
    let bystander = scene.bystander().await;
    scene.expired("crm").await;
    refresh_is_held(&scene, Fault::HoldBefore).await;
    let scene = scene.crash().await;
    // The client of the response is gone, so the provider gives up on it.
    scene.provider.release().await.unwrap();
    let (status, body) = scene.settle("crm").await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let state = scene.provider.state().await.unwrap();
    assert_eq!((state.refreshes(), state.revoked_grants), (1, 0), "{state:?}");
    assert_eq!(scene.connection("crm").await["status"], "ACTIVE");
    scene.check_bystander(&bystander).await;
}

#[tokio::test]
async fn a_cut_before_the_answer_of_a_processed_refresh_says_that_it_was_lost() {
    let Some(scene) = Scene::start().await else { return };
    let bystander = scene.bystander().await;
    scene.expired("crm").await;
    refresh_is_held(&scene, Fault::HoldAfter).await;
    let scene = scene.crash().await;
    scene.provider.release().await.unwrap();
    says_that_the_answer_was_lost(&scene).await;
    scene.check_bystander(&bystander).await;
    // Connecting again heals it.
    scene.sign_in("crm", 3600).await;
    assert_eq!(scene.run("me", "crm").await.output()["status"], 200);
}

/// Holds the database's write lock until dropped or committed.
async fn lock(scene: &Scene) -> SqliteConnection {
    let file = scene.server.data().join("leno.db");
    let mut database = SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    database.execute("BEGIN IMMEDIATE").await.unwrap();
    database
}

/// Lets the provider respond into a locked database, and waits until the response is out.
async fn answer_meets_a_lock(scene: &Scene) -> SqliteConnection {
    refresh_is_held(scene, Fault::HoldBefore).await;
    let locked = lock(scene).await;
    scene.provider.release().await.unwrap();
    scene.provider.until(SOON, |state| state.granted.contains_key("refresh_token")).await.unwrap();
    // No event shows that the response has been read; loopback takes less.
    tokio::time::sleep(Duration::from_millis(500)).await;
    locked
}

#[tokio::test]
async fn a_cut_while_the_answer_waits_for_the_database_says_that_it_was_lost() {
    let Some(scene) = Scene::start().await else { return };
    let bystander = scene.bystander().await;
    scene.expired("crm").await;
    let locked = answer_meets_a_lock(&scene).await;
    // The host must be dead before the lock is free: it would save.
    let scene = scene.crash_then(async move || locked.close().await.unwrap()).await;
    says_that_the_answer_was_lost(&scene).await;
    scene.check_bystander(&bystander).await;
}

#[tokio::test]
async fn an_answer_that_waits_for_the_database_is_saved_when_that_is_free() {
    let Some(scene) = Scene::start().await else { return };
    scene.expired("crm").await;
    let locked = answer_meets_a_lock(&scene).await;
    locked.close().await.unwrap();
    let (status, body) = scene.settle("crm").await;
    assert_eq!((status, &body["value"]["expires_in"]), (StatusCode::OK, &json!(3600)), "{body}");
    let state = scene.provider.state().await.unwrap();
    assert_eq!((state.refreshes(), state.revoked_grants), (1, 0), "{state:?}");
}
