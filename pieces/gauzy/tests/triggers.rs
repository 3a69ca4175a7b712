//! The triggers, one by one: what each asks for, and what it makes an event of.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod support;

use leno_sdk::prelude::*;
use leno_sdk::testing::FakeHost;
use support::*;

const SECOND: &str = "2026-11-27T00:17:25.000Z";

fn watched() -> Value {
    json!({"organization": ORGANIZATION})
}

fn id(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

fn row(number: usize, created: &str) -> Value {
    json!({"id": id(number), "createdAt": created, "updatedAt": created, "title": format!("T{number}"), "user": null})
}

fn ids(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn growing_lists_are_asked_for_newest_first_and_the_first_look_is_no_event() {
    let host = host();
    for (trigger, path, query, skip) in [
        ("employee_created", "/employee", ("relations[0]", "user"), "0"),
        ("new_task", "/tasks", ("where[organizationId]", ORGANIZATION), "0"),
        ("invoice_generated", "/invoices/pagination", ("relations[0]", "invoiceItems"), "1"),
    ] {
        let ask = || {
            expect_with_tenant(&host, "GET", path)
                .query("where[organizationId]", ORGANIZATION)
                .query("order[createdAt]", "DESC")
                .query(query.0, query.1)
                .query("take", "100")
                .query("skip", skip)
        };
        ask().reply(200).json(list([row(2, SECOND), row(1, SECOND)]));
        // Each trigger has a flow of its own; here they share one, with other properties.
        let mut props = watched();
        props["flow"] = trigger.into();
        enable(trigger, &props);
        ask().reply(200).json(list([row(2, SECOND), row(1, SECOND)]));
        assert!(poll(trigger, &props).unwrap().is_empty());
        // Two more in the same second, in any order.
        ask().reply(200).json(list([row(1, SECOND), row(4, SECOND), row(2, SECOND), row(3, SECOND)]));
        assert_eq!(ids(&poll(trigger, &props).unwrap()), [id(3), id(4)]);
        ask().reply(200).json(list([row(1, SECOND), row(4, SECOND), row(2, SECOND), row(3, SECOND)]));
        assert!(poll(trigger, &props).unwrap().is_empty());
    }
    assert!(host.schedules().iter().all(|(cron, zone)| (cron.as_str(), zone.as_str()) == ("*/5 * * * *", "UTC")));
}

#[test]
fn a_row_with_the_time_of_a_clock_that_went_back_is_reported() {
    let host = host();
    let at = |minute: u32| format!("2026-11-27T12:{minute:02}:00.000Z");
    expect(&host, "GET", "/tasks").reply(200).json(list([row(1, &at(50))]));
    enable("new_task", &watched());
    expect(&host, "GET", "/tasks").reply(200).json(list([row(1, &at(50)), row(2, &at(0))]));
    assert_eq!(ids(&poll("new_task", &watched()).unwrap()), [id(2)]);
    expect(&host, "GET", "/tasks").reply(200).json(list([
        row(3, &at(51)),
        row(1, &at(50)),
        row(4, &at(1)),
        row(2, &at(0)),
    ]));
    assert_eq!(ids(&poll("new_task", &watched()).unwrap()), [id(4), id(3)]);
    // One that is more than an hour older than the youngest was there before, and came into sight by a deletion.
    expect(&host, "GET", "/tasks").reply(200).json(list([row(1, &at(50)), row(9, "2026-11-27T11:00:00.000Z")]));
    assert!(poll("new_task", &watched()).unwrap().is_empty());
}

#[test]
fn a_page_boundary_loses_and_doubles_nothing() {
    let host = host();
    expect(&host, "GET", "/tasks").reply(200).json(list([row(0, SECOND)]));
    enable("new_task", &watched());
    let at = |number: usize| format!("2026-11-27T01:{:02}:{:02}.000Z", number / 60, number % 60);
    let page = |numbers: std::ops::Range<usize>| list(numbers.rev().map(|number| row(number, &at(number))));
    // 250 rows are new. While they are read, one more comes: the last row of the first page is the first of the second.
    expect(&host, "GET", "/tasks").query("skip", "0").reply(200).json(page(151..251));
    expect(&host, "GET", "/tasks").query("skip", "100").reply(200).json(page(52..152));
    let mut last = page(1..52);
    last["items"].as_array_mut().unwrap().push(row(0, SECOND));
    expect(&host, "GET", "/tasks").query("skip", "200").reply(200).json(last);
    let events = poll("new_task", &watched()).unwrap();
    assert_eq!(ids(&events), (1..251).map(id).collect::<Vec<_>>());
    // A page that ends with a known time is the last: everything before it is known.
    let mut first = page(151..252);
    first["items"].as_array_mut().unwrap().truncate(100);
    let old = first["items"].as_array_mut().unwrap();
    old[99] = row(0, "2026-11-26T00:00:00.000Z");
    expect(&host, "GET", "/tasks").query("skip", "0").reply(200).json(first);
    assert_eq!(ids(&poll("new_task", &watched()).unwrap()), [id(251)]);
}

#[test]
fn more_than_a_poll_reports_follows_with_the_next() {
    let host = host();
    expect(&host, "GET", "/tasks").reply(200).json(list([]));
    enable("new_task", &watched());
    let all: Vec<Value> = (0..1250)
        .rev()
        .map(|number| row(number, &format!("2026-11-27T01:{:02}:{:02}.000Z", number / 60, number % 60)))
        .collect();
    let mut reported = Vec::new();
    for expected in [1000, 250, 0] {
        for (number, page) in all.chunks(100).enumerate() {
            expect(&host, "GET", "/tasks")
                .query("skip", &(number * 100).to_string())
                .reply(200)
                .json(list(page.to_vec()));
        }
        let events = poll("new_task", &watched()).unwrap();
        assert_eq!(events.len(), expected);
        reported.extend(ids(&events));
    }
    assert_eq!(reported, (0..1250).map(id).collect::<Vec<_>>());
}

#[test]
fn a_row_without_a_time_fails_the_poll_by_its_id_and_a_failed_poll_loses_nothing() {
    let host = host();
    expect(&host, "GET", "/tasks").reply(200).json(list([row(1, SECOND)]));
    enable("new_task", &watched());
    let before = memory(&host);
    expect(&host, "GET", "/tasks").reply(200).json(list([row(2, "soon"), row(1, SECOND)]));
    let error = poll("new_task", &watched()).unwrap_err();
    assert!(error.message().contains(&id(2)) && error.message().contains("createdAt"), "{error}");
    // G1 again: such an answer must not count as an empty list.
    expect(&host, "GET", "/tasks").reply(200).json(json!({"message": "boom"}));
    poll("new_task", &watched()).unwrap_err();
    assert_eq!(memory(&host), before);
    expect(&host, "GET", "/tasks").reply(200).json(list([row(2, SECOND), row(1, SECOND)]));
    assert_eq!(ids(&poll("new_task", &watched()).unwrap()), [id(2)]);
}

#[test]
fn estimates_are_no_invoices_unless_they_are_wanted_and_tokens_stay_out() {
    for (include, count) in [(false, 1), (true, 2)] {
        let host = host();
        let props = json!({"organization": ORGANIZATION, "include_estimates": include});
        expect(&host, "GET", "/invoices/pagination").reply(200).json(list([]));
        enable("invoice_generated", &props);
        let mut estimate = invoice(2);
        (estimate["id"], estimate["isEstimate"]) = (id(2).into(), true.into());
        expect(&host, "GET", "/invoices/pagination").reply(200).json(list([estimate, invoice(1)]));
        let events = poll("invoice_generated", &props).unwrap();
        assert_eq!(events.len(), count);
        assert!(!json!(events).to_string().contains("eyJ"));
    }
}

#[test]
fn an_employee_counts_as_updated_when_somebody_changed_it() {
    let host = host();
    let ask = |rows: Vec<Value>| {
        expect_with_tenant(&host, "GET", "/employee")
            .query("order[updatedAt]", "DESC")
            .query("relations[0]", "user")
            .reply(200)
            .json(list(rows));
    };
    let (mut ada, bob) = (employee(EMPLOYEE), employee(OTHER_EMPLOYEE));
    ask(vec![ada.clone(), bob.clone()]);
    enable("employee_updated", &watched());
    // A timer, a sign-in and a sum.
    ada["updatedAt"] = "2026-11-27T01:00:00.000Z".into();
    (ada["isOnline"], ada["isTrackingTime"], ada["totalWorkHours"]) = (true.into(), true.into(), 3.into());
    ada["user"]["lastLoginAt"] = "2026-11-27T01:00:00.000Z".into();
    ask(vec![ada.clone(), bob.clone()]);
    assert!(poll("employee_updated", &watched()).unwrap().is_empty());
    // A column; and the name of the user, which does not touch the row.
    let (mut levelled, mut renamed) = (ada.clone(), bob.clone());
    levelled["employeeLevel"] = "A".into();
    renamed["user"]["firstName"] = "Grace".into();
    ask(vec![levelled.clone(), renamed.clone()]);
    let events = poll("employee_updated", &watched()).unwrap();
    assert_eq!(ids(&events), [OTHER_EMPLOYEE, EMPLOYEE]);
    assert!(!json!(events).to_string().contains("hash"));
    // One who is new is not updated; one who is gone is forgotten, and new when it comes back.
    let mut new = employee(&id(3));
    ask(vec![levelled.clone(), new.clone()]);
    assert!(poll("employee_updated", &watched()).unwrap().is_empty());
    new["employeeLevel"] = "B".into();
    ask(vec![levelled, renamed, new]);
    assert_eq!(ids(&poll("employee_updated", &watched()).unwrap()), [id(3)]);
}

#[test]
fn of_many_employees_those_are_read_that_moved_and_all_of_them_now_and_then() {
    let host = host();
    let time = |number: usize| format!("2026-11-{:02}T00:00:00.000Z", 27 - number / 10);
    let mut people: Vec<Value> = (0..150)
        .map(|number| {
            let mut row = employee(&id(number));
            row["updatedAt"] = time(number).into();
            row
        })
        .collect();
    let first = |people: &[Value]| {
        expect(&host, "GET", "/employee").query("skip", "0").reply(200).json(list(people[..100].to_vec()));
    };
    let second = |people: &[Value]| {
        expect(&host, "GET", "/employee").query("skip", "100").reply(200).json(list(people[100..].to_vec()));
    };
    first(&people);
    second(&people);
    enable("employee_updated", &watched());
    people[140]["user"]["firstName"] = "Grace".into();
    // The second page begins with a row that is long known; it is read to see that, and not taken apart.
    let mut polls = 0;
    loop {
        polls += 1;
        first(&people);
        second(&people);
        let events = poll("employee_updated", &watched()).unwrap();
        if !events.is_empty() {
            assert_eq!(ids(&events), [id(140)]);
            break;
        }
        assert!(polls < 20, "the change was never seen");
    }
    assert_eq!(polls, 12);
}

fn log(number: usize, started: &str, running: bool) -> Value {
    let mut log = time_log(&id(number), EMPLOYEE, started, started);
    log["isRunning"] = running.into();
    log
}

#[test]
fn a_time_log_is_recorded_once_it_is_finished() {
    let host = host();
    // The fake host's clock stands at 2024-01-01.
    let ask = |rows: Vec<Value>| {
        expect_with_tenant(&host, "GET", "/timesheet/time-log")
            .query("organizationId", ORGANIZATION)
            .query("startDate", "2023-12-25T00:00:00.000Z")
            .query("endDate", "2024-01-02T00:00:00.000Z")
            .reply(200)
            .json(rows);
    };
    let (old, noon) = ("2023-12-30T08:00:00.000Z", "2023-12-31T12:00:00.000Z");
    ask(vec![log(1, old, false), log(2, noon, true)]);
    enable("time_log_recorded", &watched());
    ask(vec![log(1, old, false), log(2, noon, true)]);
    assert!(poll("time_log_recorded", &watched()).unwrap().is_empty());
    // The timer stops, and time is entered for days ago.
    ask(vec![log(3, "2023-12-26T08:00:00.000Z", false), log(1, old, false), log(2, noon, false)]);
    assert_eq!(ids(&poll("time_log_recorded", &watched()).unwrap()), [id(3), id(2)]);
    // A clock that goes back does not bring back what was forgotten.
    host.set_now("2023-12-31T00:00:00Z".parse().unwrap());
    expect(&host, "GET", "/timesheet/time-log")
        .query("startDate", "2023-12-25T00:00:00.000Z")
        .reply(200)
        .json(vec![log(4, "2023-12-24T00:00:00.000Z", false), log(3, "2023-12-26T08:00:00.000Z", false)]);
    assert!(poll("time_log_recorded", &watched()).unwrap().is_empty());
}

#[test]
fn the_window_of_time_logs_moves_on_and_forgets() {
    let host = host();
    expect(&host, "GET", "/timesheet/time-log").reply(200).json(vec![log(1, "2023-12-31T08:00:00.000Z", false)]);
    let props = json!({"organization": ORGANIZATION, "days": 1});
    enable("time_log_recorded", &props);
    assert_eq!(memory(&host)["memory"]["rows"].as_object().unwrap().len(), 1);
    host.advance(std::time::Duration::from_secs(12 * 60 * 60));
    expect(&host, "GET", "/timesheet/time-log")
        .query("startDate", "2023-12-31T12:00:00.000Z")
        .reply(200)
        .json(json!([]));
    assert!(poll("time_log_recorded", &props).unwrap().is_empty());
    assert!(memory(&host)["memory"]["rows"].as_object().unwrap().is_empty());
}

fn change(number: usize, fields: &Value, from: &Value, to: &Value) -> Value {
    // G7: after an update, `data` has no title; it is in the description only.
    json!({
        "id": id(number), "createdAt": SECOND, "entity": "Task", "entityId": TASK, "action": "Updated",
        "description": "Updated Task \"HP task\"", "updatedFields": fields, "previousValues": from, "updatedValues": to,
        "data": {"id": TASK, "updatedAt": SECOND},
    })
}

/// G7: the title is that of the task. G8: lists are lists; were they texts, they would be read as well.
#[test]
fn a_changed_status_comes_with_the_title_of_its_task() {
    let host = host();
    let ask = |rows: Vec<Value>| {
        expect_with_tenant(&host, "GET", "/activity-log")
            .query("organizationId", ORGANIZATION)
            .query("entity", "Task")
            .query("action", "Updated")
            .query("orderBy", "createdAt")
            .query("order", "DESC")
            .query("skip", "1")
            .reply(200)
            .json(list(rows));
    };
    let status = |value: &str| json!([{"status": value}]);
    ask(vec![change(1, &json!(["status"]), &status("open"), &status("done"))]);
    enable("task_status_changed", &watched());
    let rows = vec![
        change(
            5,
            &json!("[\"taskStatusId\"]"),
            &json!("[{\"taskStatusId\": \"a\"}]"),
            &json!("[{\"taskStatusId\": \"b\"}]"),
        ),
        change(4, &json!(["status"]), &status("open"), &status("open")),
        change(3, &json!(["title"]), &json!([{"title": "a"}]), &json!([{"title": "b"}])),
        change(2, &json!(["title", "status"]), &json!([{"title": "a"}, {"status": "open"}]), &status("in-progress")),
        change(1, &json!(["status"]), &status("open"), &status("done")),
    ];
    ask(rows);
    // Read once for both changes.
    expect_with_tenant(&host, "GET", &format!("/tasks/{TASK}")).reply(200).json(task());
    let events = poll("task_status_changed", &watched()).unwrap();
    assert_eq!(events.len(), 2);
    assert_eq!(
        (&events[0]["taskId"], &events[0]["title"], &events[0]["from"], &events[0]["to"]),
        (&json!(TASK), &json!("HP task"), &json!("open"), &json!("in-progress"))
    );
    assert_eq!((&events[1]["from"], &events[1]["to"]), (&json!("a"), &json!("b")));
    assert_eq!(events[0]["changedAt"], SECOND);
}

#[test]
fn a_task_that_is_gone_has_the_title_of_the_log_and_one_that_cannot_be_read_fails_the_poll() {
    let host = host();
    expect(&host, "GET", "/activity-log").reply(200).json(list([]));
    enable("task_status_changed", &watched());
    let entries = || list([change(1, &json!(["status"]), &json!([{"status": "open"}]), &json!([{"status": "done"}]))]);
    expect(&host, "GET", "/activity-log").reply(200).json(entries());
    expect(&host, "GET", &format!("/tasks/{TASK}")).reply(500).text("");
    assert_eq!(poll("task_status_changed", &watched()).unwrap_err().kind(), ErrorKind::Unavailable);
    expect(&host, "GET", "/activity-log").reply(200).json(entries());
    expect(&host, "GET", &format!("/tasks/{TASK}"))
        .reply(404)
        .json(json!({"message": "The requested record was not found"}));
    assert_eq!(poll("task_status_changed", &watched()).unwrap()[0]["title"], "HP task");
}

/// The employees as they are, and the last logs of those whose rows have moved.
struct Office<'a> {
    host: &'a FakeHost,
    people: Vec<Value>,
}

impl Office<'_> {
    fn moved(&mut self, place: usize, updated: &str, tracking: bool) {
        let row = &mut self.people[place];
        (row["updatedAt"], row["isTrackingTime"]) = (updated.into(), tracking.into());
    }

    fn ask(&self, logs: &[(&str, Value)]) {
        expect(self.host, "GET", "/employee").reply(200).json(list(self.people.clone()));
        for (employee, log) in logs {
            expect_with_tenant(self.host, "GET", "/timesheet/timer/status/worked")
                .query("organizationId", ORGANIZATION)
                .query("employeeId", employee)
                .reply(200)
                .json(json!([{"running": log["isRunning"], "lastLog": log}]));
        }
    }
}

fn tracked(number: usize, employee: &str, at: &str, running: bool) -> Value {
    let mut log = time_log(&id(number), employee, at, at);
    (log["logType"], log["isRunning"]) = ("TRACKED".into(), running.into());
    log
}

#[test]
fn timers_are_seen_to_start_and_to_stop() {
    for (trigger, expected) in [
        ("timer_started", [vec![1], vec![], vec![2], vec![]]),
        ("timer_stopped", [vec![], vec![1], vec![9, 2], vec![]]),
    ] {
        let host = host();
        let mut office = Office { host: &host, people: vec![employee(EMPLOYEE), employee(OTHER_EMPLOYEE)] };
        // The second one works when the trigger is enabled.
        office.moved(1, "2026-11-27T00:50:00.000Z", true);
        office.ask(&[(OTHER_EMPLOYEE, tracked(9, OTHER_EMPLOYEE, "2026-11-27T00:49:59.000Z", true))]);
        enable(trigger, &watched());
        let numbers = |events: Vec<Value>| -> Vec<usize> {
            events.iter().map(|event| event["timeLogId"].as_str().unwrap()[24..].parse().unwrap()).collect()
        };
        office.moved(0, "2026-11-27T01:00:01.000Z", true);
        office.ask(&[(EMPLOYEE, tracked(1, EMPLOYEE, "2026-11-27T01:00:00.000Z", true))]);
        assert_eq!(numbers(poll(trigger, &watched()).unwrap()), expected[0]);
        office.moved(0, "2026-11-27T02:00:00.000Z", false);
        office.ask(&[(EMPLOYEE, tracked(1, EMPLOYEE, "2026-11-27T01:00:00.000Z", false))]);
        assert_eq!(numbers(poll(trigger, &watched()).unwrap()), expected[1]);
        // Between two polls the running timer was stopped, and another one started and stopped.
        office.moved(1, "2026-11-27T02:30:00.000Z", false);
        office.ask(&[(OTHER_EMPLOYEE, tracked(2, OTHER_EMPLOYEE, "2026-11-27T02:10:00.000Z", false))]);
        assert_eq!(numbers(poll(trigger, &watched()).unwrap()), expected[2]);
        // A row that moves for another reason, with the same last log; then nothing moves, and nothing is asked for.
        office.moved(1, "2026-11-27T02:40:00.000Z", false);
        office.ask(&[(OTHER_EMPLOYEE, tracked(2, OTHER_EMPLOYEE, "2026-11-27T02:10:00.000Z", false))]);
        assert_eq!(numbers(poll(trigger, &watched()).unwrap()), expected[3]);
        office.ask(&[]);
        assert!(poll(trigger, &watched()).unwrap().is_empty());
    }
}

#[test]
fn an_old_log_time_by_hand_and_the_timer_of_the_caller_are_no_timer_that_started() {
    let host = host();
    let mut office = Office { host: &host, people: vec![employee(EMPLOYEE)] };
    office.ask(&[]);
    enable("timer_started", &watched());
    for (minute, log) in [
        (1, tracked(1, EMPLOYEE, "2026-11-26T00:00:00.000Z", false)),
        (2, log(2, "2026-11-27T01:02:00.000Z", false)),
        (3, tracked(3, OTHER_EMPLOYEE, "2026-11-27T01:03:00.000Z", true)),
    ] {
        office.moved(0, &format!("2026-11-27T01:{minute:02}:00.000Z"), false);
        office.ask(&[(EMPLOYEE, log)]);
        assert!(poll("timer_started", &watched()).unwrap().is_empty(), "{minute}");
    }
}

#[test]
fn a_test_shows_what_is_there_and_remembers_nothing() {
    let host = host();
    for (trigger, path, body) in [
        ("employee_created", "/employee", list([employee(EMPLOYEE)])),
        ("employee_updated", "/employee", list([employee(EMPLOYEE)])),
        ("new_task", "/tasks", list([task()])),
        ("invoice_generated", "/invoices/pagination", list([invoice(1)])),
        ("time_log_recorded", "/timesheet/time-log", json!([log(1, SECOND, false), log(2, SECOND, true)])),
    ] {
        expect(&host, "GET", path).reply(200).json(body);
        let events = piece_gauzy::PIECE.trigger(trigger).unwrap().test(&watched().to_string()).unwrap();
        assert_eq!(events.len(), 1, "{trigger}");
        assert!(!events[0].contains("eyJ") && !events[0].contains("hash"));
    }
    let office = Office { host: &host, people: vec![employee(EMPLOYEE)] };
    office.ask(&[(EMPLOYEE, tracked(1, EMPLOYEE, SECOND, true))]);
    assert_eq!(piece_gauzy::PIECE.trigger("timer_started").unwrap().test(&watched().to_string()).unwrap().len(), 1);
    assert!(host.keys(leno_sdk::store::Scope::Flow).is_empty());
}
