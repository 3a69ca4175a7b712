//! A fake host with a connection, and issues as the API of Forgejo has them, shortened.
#![allow(dead_code, reason = "each test program has its own needs")]

use leno_sdk::connection::Kind;
use leno_sdk::prelude::*;
use leno_sdk::testing::FakeHost;

pub const ISSUES: &str = "https://git.example.com/api/v1/repos/ada/engine/issues";
pub const HOOKS: &str = "https://git.example.com/api/v1/repos/ada/engine/hooks";

/// A host whose connection is to `https://git.example.com`. The piece sees the address and no token.
pub fn host() -> FakeHost {
    let host = FakeHost::new();
    host.connect_sealed(Kind::CustomAuth, json!({"baseUrl": "https://git.example.com/"}));
    host
}

pub fn issue(number: u64, created_at: &str) -> Value {
    json!({
        "id": number + 70, "url": format!("{ISSUES}/{number}"),
        "html_url": format!("https://git.example.com/ada/engine/issues/{number}"), "number": number,
        "user": {"id": 1, "login": "ada", "email": "ada@noreply.localhost"}, "title": format!("Issue {number}"),
        "body": "", "labels": [{"id": 3, "name": "bug", "color": "ee0701"}], "milestone": null, "assignees": null,
        "state": "open", "comments": 0, "created_at": created_at, "updated_at": created_at, "closed_at": null,
        "pull_request": null,
    })
}
