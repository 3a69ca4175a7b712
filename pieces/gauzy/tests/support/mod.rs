//! A fake host with a connection, and rows as a running Gauzy answered them, shortened.
#![allow(dead_code, reason = "each test program has its own needs")]

use leno_sdk::connection::Kind;
use leno_sdk::prelude::*;
use leno_sdk::store::Scope;
use leno_sdk::testing::{Expectation, FakeHost};
use piece_gauzy::PIECE;

pub const BASE: &str = "https://gauzy.example.com";
pub const TENANT: &str = "a3d61e30-3ef9-4969-b2d8-d2f47bcdfe6d";
pub const ORGANIZATION: &str = "5764ceb2-85ba-47e7-85f9-6703e3b93d3a";
pub const EMPLOYEE: &str = "505effc1-71f8-49f9-bbcc-cefdc3da7a25";
pub const OTHER_EMPLOYEE: &str = "fd937175-b1be-4c80-9797-e1ad6f7576df";
pub const USER: &str = "30a3892e-006e-4ce4-a9da-fe0788c92a6a";
pub const TASK: &str = "e2d338d5-fb56-421c-9102-c1f1a4dda61a";
pub const STATUS: &str = "08af53e3-2a4f-402c-8b72-9244cc87dd1f";
pub const INVOICE: &str = "a11d4a13-a7a6-43a7-bb50-5a011c94c317";
pub const TIME_LOG: &str = "4bde6c7e-21b3-4c80-965b-c68ec33d103f";

/// A host whose connection has an access token that the piece does not see.
pub fn stranger() -> FakeHost {
    let host = FakeHost::new();
    host.connect_sealed(Kind::CustomAuth, json!({"baseUrl": BASE}));
    host
}

/// A host on which an earlier call has found out the tenant.
pub fn host() -> FakeHost {
    let host = stranger();
    expect(&host, "GET", "/user/me").reply(200).json(me());
    expect(&host, "GET", "/tasks").reply(200).json(json!({"items": [], "total": 0}));
    run("list_tasks", &json!({"organization": ORGANIZATION})).unwrap();
    host
}

/// A request with the credentials.
pub fn expect(host: &FakeHost, method: &str, path: &str) -> Expectation {
    host.expect(method, &format!("{BASE}/api{path}")).authorized()
}

/// A request with the credentials and the tenant.
pub fn expect_with_tenant(host: &FakeHost, method: &str, path: &str) -> Expectation {
    expect(host, method, path).header("Tenant-Id", TENANT)
}

pub fn run(action: &str, props: &Value) -> Result<Value> {
    PIECE.run_action(action, &props.to_string()).map(|text| serde_json::from_str(&text).unwrap())
}

pub fn options(action: &str, property: &str, props: &Value, search: Option<&str>) -> Value {
    serde_json::from_str(&PIECE.resolve(action, property, &props.to_string(), search).unwrap()).unwrap()
}

/// One poll of a trigger.
pub fn poll(trigger: &str, props: &Value) -> Result<Vec<Value>> {
    let events = PIECE.trigger(trigger)?.run(&props.to_string(), None)?;
    Ok(events.iter().map(|event| serde_json::from_str(event).unwrap()).collect())
}

pub fn enable(trigger: &str, props: &Value) {
    PIECE.trigger(trigger).unwrap().enable(&props.to_string()).unwrap();
}

pub fn memory(host: &FakeHost) -> Value {
    host.stored(Scope::Flow, "leno.watching").unwrap()
}

/// The body of the last request.
pub fn sent(host: &FakeHost) -> Value {
    host.requests().last().unwrap().json()
}

pub fn list(items: impl IntoIterator<Item = Value>) -> Value {
    let items: Vec<Value> = items.into_iter().collect();
    let total = items.len();
    json!({"items": items, "total": total})
}

/// `GET /user/me?includeEmployee=true`.
pub fn me() -> Value {
    json!({
        "deletedAt": null, "createdAt": "2026-11-27T00:17:25.210Z", "updatedAt": "2026-11-27T00:31:56.482Z",
        "id": "f9670026-da14-4242-9d6b-be74c5a27c05", "isActive": true, "tenantId": TENANT, "firstName": "Super",
        "lastName": "Admin", "email": "admin@ever.co", "name": "Super Admin",
        "employee": {"id": "2a82661e-9025-40db-8753-d81f65b77474", "organizationId": ORGANIZATION},
    })
}

/// An employee with its user.
pub fn employee(id: &str) -> Value {
    json!({
        "deletedAt": null, "createdAt": "2026-11-27T00:31:56.900Z", "updatedAt": "2026-11-27T00:31:56.992Z", "id": id,
        "isActive": true, "tenantId": TENANT, "organizationId": ORGANIZATION, "short_description": null,
        "employeeLevel": null, "billRateValue": 33, "billRateCurrency": "USD", "isOnline": false, "isTrackingTime": false,
        "totalWorkHours": null, "upworkId": "up-1", "linkedInId": null, "userId": USER,
        "user": {
            "id": USER, "firstName": "Ada", "lastName": "L", "email": "ada@example.com", "hash": "$2b$12$x",
            "lastLoginAt": null,
        },
    })
}

/// `GET /tasks/:id` with members, teams and tags.
pub fn task() -> Value {
    json!({
        "createdAt": "2026-11-27T00:31:57.312Z", "updatedAt": "2026-11-27T00:31:57.733Z", "id": TASK, "tenantId": TENANT,
        "organizationId": ORGANIZATION, "title": "HP task", "number": 1, "status": "open", "priority": null, "estimate": null,
        "isDraft": false, "projectId": null, "taskStatusId": null, "members": [{"id": EMPLOYEE, "userId": USER}],
        "teams": [], "tags": [{"id": STATUS, "name": "hot"}], "taskNumber": "1",
    })
}

/// The answer to a PUT: what was sent, and null for everything else.
pub fn put_answer(id: &str) -> Value {
    json!({"id": id, "tenantId": TENANT, "title": null, "isActive": null, "number": null, "user": null})
}

pub fn statuses() -> Value {
    list([
        json!({"id": "24604560-302a-440a-ae11-a4c40bc97431", "tenantId": null, "name": "open", "value": "open"}),
        json!({"id": STATUS, "tenantId": null, "name": "in-progress", "value": "in-progress"}),
    ])
}

/// A time log as `GET /timesheet/time-log` has it.
pub fn time_log(id: &str, employee: &str, started: &str, stopped: &str) -> Value {
    json!({
        "createdAt": started, "updatedAt": stopped, "id": id, "tenantId": TENANT, "organizationId": ORGANIZATION,
        "startedAt": started, "stoppedAt": stopped, "logType": "MANUAL", "source": "BROWSER", "description": null,
        "isBillable": false, "isRunning": false, "employeeId": employee, "duration": 3600, "isEdited": false,
    })
}

/// `POST /invoices` with a number that is taken, on PostgreSQL: the raw error of the database, with its query and values.
pub fn taken_number() -> Value {
    json!({
        "query": "INSERT INTO \"invoice\"(\"deletedAt\") VALUES (DEFAULT, $1)", "parameters": ["f9670026", 1, "USD"],
        "driverError": {
            "length": 235, "name": "error", "severity": "ERROR", "code": "23505",
            "detail": "Key (\"invoiceNumber\")=(1) already exists.", "table": "invoice",
        },
        "length": 235, "severity": "ERROR", "code": "23505", "detail": "Key (\"invoiceNumber\")=(1) already exists.",
    })
}

/// `POST /invoices`.
pub fn invoice(number: u64) -> Value {
    json!({
        "tenantId": TENANT, "organizationId": ORGANIZATION, "invoiceNumber": number, "currency": "USD", "totalValue": 10,
        "status": "DRAFT", "isEstimate": null, "token": "eyJhbGciOiJIUzI1NiJ9.x.y",
        "createdAt": "2026-11-27T00:31:58.401Z", "updatedAt": "2026-11-27T00:31:58.401Z", "id": INVOICE,
    })
}
