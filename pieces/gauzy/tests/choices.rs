//! The drop-down lists.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod support;

use leno_sdk::prelude::*;
use support::*;

fn chosen() -> Value {
    json!({"organization": ORGANIZATION})
}

#[test]
fn nothing_is_asked_for_before_an_organization_is_chosen() {
    let host = host();
    let before = host.requests().len();
    for (action, property) in [
        ("create_task", "project"),
        ("create_task", "status"),
        ("create_task", "members"),
        ("create_task", "teams"),
        ("create_task", "parent"),
        ("generate_invoice", "contact"),
        ("new_task", "project"),
    ] {
        for props in [json!({}), json!({"organization": "{{step_1.id}}"})] {
            let list = options(action, property, &props, None);
            assert_eq!(
                (&list["disabled"], &list["placeholder"]),
                (&json!(true), &json!("Choose an organization first"))
            );
        }
    }
    assert_eq!(host.requests().len(), before);
}

#[test]
fn organizations_are_those_of_the_user() {
    let host = host();
    for (search, found) in [(None, 2), (Some("DEFAULT"), 1), (Some("nope"), 0)] {
        expect(&host, "GET", "/user/me").reply(200).json(me());
        let row =
            |id: &str, name: &str| json!({"id": TASK, "organizationId": id, "organization": {"id": id, "name": name}});
        expect_with_tenant(&host, "GET", "/user-organization")
            .query("where[userId]", "f9670026-da14-4242-9d6b-be74c5a27c05")
            .query("where[tenantId]", TENANT)
            .query("relations[0]", "organization")
            .reply(200)
            .json(list([row(ORGANIZATION, "Default Company"), row(TENANT, "Ever")]));
        let list = options("employee_created", "organization", &json!({}), search);
        assert_eq!(list["options"].as_array().unwrap().len(), found);
    }
}

#[test]
fn pages_are_read_until_enough_is_found() {
    let host = host();
    let rows = |from: usize, count: usize| {
        list(
            (from..from + count)
                .map(|number| json!({"id": format!("id-{number}"), "name": format!("Project {number}")})),
        )
    };
    let ask = |skip: &str| {
        expect_with_tenant(&host, "GET", "/organization-projects")
            .query("where[organizationId]", ORGANIZATION)
            .query("take", "100")
            .query("skip", skip)
    };
    ask("0").reply(200).json(rows(0, 100));
    let all = options("create_task", "project", &chosen(), None);
    assert_eq!(all["options"].as_array().unwrap().len(), 100);

    for (skip, from, count) in [("0", 0, 100), ("100", 100, 100), ("200", 200, 5)] {
        ask(skip).reply(200).json(rows(from, count));
    }
    let found = options("create_task", "project", &chosen(), Some("project 20"));
    let labels: Vec<&str> = found["options"].as_array().unwrap().iter().map(|o| o["label"].as_str().unwrap()).collect();
    assert_eq!(labels, ["Project 20", "Project 200", "Project 201", "Project 202", "Project 203", "Project 204"]);
}

#[test]
fn each_list_has_names_and_the_values_that_gauzy_takes() {
    let host = host();
    let one = |label: &str, value: &str| json!([{"label": label, "value": value}]);
    expect(&host, "GET", "/employee").query("relations[0]", "user").reply(200).json(list([employee(EMPLOYEE)]));
    let employees = options("log_time_entry", "employee", &chosen(), Some("ada"));
    assert_eq!(employees["options"], one("Ada L (ada@example.com)", EMPLOYEE));

    expect(&host, "GET", "/tasks").reply(200).json(list([task()]));
    assert_eq!(options("update_task", "task", &chosen(), None)["options"], one("#1 HP task", TASK));

    expect(&host, "GET", "/organization-team").reply(200).json(list([json!({"id": TASK, "name": "Core"})]));
    assert_eq!(options("create_task", "teams", &chosen(), None)["options"], one("Core", TASK));

    // This route counts pages.
    expect(&host, "GET", "/organization-contact/pagination")
        .query("skip", "1")
        .reply(200)
        .json(list([json!({"id": TASK, "name": "Client"})]));
    assert_eq!(options("generate_invoice", "contact", &chosen(), None)["options"], one("Client", TASK));

    let currencies = list([
        json!({"id": TASK, "isoCode": "USD", "currency": "US Dollar"}),
        json!({"isoCode": "BGN", "currency": "Lev"}),
    ]);
    expect(&host, "GET", "/currency").reply(200).json(currencies);
    assert_eq!(
        options("generate_invoice", "currency", &chosen(), Some("dollar"))["options"],
        one("USD (US Dollar)", "USD")
    );
}

/// G14: the rows for everybody come as well, and count.
#[test]
fn statuses_are_those_of_the_project_or_else_of_the_organization() {
    let host = host();
    expect_with_tenant(&host, "GET", "/task-statuses").query("projectId", TASK).reply(200).json(list([]));
    expect(&host, "GET", "/task-statuses").query("organizationId", ORGANIZATION).reply(200).json(statuses());
    let found = options("create_task", "status", &json!({"organization": ORGANIZATION, "project": TASK}), Some("prog"));
    assert_eq!(found["options"], json!([{"label": "in-progress", "value": "in-progress"}]));
}

#[test]
fn a_list_that_the_user_may_not_see_says_why() {
    let host = host();
    expect(&host, "GET", "/employee").reply(403).json(json!({"message": "Forbidden resource"}));
    expect(&host, "GET", "/user/me").reply(200).json(me());
    let error = piece_gauzy::PIECE.resolve("create_task", "members", &chosen().to_string(), None).unwrap_err();
    assert!(error.message().ends_with("it needs the permission ORG_EMPLOYEES_VIEW"), "{error}");
}
