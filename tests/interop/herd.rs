//! All callers need the same token at once.

use std::collections::BTreeSet;

use leno_testkit::{Server, fresh::Fresh, peers};

use crate::scene::{self, Scene};

#[tokio::test]
async fn five_hundred_callers_of_two_hosts_renew_an_ended_token_once() {
    let Some(database) = Fresh::postgres("herd").await else { return };
    let url = database.url();
    let Some(scene) = Scene::with(|options| options.env("DATABASE_URL", &url)).await else { return };
    let other = format!("http://127.0.0.1:{}", peers::free_port().unwrap());
    let other = scene::options(&other, &scene.provider).env("DATABASE_URL", &url);
    let other = Server::start(other).await.unwrap();
    scene.expired("crm").await;

    let callers = (0..500).map(|number| {
        let host = if number % 2 == 0 { scene.server.url() } else { other.url() }.to_owned();
        let request = scene::request(&host, &scene.server, "crm");
        tokio::spawn(async move {
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.json::<serde_json::Value>().await.unwrap())
        })
    });
    let mut tokens = BTreeSet::new();
    for caller in callers.collect::<Vec<_>>() {
        let (status, body) = caller.await.unwrap();
        assert_eq!(status, 200, "{body}");
        tokens.insert(body["value"]["access_token"].as_str().unwrap().to_owned());
    }
    let state = scene.provider.state().await.unwrap();
    assert_eq!((tokens.len(), state.refreshes(), state.revoked_grants), (1, 1, 0), "{state:?}");
    drop(other);
    drop(scene);
    database.remove().await;
}
