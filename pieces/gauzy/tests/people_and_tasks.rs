//! Employees and tasks: what is sent, and what is made of the answers.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod support;

use leno_sdk::prelude::*;
use support::*;

#[test]
fn a_new_employee_gets_a_password_that_nobody_sees() {
    let host = host();
    let mut created = employee(EMPLOYEE);
    created["user"]["password"] = "x".into();
    expect_with_tenant(&host, "POST", "/employee").reply(201).json(created);
    let props = json!({
        "organization": ORGANIZATION, "email": " ada@example.com ", "first_name": "Ada", "last_name": "",
        "started_work_on": "2026-01-01",
    });
    let answer = run("create_employee", &props).unwrap();
    let mut body = sent(&host);
    let password = body.as_object_mut().unwrap().remove("password").unwrap();
    assert_eq!(
        body,
        json!({
            "user": {"email": "ada@example.com", "firstName": "Ada"}, "organizationId": ORGANIZATION,
            "startedWorkOn": "2026-01-01T00:00:00.000Z",
        })
    );
    assert!(password.as_str().unwrap().len() >= 32);
    assert_eq!(answer["user"]["email"], "ada@example.com");
    for secret in [password.as_str().unwrap(), "$2b$12$x", "\"password\""] {
        assert!(!answer.to_string().contains(secret));
    }

    // A retry of the step creates no second one, and another password is another employee's.
    assert_eq!(run("create_employee", &props).unwrap(), answer);
    expect(&host, "POST", "/employee").reply(201).json(employee(OTHER_EMPLOYEE));
    run("create_employee", &json!({"organization": ORGANIZATION, "email": "b@example.com", "password": "given"}))
        .unwrap();
    assert_eq!(sent(&host)["password"], "given");
}

#[test]
fn an_employee_that_is_there_already_is_an_error_in_gauzys_words() {
    let host = host();
    let said = "Employee already exists for this user in this organization";
    let body = json!({"message": said, "error": "Bad Request", "statusCode": 400});
    expect(&host, "POST", "/employee").reply(400).json(body);
    let error = run("create_employee", &json!({"organization": ORGANIZATION, "email": "a@example.com"})).unwrap_err();
    assert_eq!(error.message(), format!("POST /employee: Gauzy refused it: {said}"));
}

/// G9: the answer to a PUT has null for what was not sent. Gauzy also clears two columns that are not sent.
#[test]
fn a_changed_employee_is_read_again_and_keeps_what_gauzy_would_clear() {
    let host = host();
    let path = format!("/employee/{EMPLOYEE}");
    expect_with_tenant(&host, "GET", &path).query("relations[0]", "user").reply(200).json(employee(EMPLOYEE));
    expect_with_tenant(&host, "PUT", &path)
        .with_json(json!({
            "upworkId": "up-1", "linkedInId": null, "short_description": "hi", "payPeriod": "BI_WEEKLY",
            "contact": {"city": "Sofia"}, "organizationId": ORGANIZATION,
        }))
        .reply(202)
        .json(put_answer(EMPLOYEE));
    expect_with_tenant(&host, "PUT", &format!("/user/{USER}"))
        .with_json(json!({"firstName": "Ada2"}))
        .reply(202)
        .json(json!({"id": USER}));
    let mut after = employee(EMPLOYEE);
    after["short_description"] = "hi".into();
    expect(&host, "GET", &path).reply(200).json(after);
    let props = json!({
        "organization": ORGANIZATION, "employee": EMPLOYEE, "short_description": "hi", "pay_period": "BI_WEEKLY",
        "first_name": "Ada2", "other_fields": {"contact": {"city": "Sofia"}},
    });
    let answer = run("update_employee", &props).unwrap();
    assert_eq!((&answer["short_description"], &answer["billRateValue"]), (&json!("hi"), &json!(33)));
    assert!(answer["user"].get("hash").is_none());
}

#[test]
fn only_the_user_is_changed_when_only_its_name_is_given() {
    let host = host();
    let path = format!("/employee/{EMPLOYEE}");
    for _ in 0..2 {
        expect(&host, "GET", &path).reply(200).json(employee(EMPLOYEE));
    }
    expect(&host, "PUT", &format!("/user/{USER}"))
        .with_json(json!({"email": "n@example.com"}))
        .reply(202)
        .json(json!({"id": USER}));
    run("update_employee", &json!({"organization": ORGANIZATION, "employee": EMPLOYEE, "email": "n@example.com"}))
        .unwrap();

    expect(&host, "GET", &path).reply(200).json(employee(EMPLOYEE));
    let error = run("update_employee", &json!({"organization": ORGANIZATION, "employee": EMPLOYEE})).unwrap_err();
    assert_eq!(error.code(), "nothing-to-change");
}

/// G10: without the permission to see others, Gauzy answers with the caller's own record.
#[test]
fn another_employee_than_the_one_that_was_asked_for_is_a_missing_permission() {
    let host = host();
    for action in ["get_employee", "update_employee"] {
        expect(&host, "GET", &format!("/employee/{EMPLOYEE}")).reply(200).json(employee(OTHER_EMPLOYEE));
        let props = json!({"organization": ORGANIZATION, "employee": EMPLOYEE, "email": "x@example.com"});
        let error = run(action, &props).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Denied, "gauzy-permission"));
        assert!(error.message().contains("CHANGE_SELECTED_EMPLOYEE"), "{error}");
    }
}

#[test]
fn an_employee_of_another_organization_is_not_found() {
    let host = host();
    expect(&host, "GET", &format!("/employee/{EMPLOYEE}")).reply(200).json(employee(EMPLOYEE));
    let error = run("get_employee", &json!({"organization": TENANT, "employee": EMPLOYEE})).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    expect(&host, "GET", &format!("/employee/{EMPLOYEE}")).reply(200).json(employee(EMPLOYEE));
    assert_eq!(
        run("get_employee", &json!({"organization": ORGANIZATION, "employee": EMPLOYEE})).unwrap()["id"],
        EMPLOYEE
    );
}

#[test]
fn lists_have_pages() {
    let host = host();
    expect_with_tenant(&host, "GET", "/employee")
        .query("where[organizationId]", ORGANIZATION)
        .query("relations[0]", "user")
        .query("take", "2")
        .query("skip", "2")
        .reply(200)
        .json(json!({"items": [employee(EMPLOYEE), employee(OTHER_EMPLOYEE)], "total": 5}));
    let answer = run("list_employees", &json!({"organization": ORGANIZATION, "page": 2, "limit": 2})).unwrap();
    assert_eq!((&answer["total"], &answer["next_page"]), (&json!(5), &json!(3)));
    assert!(!answer.to_string().contains("hash"));

    expect(&host, "GET", "/tasks")
        .query("where[projectId]", TENANT)
        .query("where[status]", "open")
        .query("order[createdAt]", "DESC")
        .query("take", "100")
        .query("skip", "0")
        .reply(200)
        .json(list([task()]));
    let props = json!({"organization": ORGANIZATION, "project": TENANT, "status": "open"});
    assert_eq!(run("list_tasks", &props).unwrap()["next_page"], Value::Null);
    let error = run("list_tasks", &json!({"organization": ORGANIZATION, "limit": 101})).unwrap_err();
    assert_eq!(error.message(), "limit: 101 is above the maximum of 100");
}

#[test]
fn what_was_not_there_to_be_deleted_is_an_error() {
    let host = host();
    expect_with_tenant(&host, "DELETE", &format!("/employee/{EMPLOYEE}"))
        .query("organizationId", ORGANIZATION)
        .reply(202)
        .json(json!({"raw": [], "affected": 1}));
    let props = json!({"organization": ORGANIZATION, "employee": EMPLOYEE});
    assert_eq!(run("delete_employee", &props).unwrap(), json!({"id": EMPLOYEE, "deleted": true}));
    let props = json!({"organization": ORGANIZATION, "task": TASK});
    expect(&host, "DELETE", &format!("/tasks/{TASK}")).reply(200).json(json!({"raw": [], "affected": 0}));
    assert_eq!(run("delete_task", &props).unwrap_err().kind(), ErrorKind::NotFound);
    expect(&host, "DELETE", &format!("/tasks/{TASK}")).reply(204);
    assert_eq!(run("delete_task", &props).unwrap()["deleted"], true);
}

#[test]
fn a_new_task_is_open_and_its_estimate_is_sent_in_seconds() {
    let host = host();
    expect_with_tenant(&host, "POST", "/tasks")
        .with_json(json!({
            "organizationId": ORGANIZATION, "title": "T2", "status": "open", "priority": "high", "size": "x-large",
            "estimate": 5400, "dueDate": "2026-02-01T00:00:00.000Z", "members": [{"id": EMPLOYEE}],
        }))
        .reply(202)
        .json(task());
    let props = json!({
        "organization": ORGANIZATION, "title": " T2 ", "priority": "high", "size": "x-large", "estimate_hours": 1.5,
        "due_date": "2026-02-01", "members": [EMPLOYEE], "description": "",
    });
    let answer = run("create_task", &props).unwrap();
    assert_eq!(answer["id"], TASK);
    // A retry of the step creates no second one; without the answer being kept, it would.
    assert_eq!(run("create_task", &props).unwrap(), answer);
    assert_eq!(
        run("create_task", &json!({"organization": ORGANIZATION, "title": " "})).unwrap_err().code(),
        "no-title"
    );
}

/// G11: Gauzy takes any text for a status, so the piece looks it up.
#[test]
fn a_status_is_sent_with_its_row_and_an_unknown_one_is_refused() {
    let host = host();
    let ask = || expect_with_tenant(&host, "GET", "/task-statuses").query("organizationId", ORGANIZATION);
    ask().reply(200).json(statuses());
    expect(&host, "POST", "/tasks")
        .with_json(json!({
            "organizationId": ORGANIZATION, "title": "T", "status": "in-progress", "taskStatusId": STATUS,
        }))
        .reply(202)
        .json(task());
    run("create_task", &json!({"organization": ORGANIZATION, "title": "T", "status": "In-Progress"})).unwrap();

    ask().reply(200).json(statuses());
    let error =
        run("create_task", &json!({"organization": ORGANIZATION, "title": "T", "status": "bogus"})).unwrap_err();
    assert_eq!(error.message(), "status: `bogus` is no status of these tasks; choose one of open, in-progress");
}

/// G13: an unknown project is answered 400.
#[test]
fn a_task_in_an_unknown_project_is_refused_in_gauzys_words() {
    let host = host();
    let body = json!({"statusCode": 400, "message": "The requested record was not found"});
    expect(&host, "POST", "/tasks").reply(400).json(body);
    let error =
        run("create_task", &json!({"organization": ORGANIZATION, "title": "T", "project": TENANT})).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.message().ends_with("The requested record was not found"));
}

/// G9, and Gauzy takes people away from a task whom a PUT does not name.
#[test]
fn a_changed_task_keeps_its_people_and_is_read_again() {
    let host = host();
    let path = format!("/tasks/{TASK}");
    expect_with_tenant(&host, "GET", &path)
        .query("relations[0]", "members")
        .query("relations[2]", "tags")
        .reply(200)
        .json(task());
    expect(&host, "GET", "/task-statuses").reply(200).json(statuses());
    expect_with_tenant(&host, "PUT", &path)
        .with_json(json!({
            "title": "HP task", "status": "in-progress", "members": [{"id": EMPLOYEE}], "teams": [],
            "tags": [{"id": STATUS}], "taskStatusId": STATUS, "organizationId": ORGANIZATION,
        }))
        .reply(202)
        .json(put_answer(TASK));
    let mut after = task();
    after["status"] = "in-progress".into();
    expect(&host, "GET", &path).reply(200).json(after.clone());
    let props = json!({"organization": ORGANIZATION, "task": TASK, "status": "in-progress"});
    assert_eq!(run("update_task", &props).unwrap(), after);

    for _ in 0..2 {
        expect(&host, "GET", &path).reply(200).json(task());
    }
    expect(&host, "PUT", &path).reply(202).json(put_answer(TASK));
    let props = json!({"organization": ORGANIZATION, "task": TASK, "title": "New", "members": [], "estimate_hours": 2});
    run("update_task", &props).unwrap();
    let put = host.requests().iter().rfind(|request| request.method == "PUT").unwrap().json();
    assert_eq!(
        (&put["title"], &put["status"], &put["members"], &put["estimate"], put.get("priority")),
        (&json!("New"), &json!("open"), &json!([]), &json!(7200), None)
    );
}
