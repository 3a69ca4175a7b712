//! Time logs, timers, invoices and notifications.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod support;

use leno_sdk::prelude::*;
use leno_sdk::testing::FakeHost;
use support::*;

fn entry() -> Value {
    json!({
        "organization": ORGANIZATION, "employee": EMPLOYEE, "started_at": "2026-11-26T22:00:00Z", "minutes": 60,
        "description": "hp",
    })
}

fn may_see_the_employee(host: &FakeHost) {
    expect(host, "GET", &format!("/employee/{EMPLOYEE}")).reply(200).json(employee(EMPLOYEE));
}

/// G5: a time log without `logType` and `source` is refused.
#[test]
fn time_is_logged_with_its_type_and_its_source() {
    let host = host();
    may_see_the_employee(&host);
    expect_with_tenant(&host, "GET", "/timesheet/time-log")
        .query("organizationId", ORGANIZATION)
        .query("employeeIds[0]", EMPLOYEE)
        .query("startDate", "2026-11-25T22:00:00.000Z")
        .query("endDate", "2026-11-26T23:00:00.000Z")
        .reply(200)
        .json(json!([
            time_log(INVOICE, EMPLOYEE, "2026-11-26T20:00:00.000Z", "2026-11-26T22:00:00.000Z"),
            time_log(INVOICE, EMPLOYEE, "2026-11-26T23:00:00.000Z", "2026-11-26T23:30:00.000Z"),
        ]));
    expect_with_tenant(&host, "POST", "/timesheet/time-log")
        .with_json(json!({
            "organizationId": ORGANIZATION, "employeeId": EMPLOYEE, "startedAt": "2026-11-26T22:00:00.000Z",
            "stoppedAt": "2026-11-26T23:00:00.000Z", "logType": "MANUAL", "source": "BROWSER", "isBillable": false,
            "description": "hp",
        }))
        .reply(201)
        .json(time_log(TIME_LOG, EMPLOYEE, "2026-11-26T22:00:00.000Z", "2026-11-26T23:00:00.000Z"));
    assert_eq!(run("log_time_entry", &entry()).unwrap()["id"], TIME_LOG);
    assert_eq!(run("log_time_entry", &entry()).unwrap()["id"], TIME_LOG, "a retry");
}

#[test]
fn time_that_would_replace_other_time_is_refused_unless_that_is_wanted() {
    let host = host();
    may_see_the_employee(&host);
    let other = time_log(INVOICE, EMPLOYEE, "2026-11-26T21:30:00.000Z", "2026-11-26T22:00:01.000Z");
    expect(&host, "GET", "/timesheet/time-log").reply(200).json(json!([other]));
    let error = run("log_time_entry", &entry()).unwrap_err();
    assert_eq!(error.code(), "overlapping-time");
    assert!(error.message().contains("from 2026-11-26T21:30:00.000Z to 2026-11-26T22:00:01.000Z"), "{error}");

    may_see_the_employee(&host);
    let log = time_log(TIME_LOG, EMPLOYEE, "2026-11-26T22:00:00.000Z", "2026-11-26T23:00:00.000Z");
    expect(&host, "POST", "/timesheet/time-log").reply(201).json(log);
    let mut props = entry();
    props["replace_overlapping_time"] = true.into();
    run("log_time_entry", &props).unwrap();
}

/// G10, as for employees: without the permission, Gauzy logs the time for the caller.
#[test]
fn time_is_not_logged_for_somebody_else_than_was_asked_for() {
    let host = host();
    expect(&host, "GET", &format!("/employee/{EMPLOYEE}")).reply(200).json(employee(OTHER_EMPLOYEE));
    assert_eq!(run("log_time_entry", &entry()).unwrap_err().code(), "gauzy-permission");

    may_see_the_employee(&host);
    expect(&host, "GET", "/timesheet/time-log").reply(200).json(json!([]));
    let log = time_log(TIME_LOG, OTHER_EMPLOYEE, "2026-11-26T22:00:00.000Z", "2026-11-26T23:00:00.000Z");
    expect(&host, "POST", "/timesheet/time-log").reply(201).json(log);
    let error = run("log_time_entry", &entry()).unwrap_err();
    assert!(error.message().contains(TIME_LOG) && error.message().contains("CHANGE_SELECTED_EMPLOYEE"), "{error}");
}

#[test]
fn the_end_of_an_entry_is_given_once_and_after_its_start() {
    let host = host();
    let before = host.requests().len();
    for (stopped, minutes, message) in [
        (json!(null), json!(null), "stopped_at: is required, or `minutes` in its place"),
        (json!("2026-11-26T23:00:00Z"), json!(5), "minutes: give either the end or the minutes, not both"),
        (
            json!("2026-11-26T22:00:00Z"),
            json!(null),
            "stopped_at: 2026-11-26T22:00:00.000Z is not after the start, 2026-11-26T22:00:00.000Z",
        ),
    ] {
        let mut props = entry();
        (props["stopped_at"], props["minutes"]) = (stopped, minutes);
        assert_eq!(run("log_time_entry", &props).unwrap_err().message(), message);
    }
    assert_eq!(host.requests().len(), before);
}

#[test]
fn a_timer_starts_on_a_task_of_the_user_and_stops_if_it_runs() {
    let host = host();
    let log = time_log(TIME_LOG, EMPLOYEE, "2026-11-26T22:00:00.000Z", "2026-11-26T22:00:00.000Z");
    expect_with_tenant(&host, "POST", "/timesheet/timer/start")
        .with_json(json!({
            "organizationId": ORGANIZATION, "logType": "TRACKED", "source": "BROWSER", "isBillable": true, "taskId": TASK,
        }))
        .reply(201)
        .json(&log);
    let props = json!({"organization": ORGANIZATION, "task": TASK, "is_billable": true});
    assert_eq!(run("start_timer", &props).unwrap()["id"], TIME_LOG);

    expect(&host, "POST", "/timesheet/timer/start").reply(403).json(json!({"message": "invalid-task-permissions"}));
    expect(&host, "GET", "/user/me").reply(200).json(me());
    let error = run("start_timer", &props).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Denied, "gauzy-task-permission"));

    let stop = json!({"organization": ORGANIZATION});
    expect(&host, "POST", "/timesheet/timer/stop").reply(201).json(&log);
    assert_eq!(run("stop_timer", &stop).unwrap()["id"], TIME_LOG);
    // The status is that of a malformed id.
    let said = "No running log found. Can't stop timer because it was already stopped.";
    expect(&host, "POST", "/timesheet/timer/stop").reply(406).json(json!({"statusCode": 406, "message": said}));
    assert_eq!(run("stop_timer", &stop).unwrap_err().code(), "gauzy-no-timer");
}

#[test]
fn the_status_of_a_timer_is_that_of_the_employee() {
    let host = host();
    let status = |employee: &str| json!({"duration": 60, "running": true, "lastLog": {"employeeId": employee}});
    expect_with_tenant(&host, "GET", "/timesheet/timer/status")
        .query("employeeId", EMPLOYEE)
        .reply(200)
        .json(status(EMPLOYEE));
    let props = json!({"organization": ORGANIZATION, "employee": EMPLOYEE});
    assert_eq!(run("timer_status", &props).unwrap()["running"], true);
    expect(&host, "GET", "/timesheet/timer/status").reply(200).json(status(OTHER_EMPLOYEE));
    assert_eq!(run("timer_status", &props).unwrap_err().code(), "gauzy-permission");
    expect(&host, "GET", "/timesheet/timer/status")
        .reply(200)
        .json(json!({"duration": 0, "running": false, "lastLog": null}));
    assert_eq!(run("timer_status", &json!({"organization": ORGANIZATION})).unwrap()["running"], false);
}

fn invoice_props() -> Value {
    json!({
        "organization": ORGANIZATION, "currency": "usd", "tax": 19, "discount": 5, "discount_type": "FLAT",
        "items": [{"description": "Work", "price": 19.99, "quantity": 3}, {"description": "Fare", "price": 0.1}],
    })
}

fn highest(host: &FakeHost, max: Value) {
    expect(host, "GET", "/invoices/highest").reply(200).json(json!({"max": max}));
}

#[test]
fn an_invoice_gets_the_next_number_its_sum_and_its_items() {
    let host = host();
    highest(&host, json!("41"));
    // 59.97 + 0.10, 11.41 of tax, 5 of discount.
    expect_with_tenant(&host, "POST", "/invoices")
        .with_json(json!({
            "organizationId": ORGANIZATION, "fromOrganizationId": ORGANIZATION, "invoiceNumber": 42,
            "invoiceDate": "2024-01-01T00:00:00.000Z", "dueDate": "2024-01-31T00:00:00.000Z", "status": "DRAFT",
            "currency": "USD", "invoiceType": "DETAILED_ITEMS", "discountValue": 5.0, "discountType": "FLAT", "tax": 19.0,
            "taxType": "PERCENT", "terms": "", "totalValue": 66.48, "paid": false, "isEstimate": false,
        }))
        .reply(201)
        .json(invoice(42));
    let row = |description: &str, price: f64, quantity: f64, total: f64| {
        json!({
            "organizationId": ORGANIZATION, "tenantId": TENANT, "invoiceId": INVOICE, "description": description,
            "price": price, "quantity": quantity, "totalValue": total, "applyTax": true, "applyDiscount": true,
        })
    };
    expect_with_tenant(&host, "POST", &format!("/invoice-item/bulk/{INVOICE}"))
        .with_json(json!([row("Work", 19.99, 3.0, 59.97), row("Fare", 0.1, 1.0, 0.1)]))
        .reply(201)
        .json(json!([{"id": TASK, "price": 19.99}]));
    let answer = run("generate_invoice", &invoice_props()).unwrap();
    assert_eq!((&answer["invoiceNumber"], &answer["invoiceItems"][0]["id"]), (&json!(42), &json!(TASK)));
    assert!(answer.get("token").is_none(), "whoever has it can open the invoice");
    // A retry of the step, some time later.
    host.advance(std::time::Duration::from_secs(60));
    assert_eq!(run("generate_invoice", &invoice_props()).unwrap(), answer);
}

/// G2: that a number is taken is told by the raw error of the database.
#[test]
fn a_number_that_another_took_is_replaced_by_the_next_one() {
    for taken in [
        taken_number(),
        json!({"query": "…", "driverError": {"errno": 19, "code": "SQLITE_CONSTRAINT", "message": "UNIQUE constraint failed: invoice.invoiceNumber"}}),
        json!({"query": "…", "driverError": {"code": "ER_DUP_ENTRY", "errno": 1062}}),
    ] {
        let host = host();
        highest(&host, json!("0"));
        expect(&host, "POST", "/invoices").reply(400).json(taken);
        highest(&host, json!(1));
        expect(&host, "POST", "/invoices").reply(201).json(invoice(2));
        expect(&host, "POST", &format!("/invoice-item/bulk/{INVOICE}")).reply(201).json(json!([]));
        run("generate_invoice", &invoice_props()).unwrap();
        let numbers: Vec<Value> = host
            .requests()
            .iter()
            .filter(|request| request.url.ends_with("/invoices") && request.method == "POST")
            .map(|request| request.json()["invoiceNumber"].clone())
            .collect();
        assert_eq!(numbers, [1, 2]);
    }
}

#[test]
fn a_number_is_looked_for_four_times_and_a_given_one_is_not_replaced() {
    let host = host();
    for _ in 0..4 {
        highest(&host, json!(null));
        expect(&host, "POST", "/invoices").reply(400).json(taken_number());
    }
    assert_eq!(run("generate_invoice", &invoice_props()).unwrap_err().code(), "gauzy-taken");
    expect(&host, "POST", "/invoices").reply(400).json(taken_number());
    let mut props = invoice_props();
    props["invoice_number"] = 1.into();
    let error = run("generate_invoice", &props).unwrap_err();
    assert_eq!(error.message(), "invoice_number: 1 is taken; give another one, or none");
    // Another refusal is not a matter of the number.
    highest(&host, json!("7"));
    let refusal = json!({"message": ["currency must be one of …"], "error": "Bad Request", "statusCode": 400});
    expect(&host, "POST", "/invoices").reply(400).json(refusal);
    assert!(run("generate_invoice", &invoice_props()).unwrap_err().message().contains("currency must be one of"));
}

#[test]
fn an_invoice_without_its_items_is_removed_again() {
    let host = host();
    for removed in [true, false] {
        highest(&host, json!("0"));
        expect(&host, "POST", "/invoices").reply(201).json(invoice(1));
        let refusal = json!({"message": ["price must be a number"], "statusCode": 400});
        expect(&host, "POST", &format!("/invoice-item/bulk/{INVOICE}")).reply(400).json(refusal);
        let delete = expect_with_tenant(&host, "DELETE", &format!("/invoices/{INVOICE}"));
        if removed {
            delete.reply(200).json(json!({"affected": 1}));
        } else {
            delete.reply(500).text("");
        }
        let error = run("generate_invoice", &invoice_props()).unwrap_err();
        assert!(error.message().contains("price must be a number"), "{error}");
        assert_eq!(error.message().contains(INVOICE) && error.code() == "gauzy-invoice-left", !removed);
    }
    let error = run("generate_invoice", &json!({"organization": ORGANIZATION, "items": []})).unwrap_err();
    assert_eq!(error.code(), "no-items");
}

#[test]
fn the_currency_of_an_invoice_is_that_of_the_organization() {
    let host = host();
    let membership =
        json!({"id": TASK, "organization": {"id": ORGANIZATION, "name": "Default Company", "currency": "BGN"}});
    for rows in [vec![membership], vec![]] {
        expect(&host, "GET", "/user/me").reply(200).json(me());
        expect(&host, "GET", "/user-organization")
            .query("relations[0]", "organization")
            .reply(200)
            .json(list(rows.clone()));
        let mut props = invoice_props();
        props["currency"] = "".into();
        if rows.is_empty() {
            props["tax"] = 1.into();
            assert_eq!(run("generate_invoice", &props).unwrap_err().code(), "no-currency");
        } else {
            highest(&host, json!("0"));
            expect(&host, "POST", "/invoices").reply(201).json(invoice(1));
            expect(&host, "POST", &format!("/invoice-item/bulk/{INVOICE}")).reply(201).json(json!([]));
            run("generate_invoice", &props).unwrap();
            assert!(host.requests().iter().any(|request| request.json()["currency"] == "BGN"));
        }
    }
}

/// G12: neither the organization nor a UUID is needed for what a notification is about.
#[test]
fn a_notification_is_about_its_receiver_unless_something_else_is_named() {
    let host = host();
    expect(&host, "GET", "/user/me").query("includeEmployee", "true").reply(200).json(me());
    expect_with_tenant(&host, "POST", "/employee-notification")
        .with_json(json!({
            "organizationId": ORGANIZATION, "receiverEmployeeId": EMPLOYEE, "entity": "Employee", "entityId": EMPLOYEE,
            "title": "t", "message": "m", "type": "Message", "sentByEmployeeId": "2a82661e-9025-40db-8753-d81f65b77474",
        }))
        .reply(201)
        .json(json!({"id": TASK, "message": "m", "isRead": false}));
    let props = json!({"organization": ORGANIZATION, "receiver": EMPLOYEE, "title": "t", "message": "m"});
    let answer = run("send_notification", &props).unwrap();
    assert_eq!((&answer["sent"], &answer["notification"]["message"]), (&json!(true), &json!("m")));

    let mut user = me();
    user["employee"] = Value::Null;
    expect(&host, "GET", "/user/me").reply(200).json(user);
    expect(&host, "POST", "/employee-notification").reply(201);
    let mut about = props.clone();
    (about["entity"], about["entity_id"], about["type"]) = ("Task".into(), "T-7".into(), "Assignment".into());
    let answer = run("send_notification", &about).unwrap();
    assert_eq!(answer["sent"], false);
    assert!(answer["reason"].as_str().unwrap().contains("switched"));
    let body = sent(&host);
    assert_eq!((&body["entityId"], &body["type"]), (&json!("T-7"), &json!("Assignment")));

    about["entity_id"] = Value::Null;
    assert_eq!(run("send_notification", &about).unwrap_err().message(), "entity_id: is required with `entity`");
}
