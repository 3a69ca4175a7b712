//! All callers need the same token at once.

use std::collections::BTreeSet;

use leno_testkit::{Server, peers};
use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::scene::{self, Scene};

const POSTGRES: &str = "postgres://postgres@127.0.0.1:5432";

/// A separate database, dropped with this value.
struct Database(String);

impl Database {
    /// `None`, with a message on standard error, without PostgreSQL.
    async fn create() -> Option<Self> {
        let mut server = match PgConnection::connect(&format!("{POSTGRES}/postgres")).await {
            Ok(server) => server,
            Err(error) => {
                eprintln!("skipped: no PostgreSQL at {POSTGRES}: {error}");
                return None;
            }
        };
        let name = format!("leno_interop_{}", uuid::Uuid::new_v4().simple());
        server.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        Some(Self(name))
    }

    fn url(&self) -> String {
        format!("{POSTGRES}/{}", self.0)
    }

    async fn drop(self) {
        let mut server = PgConnection::connect(&format!("{POSTGRES}/postgres")).await.unwrap();
        server.execute(sqlx::AssertSqlSafe(format!("DROP DATABASE {} WITH (FORCE)", self.0))).await.unwrap();
    }
}

#[tokio::test]
async fn five_hundred_callers_of_two_hosts_renew_an_ended_token_once() {
    let Some(database) = Database::create().await else { return };
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
    database.drop().await;
}
