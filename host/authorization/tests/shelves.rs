//! One suite for every shelf: the database of each kind, and Redis.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code")]

use std::sync::Arc;

use leno_authorization::{DbShelf, RedisShelf, RedisUrl, Shelf, ShelfError};
use leno_base::budget::{Budgets, Per, Spec};
use leno_db::quota::{Counted, Quota};
use leno_testkit::fresh::{self, Fresh};
use uuid::Uuid;

const NOW: i64 = 1_800_000_000_000;

static PEER: Spec = Spec { env: "LENO_PEER_X", per: Per::Peer, what: "requests", default: 3, range: (1, 10) };
static ALL: Spec = Spec { env: "LENO_X", per: Per::Host, what: "requests", default: 5, range: (1, 10) };

async fn on_each<F: AsyncFn(Arc<dyn Shelf>)>(claim: F) {
    for fresh in [Some(Fresh::sqlite()), Fresh::postgres("a shelf").await].into_iter().flatten() {
        let db = fresh.open().await;
        let quota = Quota::new(Counted::OAuthRequests, &Budgets::default(), &PEER, &ALL, None);
        claim(Arc::new(DbShelf::new(db.clone(), quota))).await;
        db.close().await;
        fresh.remove().await;
    }
    if let Some(url) = fresh::redis("a shelf") {
        let url = RedisUrl::parse(&url.into(), false).unwrap();
        claim(Arc::new(RedisShelf::new(&url).unwrap())).await;
    }
}

fn id() -> String {
    Uuid::new_v4().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_and_a_request_are_taken_once_by_however_many() {
    on_each(async |shelf| {
        for _ in 0..100 {
            let (code, request) = (id(), id());
            shelf.put_code(&code, "c", NOW, NOW + 60_000).await.unwrap();
            shelf.put_request(&request, &id(), "r", NOW, NOW + 60_000).await.unwrap();
            let tasks: Vec<_> = (0..50)
                .map(|_| {
                    let (shelf, code, request) = (shelf.clone(), code.clone(), request.clone());
                    tokio::spawn(async move {
                        let taken = shelf.take_code(&code, NOW).await.unwrap();
                        (taken, shelf.take_request(&request, NOW).await.unwrap().is_some())
                    })
                })
                .collect();
            let (mut codes, mut requests) = (0, 0);
            for task in tasks {
                let (code, request) = task.await.unwrap();
                codes += u32::from(code);
                requests += u32::from(request);
            }
            assert_eq!((codes, requests), (1, 1));
            assert_eq!(shelf.code(&code, NOW).await.unwrap(), None);
            assert_eq!(shelf.request(&request, NOW).await.unwrap(), None);
        }
    })
    .await;
}

#[tokio::test]
async fn the_first_user_who_looks_is_the_one_who_decides() {
    on_each(async |shelf| {
        let request = id();
        assert_eq!(shelf.claim_request(&request, "u", NOW).await.unwrap(), None);
        shelf.put_request(&request, &id(), "r", NOW, NOW + 60_000).await.unwrap();
        for user in ["u", "v", "u"] {
            assert_eq!(shelf.claim_request(&request, user, NOW).await.unwrap().as_deref(), Some("u"));
        }
        assert_eq!(shelf.take_request(&request, NOW).await.unwrap().as_deref(), Some("r"));
    })
    .await;
}

#[tokio::test]
async fn a_code_that_was_guessed_with_too_often_is_gone() {
    on_each(async |shelf| {
        let code = id();
        shelf.put_code(&code, "c", NOW, NOW + 60_000).await.unwrap();
        for last in [false, false, true, false] {
            assert_eq!(shelf.fail_code(&code, 3).await.unwrap(), last);
        }
        assert_eq!(shelf.code(&code, NOW).await.unwrap(), None);
        assert!(!shelf.take_code(&code, NOW).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn rows_end_by_the_clock_and_have_a_limit() {
    let fresh = Fresh::sqlite();
    let db = fresh.open().await;
    let quota = Quota::new(Counted::OAuthRequests, &Budgets::default(), &PEER, &ALL, None);
    let shelf = DbShelf::new(db, quota);
    let (code, request) = (id(), id());
    shelf.put_code(&code, "c", NOW, NOW + 1_000).await.unwrap();
    shelf.put_request(&request, "a", "r", NOW, NOW + 1_000).await.unwrap();
    assert!(shelf.code(&code, NOW + 999).await.unwrap().is_some());
    assert!(shelf.code(&code, NOW + 1_000).await.unwrap().is_none());
    assert!(!shelf.take_code(&code, NOW + 1_000).await.unwrap());
    assert!(shelf.take_request(&request, NOW + 1_000).await.unwrap().is_none());
    for _ in 0..2 {
        shelf.put_request(&id(), "a", "r", NOW, NOW + 1_000).await.unwrap();
    }
    let refused = shelf.put_request(&id(), "a", "r", NOW, NOW + 1_000).await;
    assert!(matches!(refused, Err(ShelfError::Full(_))));
    for _ in 0..2 {
        shelf.put_request(&id(), "b", "r", NOW, NOW + 1_000).await.unwrap();
    }
    assert!(shelf.put_request(&id(), "c", "r", NOW, NOW + 1_000).await.is_err(), "five of all addresses");
    assert_eq!(shelf.sweep(NOW + 1_000).await.unwrap(), 6);
    shelf.put_request(&id(), "a", "r", NOW, NOW + 1_000).await.unwrap();
}

#[tokio::test]
async fn a_redis_that_does_not_respond_fails() {
    let url = RedisUrl::parse(&"redis://127.0.0.1:9".into(), false).unwrap();
    let shelf = RedisShelf::new(&url).unwrap();
    assert!(matches!(shelf.take_code("c", NOW).await, Err(ShelfError::Redis(_))));
}
