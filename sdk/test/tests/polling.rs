//! The SDK's polling, through the real component: nothing is lost or repeated, whatever happens in between.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use futures_util::join;
use leno_test::{ErrorKind, Host, Piece, Scope, TriggerCall, get, json, reply};
use serde_json::{Value, json};
use support::poller;

const ITEMS: &str = "https://poll.test/items";

fn by_time(piece: &Piece) -> TriggerCall<'_> {
    piece.trigger("new_by_time").props(json!({"list": "inbox"}))
}

fn by_place(piece: &Piece) -> TriggerCall<'_> {
    piece.trigger("new_by_place").props(json!({"list": "inbox"}))
}

/// The next response of the source: ids, and times in seconds after the epoch.
fn source(host: &Host, items: &[(u64, u64)]) {
    let items: Vec<Value> =
        items.iter().map(|(id, at)| json!({"id": id, "at": format!("1970-01-01T00:00:{at:02}Z")})).collect();
    host.http().expect(get(ITEMS)).respond(json(200, items));
}

async fn poll(trigger: TriggerCall<'_>, host: &Host) -> Vec<u64> {
    let run = trigger.run(host).await;
    run.events().iter().map(|event| event["id"].as_u64().unwrap()).collect()
}

async fn enable(trigger: TriggerCall<'_>, host: &Host) {
    assert_eq!(*trigger.enable(host).await.output(), json!(null));
}

#[tokio::test]
async fn what_is_there_when_the_trigger_is_enabled_is_not_reported_and_what_comes_later_is_once() {
    let (piece, host) = (poller().await, Host::new());
    source(&host, &[(2, 20), (1, 10)]);
    enable(by_time(&piece), &host).await;
    assert_eq!(host.schedules(), [("*/2 * * * *".to_owned(), "UTC".to_owned())]);
    for expected in [vec![3, 4], vec![]] {
        source(&host, &[(4, 40), (3, 30), (2, 20), (1, 10)]);
        assert_eq!(poll(by_time(&piece), &host).await, expected);
    }
}

#[tokio::test]
async fn of_two_items_with_the_same_time_none_is_lost() {
    let (piece, host) = (poller().await, Host::new());
    source(&host, &[(1, 10)]);
    enable(by_time(&piece), &host).await;
    source(&host, &[(2, 10), (1, 10)]);
    assert_eq!(poll(by_time(&piece), &host).await, [2]);
    source(&host, &[(3, 10), (2, 10), (1, 10)]);
    assert_eq!(poll(by_time(&piece), &host).await, [3]);
}

#[tokio::test]
async fn the_deletion_of_the_newest_item_does_not_bring_older_ones_back() {
    let (piece, host) = (poller().await, Host::new());
    source(&host, &[(5, 0), (4, 0), (3, 0)]);
    enable(by_place(&piece), &host).await;
    source(&host, &[(7, 0), (6, 0), (4, 0), (3, 0)]);
    assert_eq!(poll(by_place(&piece), &host).await, [6, 7]);
    source(&host, &[(6, 0), (4, 0), (3, 0)]);
    assert!(poll(by_place(&piece), &host).await.is_empty());
}

#[tokio::test]
async fn an_item_without_a_time_is_named_and_the_others_come_once_it_is_mended() {
    let (piece, host) = (poller().await, Host::new());
    source(&host, &[(1, 10)]);
    enable(by_time(&piece), &host).await;
    host.http()
        .expect(get(ITEMS))
        .respond(json(200, [json!({"id": 3, "at": "soon"}), json!({"id": 2, "at": "1970-01-01T00:00:20Z"})]));
    let run = by_time(&piece).run(&host).await;
    assert!(run.error().message.contains("`3`"), "{}", run.error());
    source(&host, &[(3, 30), (2, 20), (1, 10)]);
    assert_eq!(poll(by_time(&piece), &host).await, [2, 3]);
}

#[tokio::test]
async fn events_that_the_host_lost_come_again() {
    let (piece, host) = (poller().await, Host::new());
    for trigger in [by_time(&piece), by_place(&piece)] {
        let host_state = |host: &Host| format!("{:?}", host.store());
        host.store().delete(Scope::Flow, &host.store().keys(Scope::Flow).pop().unwrap_or_default());
        source(&host, &[(1, 10)]);
        enable(trigger.clone(), &host).await;
        let before = host_state(&host);
        for _ in 0..2 {
            source(&host, &[(2, 20), (1, 10)]);
            assert_eq!(poll(trigger.clone().host_dies(), &host).await, [2]);
            assert_eq!(host_state(&host), before);
        }
        source(&host, &[(2, 20), (1, 10)]);
        assert_eq!(poll(trigger.clone(), &host).await, [2]);
        source(&host, &[(2, 20), (1, 10)]);
        assert!(poll(trigger, &host).await.is_empty());
    }
}

#[tokio::test]
async fn a_poll_that_fails_loses_nothing() {
    let (piece, host) = (poller().await, Host::new());
    source(&host, &[(1, 10)]);
    enable(by_time(&piece), &host).await;
    host.http().expect(get(ITEMS)).respond(reply(503));
    assert_eq!(by_time(&piece).run(&host).await.error().kind, ErrorKind::Unavailable);
    source(&host, &[(2, 20), (1, 10)]);
    assert_eq!(poll(by_time(&piece), &host).await, [2]);
}

#[tokio::test]
async fn of_two_polls_at_the_same_time_one_answers_the_events_and_the_other_fails() {
    let (piece, host) = (poller().await, Host::new());
    source(&host, &[(1, 10)]);
    enable(by_time(&piece), &host).await;
    source(&host, &[(2, 20), (1, 10)]);
    source(&host, &[(2, 20), (1, 10)]);
    let (first, second) = (by_time(&piece), by_time(&piece));
    let (first, second) = join!(first.run(&host), second.run(&host));
    let (won, lost) = if first.result().is_ok() { (first, second) } else { (second, first) };
    assert_eq!(won.events().len(), 1);
    assert_eq!(lost.error().kind, ErrorKind::Unavailable, "{}", lost.error());
}

#[tokio::test]
async fn enabling_again_reports_what_happened_in_between_and_other_props_begin_anew() {
    let (piece, host) = (poller().await, Host::new());
    source(&host, &[(1, 10)]);
    enable(by_time(&piece), &host).await;
    assert_eq!(*by_time(&piece).disable(&host).await.output(), json!(null));
    enable(by_time(&piece), &host).await;
    source(&host, &[(2, 20), (1, 10)]);
    assert_eq!(poll(by_time(&piece), &host).await, [2]);

    source(&host, &[(3, 30)]);
    let other = piece.trigger("new_by_time").props(json!({"list": "outbox"}));
    enable(other.clone(), &host).await;
    source(&host, &[(3, 30)]);
    assert!(poll(other, &host).await.is_empty());
}

#[tokio::test]
async fn a_test_shows_the_newest_items_and_remembers_nothing() {
    let (piece, host) = (poller().await, Host::new());
    source(&host, &[(2, 20), (1, 10)]);
    assert_eq!(by_time(&piece).test(&host).await.events().len(), 2);
    assert!(host.store().keys(Scope::Flow).is_empty());
}
