//! A trigger with a memory of its own: the memory and the events go together.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::cell::RefCell;

use leno_sdk::prelude::*;
use leno_sdk::store::Scope;
use leno_sdk::testing::FakeHost;

thread_local! {
    static LIGHTS: RefCell<Result<Vec<u8>>> = const { RefCell::new(Ok(Vec::new())) };
}

#[derive(Props)]
struct House {
    #[prop(default = "main")]
    #[expect(dead_code, reason = "only its change matters")]
    name: String,
}

struct LightSwitched;

#[trigger(schedule = "*/5 * * * *")]
impl Watching for LightSwitched {
    type Props = House;
    type Memory = Vec<u8>;
    type Event = String;

    fn begin(_: &Context, _: &House) -> Result<Vec<u8>> {
        LIGHTS.with_borrow(Clone::clone)
    }

    fn poll(_: &Context, _: &House, memory: &mut Vec<u8>) -> Result<Vec<String>> {
        let before = std::mem::replace(memory, LIGHTS.with_borrow(Clone::clone)?);
        let switched = memory.iter().zip(before).enumerate().filter(|(_, (now, before))| *now != before);
        Ok(switched.map(|(place, (now, _))| format!("{place}={now}")).collect())
    }

    fn test(_: &Context, _: &House) -> Result<Vec<String>> {
        Ok(vec!["0=1".to_owned()])
    }
}

const LIGHT: Trigger = LightSwitched::TRIGGER;

fn lights(now: &[u8]) {
    LIGHTS.set(Ok(now.to_vec()));
}

fn poll(props: &str) -> Vec<String> {
    LIGHT.run(props, None).unwrap()
}

#[test]
fn what_was_there_is_no_event_and_each_change_is_one() {
    let host = FakeHost::new();
    lights(&[1, 0]);
    LIGHT.enable("{}").unwrap();
    assert_eq!(host.schedules(), [("*/5 * * * *".to_owned(), "UTC".to_owned())]);
    assert!(poll("{}").is_empty());
    lights(&[0, 1]);
    assert_eq!(poll("{}"), [r#""0=0""#, r#""1=1""#]);
    assert!(poll("{}").is_empty());
}

#[test]
fn a_failed_poll_and_a_memory_that_is_not_kept_lose_nothing() {
    let host = FakeHost::new();
    lights(&[0]);
    LIGHT.enable("{}").unwrap();
    let before = host.stored(Scope::Flow, "leno.watching").unwrap();
    LIGHTS.set(Err(Error::unavailable("down", "down")));
    assert_eq!(LIGHT.run("{}", None).unwrap_err().code(), "down");
    lights(&[1]);
    assert_eq!(poll("{}").len(), 1);
    host.put(Scope::Flow, "leno.watching", before);
    assert_eq!(poll("{}").len(), 1);
}

#[test]
fn two_polls_at_once_do_not_report_the_same() {
    let host = FakeHost::new();
    lights(&[0]);
    LIGHT.enable("{}").unwrap();
    lights(&[1]);
    host.interfere(Scope::Flow, "leno.watching", json!("changed by the other poll"));
    assert_eq!(LIGHT.run("{}", None).unwrap_err().code(), "polling-overlap");
}

#[test]
fn enabling_again_keeps_the_memory_of_the_same_properties_only() {
    let _host = FakeHost::new();
    lights(&[0]);
    LIGHT.enable("{}").unwrap();
    LIGHT.disable("{}").unwrap();
    lights(&[1]);
    LIGHT.enable("{}").unwrap();
    assert_eq!(poll("{}").len(), 1);
    lights(&[0]);
    LIGHT.enable(r#"{"name": "other"}"#).unwrap();
    assert!(poll(r#"{"name": "other"}"#).is_empty());
}

#[test]
fn a_lost_memory_begins_anew_and_an_unreadable_one_is_an_error_until_the_trigger_is_enabled() {
    let host = FakeHost::new();
    lights(&[0]);
    assert!(poll("{}").is_empty());
    assert_eq!(host.logs().len(), 1);
    host.put(Scope::Flow, "leno.watching", json!({"memory": []}));
    assert_eq!(LIGHT.run("{}", None).unwrap_err().code(), "polling-memory");
    LIGHT.enable("{}").unwrap();
    assert!(poll("{}").is_empty());
}

#[test]
fn a_test_changes_no_memory() {
    let host = FakeHost::new();
    assert_eq!(LIGHT.test("{}").unwrap(), [r#""0=1""#]);
    assert!(host.keys(Scope::Flow).is_empty());
}
