//! Polling reports every new item once, also when items are deleted, reordered or have equal times.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::cell::RefCell;

use leno_sdk::prelude::*;
use leno_sdk::store::Scope;
use leno_sdk::testing::FakeHost;

thread_local! {
    /// The items of the source, newest first.
    static SOURCE: RefCell<Result<Vec<(String, String)>>> = const { RefCell::new(Ok(Vec::new())) };
    static ASKED: RefCell<Vec<Since>> = const { RefCell::new(Vec::new()) };
}

/// Sets the source to items of these ids, newest first; with TIMEBASED each is `id@milliseconds`.
fn source(items: &[&str]) {
    let items = items.iter().map(|item| item.split_once('@').unwrap_or((item, "")));
    SOURCE.set(Ok(items.map(|(id, time)| (id.to_owned(), time.to_owned())).collect()));
}

fn found(since: &Since, entry: impl Fn(String, String) -> Entry<String>) -> Result<Vec<Entry<String>>> {
    ASKED.with_borrow_mut(|asked| asked.push(since.clone()));
    Ok(SOURCE.with_borrow(Clone::clone)?.into_iter().map(|(id, time)| entry(id, time)).collect())
}

#[derive(Props)]
struct List {
    #[prop(default = "main")]
    #[expect(dead_code, reason = "only its change matters")]
    list: String,
}

struct ByPlace;

#[trigger]
impl Polling for ByPlace {
    type Props = List;
    type Item = String;
    const STRATEGY: Strategy = Strategy::LastItem;
    const MOST: usize = 3;

    fn items(_: &Context, _: &List, since: &Since) -> Result<Vec<Entry<String>>> {
        found(since, |id, _| Entry::new(id.clone(), id))
    }
}

struct ByTime;

#[trigger]
impl Polling for ByTime {
    type Props = List;
    type Item = String;
    const STRATEGY: Strategy = Strategy::TimeBased;
    const MOST: usize = 3;

    fn items(_: &Context, _: &List, since: &Since) -> Result<Vec<Entry<String>>> {
        found(since, |id, time| {
            let time = match time.parse::<i64>() {
                Ok(millis) => DateTime::from_millis(millis),
                Err(_) => time.parse(),
            };
            Entry::at(&id, time, id.clone())
        })
    }
}

fn poll(trigger: Trigger) -> String {
    events(&trigger.run("{}", None).unwrap())
}

fn events(texts: &[String]) -> String {
    texts.iter().map(|text| text.trim_matches('"')).collect::<Vec<_>>().join(" ")
}

const PLACE: Trigger = ByPlace::TRIGGER;
const TIME: Trigger = ByTime::TRIGGER;

#[test]
fn what_was_there_when_a_trigger_was_enabled_is_not_reported() {
    let _host = FakeHost::new();
    source(&["3", "2", "1"]);
    PLACE.enable("{}").unwrap();
    assert_eq!(poll(PLACE), "");
    source(&["5", "4", "3", "2"]);
    assert_eq!(poll(PLACE), "4 5");
    assert_eq!(poll(PLACE), "");
}

#[test]
fn an_empty_source_reports_all_that_comes_later_oldest_first() {
    let host = FakeHost::new();
    source(&[]);
    PLACE.enable("{}").unwrap();
    source(&["3", "2", "1"]);
    assert_eq!(poll(PLACE), "1 2 3");
    drop(host);

    let _host = FakeHost::new();
    source(&[]);
    TIME.enable("{}").unwrap();
    source(&["b@2", "a@1", "c@3"]);
    assert_eq!(poll(TIME), "a b c");
}

#[test]
fn the_deletion_of_the_last_item_brings_no_old_one_back() {
    let _host = FakeHost::new();
    source(&["5", "4", "3"]);
    PLACE.enable("{}").unwrap();
    source(&["7", "6", "4", "3"]);
    assert_eq!(poll(PLACE), "6 7");
    // A page has three items: those that move up after the known ones are older.
    source(&["7", "2", "1"]);
    assert_eq!(poll(PLACE), "");
    source(&["8", "2", "1"]);
    assert_eq!(poll(PLACE), "8");
}

#[test]
fn an_item_between_known_ones_is_new() {
    let _host = FakeHost::new();
    source(&["5", "4", "3"]);
    PLACE.enable("{}").unwrap();
    source(&["4", "6", "5", "3"]);
    assert_eq!(poll(PLACE), "6");
}

#[test]
fn above_the_most_of_one_poll_the_rest_follows_with_the_next() {
    let host = FakeHost::new();
    source(&["0"]);
    PLACE.enable("{}").unwrap();
    source(&["5", "4", "3", "2", "1", "0"]);
    assert_eq!(poll(PLACE), "1 2 3");
    assert_eq!(poll(PLACE), "4 5");
    assert_eq!(poll(PLACE), "");
    drop(host);

    let _host = FakeHost::new();
    source(&["z@1"]);
    TIME.enable("{}").unwrap();
    source(&["e@3", "d@2", "c@2", "b@2", "a@2", "z@1"]);
    assert_eq!(poll(TIME), "a b c");
    assert_eq!(poll(TIME), "d e");
    assert_eq!(poll(TIME), "");
}

#[test]
fn items_of_the_same_millisecond_are_all_reported_once() {
    let _host = FakeHost::new();
    source(&["a@5"]);
    TIME.enable("{}").unwrap();
    source(&["b@5", "a@5"]);
    assert_eq!(poll(TIME), "b");
    source(&["c@5", "b@5", "a@5"]);
    assert_eq!(poll(TIME), "c");
    source(&["d@6", "c@5", "b@5", "a@5"]);
    assert_eq!(poll(TIME), "d");
    assert_eq!(poll(TIME), "");
}

#[test]
fn an_invalid_time_fails_the_poll_by_name_and_changes_no_memory() {
    let host = FakeHost::new();
    source(&["a@5"]);
    TIME.enable("{}").unwrap();
    let before = host.stored(Scope::Flow, "leno.polling");
    for bad in ["bad@soon", "bad@", "bad@999999999999999999"] {
        source(&["b@6", bad]);
        let error = TIME.run("{}", None).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "polling-time"));
        assert!(error.message().starts_with("item `bad` has no usable time: "), "{error}");
    }
    assert_eq!(host.stored(Scope::Flow, "leno.polling"), before);
    source(&["b@6", "a@5"]);
    assert_eq!(poll(TIME), "b");
}

#[test]
fn a_failed_poll_loses_nothing() {
    let _host = FakeHost::new();
    source(&["1"]);
    PLACE.enable("{}").unwrap();
    SOURCE.set(Err(Error::unavailable("down", "down")));
    assert_eq!(PLACE.run("{}", None).unwrap_err().code(), "down");
    source(&["2", "1"]);
    assert_eq!(poll(PLACE), "2");
}

#[test]
fn when_the_memory_is_not_kept_the_same_events_come_again() {
    let host = FakeHost::new();
    source(&["1"]);
    PLACE.enable("{}").unwrap();
    let before = host.stored(Scope::Flow, "leno.polling").unwrap();
    source(&["2", "1"]);
    assert_eq!(poll(PLACE), "2");
    // The host did not commit the events of that run, so it dropped its writes as well.
    host.put(Scope::Flow, "leno.polling", before);
    assert_eq!(poll(PLACE), "2");
}

#[test]
fn two_polls_at_once_do_not_report_the_same() {
    let host = FakeHost::new();
    source(&["1"]);
    PLACE.enable("{}").unwrap();
    source(&["2", "1"]);
    host.interfere(Scope::Flow, "leno.polling", json!("changed by the other poll"));
    assert_eq!(PLACE.run("{}", None).unwrap_err().code(), "polling-overlap");
}

#[test]
fn enabling_again_reports_what_happened_in_between() {
    let _host = FakeHost::new();
    source(&["a@1"]);
    TIME.enable("{}").unwrap();
    TIME.disable("{}").unwrap();
    source(&["b@2", "a@1"]);
    TIME.enable("{}").unwrap();
    assert_eq!(poll(TIME), "b");
}

#[test]
fn enabling_with_other_properties_begins_anew() {
    let _host = FakeHost::new();
    source(&["1"]);
    PLACE.enable("{}").unwrap();
    source(&["9", "8"]);
    PLACE.enable(r#"{"list": "other"}"#).unwrap();
    assert_eq!(events(&PLACE.run(r#"{"list": "other"}"#, None).unwrap()), "");
}

#[test]
fn an_unreadable_memory_is_an_error_and_enabling_replaces_it() {
    let host = FakeHost::new();
    source(&["1"]);
    host.put(Scope::Flow, "leno.polling", json!({"ids": 5}));
    let error = PLACE.run("{}", None).unwrap_err();
    assert_eq!(error.code(), "polling-memory");
    assert!(error.message().contains("disable and enable"), "{error}");
    PLACE.enable("{}").unwrap();
    assert_eq!(poll(PLACE), "");
}

#[test]
fn a_lost_memory_reports_nothing_and_says_so() {
    let host = FakeHost::new();
    source(&["2", "1"]);
    assert_eq!(poll(PLACE), "");
    assert_eq!(host.logs().len(), 1);
    source(&["3", "2"]);
    assert_eq!(poll(PLACE), "3");
}

#[test]
fn the_source_is_told_what_is_known() {
    let _host = FakeHost::new();
    source(&["7@1710374400000"]);
    ASKED.take();
    TIME.enable("{}").unwrap();
    poll(TIME);
    let asked = ASKED.take();
    assert_eq!(asked[0], Since::default());
    assert_eq!(asked[1].time.unwrap().to_string(), "2024-03-14T00:00:00.000Z");
    let _host = FakeHost::new();
    PLACE.enable("{}").unwrap();
    poll(PLACE);
    assert_eq!(ASKED.take()[1].id.as_deref(), Some("7"));
}

#[test]
fn a_test_shows_the_newest_five_and_remembers_nothing() {
    let host = FakeHost::new();
    source(&["7", "6", "5", "4", "3", "2"]);
    assert_eq!(events(&PLACE.test("{}").unwrap()), "7 6 5 4 3");
    assert!(host.keys(Scope::Flow).is_empty());
}

#[test]
fn the_memory_is_bounded_and_what_it_forgets_does_not_come_again() {
    for (trigger, suffix, more) in [(PLACE, "", "new"), (TIME, "@5", "new@6")] {
        let host = FakeHost::new();
        let ids: Vec<String> = (0..3000).rev().map(|id| format!("{id:01000}{suffix}")).collect();
        let mut ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        source(&ids);
        trigger.enable("{}").unwrap();
        let size = host.stored(Scope::Flow, "leno.polling").unwrap().to_string().len();
        assert!(size < 300_000, "{size}");
        assert_eq!(poll(trigger), "");
        ids.insert(0, more);
        source(&ids);
        assert_eq!(poll(trigger), "new");
        assert_eq!(poll(trigger), "");
    }
}
