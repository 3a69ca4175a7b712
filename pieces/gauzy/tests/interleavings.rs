//! Nothing is lost and nothing is doubled, whatever happens between the polls: random histories of writes, deletions, polls,
//! failed polls, restarts, and clocks that stand still or go back. A thousand of them for the lists that grow.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use leno_sdk::prelude::*;
use leno_sdk::store::Scope;
use leno_sdk::testing::FakeHost;
use support::*;

const HISTORIES: u64 = 300;
const STEPS: usize = 40;
const PAGE: usize = 100;
/// 2026-11-27.
const START: i64 = 1_795_737_600_000;
const MINUTE: i64 = 60_000;

/// A generator of numbers, the same in every run (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

fn id(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

fn text(millis: i64) -> String {
    DateTime::from_millis(millis).unwrap().to_string()
}

fn watched() -> Value {
    json!({"organization": ORGANIZATION})
}

/// A host that was just started, with what was stored.
struct Flow {
    host: FakeHost,
    trigger: &'static str,
}

impl Flow {
    fn new(trigger: &'static str) -> Self {
        Self { host: host(), trigger }
    }

    /// The host dies, or requests are left that the piece had no need of: only what is stored stays.
    fn restart(&mut self, memory: Option<Value>) {
        let memory = memory.or_else(|| self.host.stored(Scope::Flow, "leno.watching"));
        mem::forget(mem::replace(&mut self.host, host()));
        if let Some(memory) = memory {
            self.host.put(Scope::Flow, "leno.watching", memory);
        }
    }

    fn poll(&self) -> Vec<String> {
        let events = poll(self.trigger, &watched()).unwrap();
        events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        // Requests that were offered and not needed are no failure here.
        mem::forget(mem::replace(&mut self.host, FakeHost::new()));
    }
}

/// The rows of a list, each with the time of its creation.
struct Source {
    rows: Vec<(String, i64)>,
    path: &'static str,
    /// Whether `skip` counts pages.
    by_page: bool,
}

impl Source {
    /// Offers all pages, newest first; rows of the same time in any order.
    fn offer(&self, host: &FakeHost, dice: &mut Dice) {
        let mut rows: Vec<(i64, u64, &String)> =
            self.rows.iter().map(|(id, time)| (-time, dice.roll(1 << 32), id)).collect();
        rows.sort_unstable();
        let rows: Vec<Value> = rows
            .iter()
            .map(|(time, _, id)| json!({"id": id, "createdAt": text(-time), "updatedAt": text(-time)}))
            .collect();
        for number in 0..=rows.len() / PAGE {
            let page = rows.iter().skip(number * PAGE).take(PAGE).cloned();
            let skip = if self.by_page { number + 1 } else { number * PAGE };
            expect_with_tenant(host, "GET", self.path).query("skip", &skip.to_string()).reply(200).json(list(page));
        }
    }
}

fn growing(trigger: &'static str, path: &'static str, by_page: bool, histories: u64) {
    for seed in 0..histories {
        let mut dice = Dice(seed);
        // SQLite has seconds, PostgreSQL has milliseconds.
        let precision = if dice.roll(2) == 0 { 1000 } else { 1 };
        let (mut clock, mut next) = (START, 0);
        let mut source = Source { rows: Vec::new(), path, by_page };
        let (mut due, mut seen) = (BTreeSet::new(), BTreeSet::new());
        // Sometimes more than two pages: reading them all takes most of the time of this test.
        let present = if dice.roll(8) == 0 { dice.roll(210) } else { dice.roll(8) };
        for _ in 0..present {
            source.rows.push((id(next), clock - i64::try_from(dice.roll(100_000_000)).unwrap()));
            next += 1;
        }
        let mut flow = Flow::new(trigger);
        source.offer(&flow.host, &mut dice);
        enable(trigger, &watched());
        flow.restart(None);
        for _ in 0..STEPS {
            match dice.roll(10) {
                0..=4 => {
                    for _ in 0..=dice.roll(4) {
                        let created = clock.div_euclid(precision) * precision;
                        source.rows.push((id(next), created));
                        due.insert(id(next));
                        next += 1;
                        clock += i64::try_from(dice.roll(2) * dice.roll(3000)).unwrap();
                    }
                }
                5 => clock += i64::try_from(dice.roll(20)).unwrap() * MINUTE,
                // At most as far as rows may lag behind.
                6 => clock = clock.max(START + 50 * MINUTE) - i64::try_from(dice.roll(5)).unwrap() * MINUTE,
                7 if !source.rows.is_empty() => {
                    let place = usize::try_from(dice.roll(source.rows.len() as u64)).unwrap();
                    let (gone, _) = source.rows.swap_remove(place);
                    due.remove(&gone);
                }
                8 => {
                    // A poll whose events the host loses, and one that fails: both leave the memory as it was.
                    let before = memory(&flow.host);
                    source.offer(&flow.host, &mut dice);
                    flow.poll();
                    flow.restart(Some(before));
                    expect(&flow.host, "GET", path).reply(500).text("");
                    poll(trigger, &watched()).unwrap_err();
                }
                _ => {
                    source.offer(&flow.host, &mut dice);
                    for event in flow.poll() {
                        assert!(due.remove(&event), "seed {seed}: {event} was not due");
                        assert!(seen.insert(event), "seed {seed}: doubled");
                    }
                    assert!(due.is_empty(), "seed {seed}: lost {due:?}");
                    flow.restart(None);
                }
            }
        }
    }
}

#[test]
fn tasks() {
    growing("new_task", "/tasks", false, 400);
}

#[test]
fn employees() {
    growing("employee_created", "/employee", false, 200);
}

#[test]
fn invoices() {
    growing("invoice_generated", "/invoices/pagination", true, 400);
}

/// Time logs start at any time of the window, run, and are finished; the clock of the host may go back.
#[test]
fn time_logs() {
    for seed in 0..HISTORIES {
        let mut dice = Dice(seed);
        let mut now = START;
        // Id: start, and whether it runs.
        let mut logs: BTreeMap<String, (i64, bool)> = BTreeMap::new();
        let (mut due, mut seen, mut next) = (BTreeSet::new(), BTreeSet::new(), 0);
        let mut flow = Flow::new("time_log_recorded");
        let offer = |host: &FakeHost, logs: &BTreeMap<String, (i64, bool)>, now: i64| {
            host.set_now(DateTime::from_millis(now).unwrap());
            let rows: Vec<Value> = logs
                .iter()
                .map(|(id, (start, runs))| {
                    let mut log = time_log(id, EMPLOYEE, &text(*start), &text(*start + MINUTE));
                    log["isRunning"] = (*runs).into();
                    log
                })
                .collect();
            // A clock that jumps expires the remembered tenant.
            expect(host, "GET", "/user/me").reply(200).json(me());
            expect_with_tenant(host, "GET", "/timesheet/time-log").reply(200).json(rows);
        };
        offer(&flow.host, &logs, now);
        enable("time_log_recorded", &watched());
        flow.restart(None);
        for _ in 0..STEPS {
            match dice.roll(8) {
                0..=3 => {
                    // Up to six days back: all of it is in the window, also after the clock has moved on a little.
                    let start = START - i64::try_from(dice.roll(6 * 24 * 60)).unwrap() * MINUTE;
                    let runs = dice.roll(3) == 0;
                    logs.insert(id(next), (start, runs));
                    if !runs {
                        due.insert(id(next));
                    }
                    next += 1;
                }
                4 => {
                    for (id, (_, runs)) in &mut logs {
                        if *runs && dice.roll(2) == 0 {
                            *runs = false;
                            due.insert(id.clone());
                        }
                    }
                }
                5 => now = START + i64::try_from(dice.roll(12 * 60)).unwrap() * MINUTE,
                _ => {
                    offer(&flow.host, &logs, now);
                    for event in flow.poll() {
                        assert!(due.remove(&event) && seen.insert(event), "seed {seed}: not due, or doubled");
                    }
                    assert!(due.is_empty(), "seed {seed}: lost {due:?}");
                    flow.restart(None);
                }
            }
        }
    }
}

/// Employees change, are renamed, work, come and go: what differs at a poll from the poll before is reported, once.
#[test]
fn updated_employees() {
    for seed in 0..HISTORIES {
        let mut dice = Dice(seed);
        let mut people: Vec<Value> = (0..=dice.roll(6)).map(|number| employee(&id(number))).collect();
        let mut next = 100;
        let mut due = BTreeSet::new();
        let mut flow = Flow::new("employee_updated");
        let offer = |host: &FakeHost, people: &[Value]| {
            expect_with_tenant(host, "GET", "/employee").reply(200).json(list(people.to_vec()));
        };
        offer(&flow.host, &people);
        enable("employee_updated", &watched());
        flow.restart(None);
        let mut known: BTreeSet<String> = people.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
        for step in 0..STEPS {
            let place = usize::try_from(dice.roll(people.len() as u64)).unwrap();
            let touched = people[place]["id"].as_str().unwrap().to_owned();
            match dice.roll(8) {
                0 | 1 => {
                    people[place]["employeeLevel"] = format!("{step}").into();
                    // The clock of the database may stand still, or go back.
                    let minute = dice.roll(60);
                    people[place]["updatedAt"] = format!("2026-11-27T01:{minute:02}:00.000Z").into();
                    due.insert(touched);
                }
                2 => {
                    people[place]["user"]["email"] = format!("{step}@example.com").into();
                    due.insert(touched);
                }
                3 => {
                    people[place]["isTrackingTime"] = (dice.roll(2) == 0).into();
                    people[place]["updatedAt"] = format!("2026-11-27T02:00:{:02}.000Z", dice.roll(60)).into();
                }
                4 => {
                    people.push(employee(&id(next)));
                    next += 1;
                }
                5 if people.len() > 1 => {
                    people.remove(place);
                    due.remove(&touched);
                    known.remove(&touched);
                }
                _ => {
                    offer(&flow.host, &people);
                    let events: BTreeSet<String> = flow.poll().into_iter().collect();
                    let expected: BTreeSet<String> = due.intersection(&known).cloned().collect();
                    assert_eq!(events, expected, "seed {seed}");
                    due.clear();
                    known = people.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
                    flow.restart(None);
                }
            }
        }
    }
}
