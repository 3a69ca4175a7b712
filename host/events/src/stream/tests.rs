use std::pin::pin;

use futures_util::StreamExt as _;

use leno_base::{budget::Budgets, milliseconds};
use leno_db::Party;

use super::*;
pub(crate) use leno_base::MovingClock;

pub(crate) fn owner(tenant: &str, user: &str) -> Owner {
    Owner { tenant: tenant.into(), user: user.into() }
}

/// Something that happened to `subject`.
pub(crate) fn sample(owner: &Owner, subject: &str) -> NewEvent {
    let data = json!({"subject": subject, "expiresAt": iso(1_700_000_000_000)});
    NewEvent { owner: owner.clone(), kind: "thing.changed", data }
}

/// Lets something happen.
pub(crate) async fn happen(events: &Events, db: &Db, clock: &MovingClock, event: NewEvent) -> EventRow {
    let mut tx = db.begin(Party::Host).await.unwrap();
    let now = milliseconds(clock);
    let event = events.append(&mut tx, event, now).await.unwrap();
    tx.commit().await.unwrap();
    events.published(&event);
    event
}

pub(crate) async fn database() -> (Db, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let db = Db::connect(&format!("sqlite:{}", directory.path().join("leno.db").display()), &Budgets::default())
        .await
        .unwrap();
    db.migrate().await.unwrap();
    (db, directory)
}

struct Scene {
    db: Db,
    clock: Arc<MovingClock>,
    events: Events,
    owner: Owner,
    _directory: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
        let (db, directory) = database().await;
        let clock = MovingClock::new();
        let events = Events::new(db.clone(), &Budgets::default());
        Self { db, clock, events, owner: owner("t", "u"), _directory: directory }
    }

    async fn happen(&self, external_id: &str) -> EventRow {
        let row = sample(&self.owner, external_id);
        happen(&self.events, &self.db, &self.clock, row).await
    }
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it takes too long")
}

#[tokio::test]
async fn an_event_is_sent_with_its_id_type_time_and_owner_around_any_data() {
    let scene = Scene::new().await;
    let event = scene.happen("a").await;
    let payload: serde_json::Value = serde_json::from_str(&event.payload).unwrap();
    let expected = json!({
        "id": event.id,
        "type": "thing.changed",
        "createdAt": iso(event.created_at),
        "tenantId": "t",
        "ownerId": "u",
        "data": {"subject": "a", "expiresAt": "2023-11-14T22:13:20.000Z"},
    });
    assert_eq!(payload, expected);
}

#[tokio::test]
async fn an_owner_hears_what_comes_in_order_and_nothing_of_others() {
    let scene = Scene::new().await;
    scene.happen("before").await;
    let mut heard = pin!(scene.events.listen(&scene.owner, None).await.unwrap());
    for (tenant, owner) in [("t", "v"), ("s", "u")] {
        let row = sample(&self::owner(tenant, owner), "other");
        happen(&scene.events, &scene.db, &scene.clock, row).await;
    }
    let mut written = Vec::new();
    for number in 0..20 {
        written.push(scene.happen(&number.to_string()).await.id);
    }
    assert!(written.is_sorted());
    for id in &written {
        assert_eq!(soon(heard.next()).await.unwrap().id, *id);
    }
}

#[tokio::test]
async fn what_a_transaction_takes_back_is_never_heard() {
    let scene = Scene::new().await;
    let mut heard = pin!(scene.events.listen(&scene.owner, None).await.unwrap());
    let mut tx = scene.db.begin(Party::Host).await.unwrap();
    let row = sample(&scene.owner, "undone");
    let now = milliseconds(&*scene.clock);
    scene.events.append(&mut tx, row, now).await.unwrap();
    tx.rollback().await.unwrap();
    let done = scene.happen("done").await;
    assert_eq!(soon(heard.next()).await.unwrap().id, done.id);
}

#[tokio::test]
async fn who_resumes_gets_all_that_came_after_and_then_what_comes() {
    let scene = Scene::new().await;
    let mut ids = Vec::new();
    for number in 0..(PAGE + 50) {
        ids.push(scene.happen(&number.to_string()).await.id);
    }
    let after = ids[2].parse().unwrap();
    let mut heard = pin!(scene.events.listen(&scene.owner, Some(after)).await.unwrap());
    assert_eq!(soon(heard.next()).await.unwrap().id, ids[3]);
    ids.push(scene.happen("later").await.id);
    for id in &ids[4..] {
        assert_eq!(soon(heard.next()).await.unwrap().id, *id);
    }
}

#[tokio::test]
async fn what_another_host_wrote_is_heard_though_nobody_said_so_and_though_its_id_is_older() {
    let scene = Scene::new().await;
    let other = Events::new(scene.db.clone(), &Budgets::default());
    let mut heard = pin!(scene.events.listen(&scene.owner, None).await.unwrap());
    let young = scene.happen("young").await;
    assert_eq!(soon(heard.next()).await.unwrap().id, young.id);
    // Its transaction began five seconds before that of the other, and ends now.
    let mut tx = scene.db.begin(Party::Host).await.unwrap();
    let row = sample(&scene.owner, "old");
    let old = other.append(&mut tx, row, young.created_at - 5_000).await.unwrap();
    tx.commit().await.unwrap();
    assert!(old.id < young.id);
    assert_eq!(soon(heard.next()).await.unwrap().id, old.id);
}

#[tokio::test]
async fn who_resumes_after_an_event_that_was_removed_gets_those_since_its_time() {
    let scene = Scene::new().await;
    let gone = scene.happen("gone").await;
    scene.clock.advance(Duration::from_secs(1));
    let next = scene.happen("next").await;
    leno_db::events::delete_before(&scene.db, next.created_at).await.unwrap();
    let mut heard = pin!(scene.events.listen(&scene.owner, Some(gone.id.parse().unwrap())).await.unwrap());
    assert_eq!(soon(heard.next()).await.unwrap().id, next.id);
}

#[tokio::test]
async fn who_reads_slowly_misses_nothing_and_gets_nothing_twice() {
    let scene = Scene::new().await;
    let mut heard = pin!(scene.events.listen(&scene.owner, None).await.unwrap());
    let first = scene.happen("first").await;
    assert_eq!(soon(heard.next()).await.unwrap().id, first.id);
    let mut ids = Vec::new();
    let mut ids_end = 0;
    for number in 0..(2 * BEHIND) {
        let event = scene.happen(&number.to_string()).await;
        ids_end = event.xact;
        ids.push(event.id);
    }
    // Until the channel has lost some.
    soon(async {
        while scene.events.0.tail.lock().await.from <= ids_end {
            tokio::task::yield_now().await;
        }
    })
    .await;
    ids.push(scene.happen("last").await.id);
    for id in &ids {
        assert_eq!(soon(heard.next()).await.unwrap().id, *id);
    }
}

#[tokio::test]
async fn an_owner_has_a_bounded_number_of_streams_and_all_end_at_the_stop() {
    let scene = Scene::new().await;
    let listen = || scene.events.listen(&scene.owner, None);
    let mut streams = Vec::new();
    for _ in 0..USER_STREAMS.default {
        streams.push(Box::pin(listen().await.unwrap()));
    }
    assert!(matches!(listen().await, Err(ListenError::TooMany(_))));
    assert!(scene.events.listen(&owner("t", "v"), None).await.is_ok());
    streams.pop();
    streams.push(Box::pin(listen().await.unwrap()));
    scene.events.stop();
    for mut stream in streams {
        assert_eq!(soon(stream.next()).await, None);
    }
    assert!(matches!(listen().await, Err(ListenError::Stopping)));
}
