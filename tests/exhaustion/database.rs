//! The database: its writer, its connections, and the rows that stay.

use std::time::{Duration, Instant};

use leno_testkit::{Answer, Caller, Client, Options, fresh::Fresh};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _, PgConnection, SqliteConnection};
use tokio::{sync::watch, task::JoinHandle};

use crate::scene::Scene;

/// The budgets that these tests exhaust.
pub(crate) const EXHAUSTS: &[&str] =
    &["database_connections", "database_readers", "database_writes", "workflow_uses", "workflow_uses_per_user"];

/// The most uses of one workflow, unless set.
const USES: usize = 2_000;
/// How long large writes go on.
const ATTACK: Duration = Duration::from_secs(5);
/// Statements of a neighbour may wait for one another's and for one large write of an attacker, in a debug build.
const PATIENCE: Duration = Duration::from_secs(3);

/// Stores a connection named `id`.
async fn store(client: &Client, id: &str) -> anyhow::Result<Answer> {
    let body = json!({
        "externalId": id, "displayName": id, "pieceName": "text", "type": "SECRET_TEXT",
        "value": {"type": "SECRET_TEXT", "secret_text": "s"},
    });
    client.send(Method::POST, "/api/app-connections", Some(&body)).await
}

/// A client whose connections to the host end with it, and whose caller has a connection named `mine`.
async fn attacker(scene: &Scene) -> anyhow::Result<Client> {
    let client = scene.server.client_of(&Caller::user());
    assert_eq!(store(&client, "mine").await?.status, 201);
    Ok(client)
}

/// As many uses of the connection `mine`.
fn uses(count: usize) -> Value {
    let one = |number| json!({"nodeId": format!("step_{number}"), "connectionExternalId": "mine", "pieceName": "text"});
    json!({"connections": (0..count).map(one).collect::<Vec<_>>()})
}

async fn put(client: &Client, workflow: usize, uses: &Value) -> anyhow::Result<Answer> {
    client.send(Method::PUT, &format!("/api/workflows/w{workflow}/connections"), Some(uses)).await
}

/// Room for the bodies of 40 large writes of one tenant, so that the database is what they exhaust.
fn roomy() -> Options {
    let room = (1_u64 << 30).to_string();
    Options::new().env("LENO_REQUEST_BYTES", &room).env("LENO_TENANT_REQUEST_BYTES", &room)
}

/// The refusal of a database that has no time: typed, and with the time to come back.
fn check_busy(answer: &Answer) {
    assert_eq!((answer.status, answer.code()), (503, "database_busy"), "{}", answer.text);
    assert!(answer.headers.contains_key("retry-after"), "{:?}", answer.headers);
}

/// A tenant that stores and reads connections, and a probe that looks whether the host is ready.
struct Keeper {
    stay: watch::Sender<bool>,
    work: JoinHandle<anyhow::Result<Duration>>,
}

impl Keeper {
    /// `writes`: also stores.
    fn work(client: Client, writes: bool) -> Self {
        let (stay, leave) = watch::channel(true);
        let work = tokio::spawn(async move {
            let (mut count, mut longest) = (0, Duration::ZERO);
            while *leave.borrow() {
                let mut answers = vec![client.get("/readyz").await?, client.get("/api/app-connections").await?];
                if writes {
                    answers.push(store(&client, &format!("c{}", count % 10)).await?);
                }
                for answer in answers {
                    anyhow::ensure!(matches!(answer.status, 200 | 201), "{}: {}", answer.status, answer.text);
                    longest = longest.max(answer.took);
                }
                count += 1;
            }
            anyhow::ensure!(count > 0, "the attack was over before anything was stored");
            println!("  keeper: {count} rounds, the longest answer {longest:.1?}");
            Ok(longest)
        });
        Self { stay, work }
    }

    /// Ends the work. Nothing failed, or took longer than `most`.
    async fn leave(self, most: Duration) -> anyhow::Result<()> {
        self.stay.send_replace(false);
        let longest = self.work.await??;
        assert!(longest <= most, "an answer took {longest:?}");
        Ok(())
    }
}

/// 40 writers of one tenant replace the uses of ten workflows again and again. Returns their answers.
async fn large_writes(client: &Client) -> anyhow::Result<Vec<Answer>> {
    let (end, body) = (Instant::now() + ATTACK, uses(USES));
    let writers = (0..40).map(|number| {
        let (client, body) = (client.clone(), body.clone());
        tokio::spawn(async move {
            let mut answers = Vec::new();
            while Instant::now() < end {
                answers.push(put(&client, number % 10, &body).await?);
                // Half as long as it is told.
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            anyhow::Ok(answers)
        })
    });
    let mut answers = Vec::new();
    for writer in writers.collect::<Vec<_>>() {
        answers.extend(writer.await??);
    }
    let done = answers.iter().filter(|answer| answer.status == 200);
    let longest = answers.iter().map(|answer| answer.took).max().unwrap_or_default();
    println!("  attacker: {} of {} writes of {USES} uses, {longest:.1?} at most", done.count(), answers.len());
    Ok(answers)
}

/// `budget` is the one that refuses.
async fn others_work_beside_large_writes(scene: &Scene, budget: &str) -> anyhow::Result<()> {
    let attacker = attacker(scene).await?;
    let keeper = Keeper::work(scene.third.clone(), true);
    let answers = large_writes(&attacker).await?;
    keeper.leave(PATIENCE).await?;
    assert!(answers.iter().any(|answer| answer.status == 200), "{:?}", answers.first());
    for refused in answers.iter().filter(|answer| answer.status != 200) {
        check_busy(refused);
        let named = refused.body["details"]["budget"].as_str();
        assert!(named.is_none_or(|named| named == budget), "{}", refused.text);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn database_writes_of_one_tenant_let_others_have_their_turn() -> anyhow::Result<()> {
    let scene = Scene::start(roomy().sqlite().env("LENO_DATABASE_WRITES", "16")).await?;
    others_work_beside_large_writes(&scene, "database_writes").await?;
    scene.end(&["database_writes"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn large_writes_of_one_tenant_leave_postgres_to_others() -> anyhow::Result<()> {
    let Some(database) = Fresh::postgres("large_writes_of_one_tenant_leave_postgres_to_others").await else {
        return Ok(());
    };
    let scene = Scene::start(roomy().env("DATABASE_URL", &database.url())).await?;
    others_work_beside_large_writes(&scene, "database_connections").await?;
    scene.end(&[]).await?;
    database.remove().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_that_locks_the_file_for_8_s_holds_up_no_reader_and_breaks_no_writer() -> anyhow::Result<()> {
    let scene = Scene::start(roomy().sqlite()).await?;
    assert_eq!(store(&scene.third, "mine").await?.status, 201);
    let file = scene.server.data().join("leno.db");
    let mut other = SqliteConnection::connect(&format!("sqlite://{}", file.display())).await?;
    other.execute("BEGIN IMMEDIATE").await?;
    let reader = Keeper::work(scene.third.clone(), false);
    let writers: Vec<_> = (0..8)
        .map(|number| {
            let client = scene.attacker.clone();
            tokio::spawn(async move { store(&client, &format!("c{number}")).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(8)).await;
    other.close().await?;
    reader.leave(Duration::from_secs(1)).await?;
    for writer in writers {
        let answer = writer.await??;
        if answer.status != 201 {
            check_busy(&answer);
        }
    }
    assert_eq!(store(&scene.attacker, "afterwards").await?.status, 201);
    scene.end(&[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn database_connections_that_wait_for_a_locked_table_are_one_tenants_only() -> anyhow::Result<()> {
    let name = "database_connections_that_wait_for_a_locked_table_are_one_tenants_only";
    let Some(database) = Fresh::postgres(name).await else { return Ok(()) };
    let options = roomy().env("DATABASE_URL", &database.url()).env("LENO_DATABASE_CONNECTIONS", "4");
    let scene = Scene::start(options).await?;
    let attacker = attacker(&scene).await?;
    let mut other = PgConnection::connect(&database.url()).await?;
    other.execute("BEGIN; LOCK TABLE workflow_connection_ref").await?;
    let keeper = Keeper::work(scene.third.clone(), true);
    let body = uses(1);
    let writers: Vec<_> = (0..40)
        .map(|number| {
            let (client, body) = (attacker.clone(), body.clone());
            tokio::spawn(async move { put(&client, number, &body).await })
        })
        .collect();
    for writer in writers {
        check_busy(&writer.await??);
    }
    keeper.leave(Duration::from_secs(1)).await?;
    other.close().await?;
    assert_eq!(put(&attacker, 0, &body).await?.status, 200);
    drop(attacker);
    scene.end(&["database_connections"]).await?;
    database.remove().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn database_readers_of_one_tenant_let_others_have_their_turn() -> anyhow::Result<()> {
    let scene = Scene::start(roomy().sqlite().env("LENO_DATABASE_READERS", "1")).await?;
    let attacker = attacker(&scene).await?;
    assert_eq!(put(&attacker, 0, &uses(USES)).await?.status, 200);
    let keeper = Keeper::work(scene.third.clone(), true);
    let readers: Vec<_> = (0..150)
        .map(|_| {
            let client = attacker.clone();
            tokio::spawn(async move { client.get("/api/workflows/w0/connections").await })
        })
        .collect();
    for reader in readers {
        let answer = reader.await??;
        if answer.status != 200 {
            check_busy(&answer);
            assert_eq!(answer.body["details"]["budget"], "database_readers", "{}", answer.text);
        }
    }
    drop(attacker);
    keeper.leave(PATIENCE).await?;
    scene.end(&["database_readers"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn workflow_uses_are_limited_for_one_workflow_and_for_one_user() -> anyhow::Result<()> {
    let options = roomy().env("LENO_WORKFLOW_USES", "20").env("LENO_WORKFLOW_USES_PER_USER", "50");
    let scene = Scene::start(options).await?;
    for client in [&scene.attacker, &scene.third] {
        assert_eq!(store(client, "mine").await?.status, 201);
    }
    let refused = |answer: Answer, budget: &str| {
        assert_eq!((answer.status, answer.code()), (413, "budget_exceeded"), "{}", answer.text);
        assert_eq!(answer.body["details"]["budget"], budget, "{}", answer.text);
    };
    refused(put(&scene.attacker, 0, &uses(21)).await?, "workflow_uses");
    for workflow in [0, 1, 0, 1] {
        assert_eq!(put(&scene.attacker, workflow, &uses(20)).await?.status, 200);
    }
    refused(put(&scene.attacker, 2, &uses(11)).await?, "workflow_uses_per_user");
    assert_eq!(scene.attacker.get("/api/workflows/w2/connections").await?.body, uses(0));
    assert_eq!(put(&scene.third, 2, &uses(20)).await?.status, 200);
    assert_eq!(put(&scene.attacker, 2, &uses(10)).await?.status, 200);
    scene.end(&["workflow_uses", "workflow_uses_per_user"]).await
}
