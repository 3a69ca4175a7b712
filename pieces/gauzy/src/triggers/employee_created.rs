//! New employees.

use leno_sdk::prelude::*;

use super::memory::Memory;
use super::{Sample, Watched, appeared};
use crate::call::Call;
use crate::fields::without_secrets;
use crate::gauzy::Gauzy;
use crate::list::Skip;

/// Polls for new employees.
pub struct EmployeeCreated;

/// Not `/employee/pagination`: it gives no times, and ignores the order.
fn call(props: &Watched) -> Call {
    Call::get("/employee").only("organizationId", &props.organization).with(&["user"]).query("order[createdAt]", "DESC")
}

/// Fires for every employee that is created in an organization, if its user is active.
#[trigger(schedule = "*/5 * * * *", sample = Sample(r#"{
    "id": "505effc1-71f8-49f9-bbcc-cefdc3da7a25", "organizationId": "5764ceb2-85ba-47e7-85f9-6703e3b93d3a",
    "userId": "30a3892e-006e-4ce4-a9da-fe0788c92a6a", "startedWorkOn": "2026-01-01T00:00:00.000Z", "isActive": true,
    "createdAt": "2026-01-01T10:00:00.000Z", "updatedAt": "2026-01-01T10:00:00.000Z",
    "user": {"id": "30a3892e-006e-4ce4-a9da-fe0788c92a6a", "firstName": "Ada", "lastName": "L", "email": "ada@example.com"}
}"#))]
impl Watching for EmployeeCreated {
    type Props = Watched;
    type Memory = Memory;
    type Event = Value;

    fn begin(ctx: &Context, props: &Watched) -> Result<Memory> {
        appeared::begin(&Gauzy::connect(ctx)?, &call(props), Skip::Rows)
    }

    fn poll(ctx: &Context, props: &Watched, seen: &mut Memory) -> Result<Vec<Value>> {
        let rows = appeared::poll(&Gauzy::connect(ctx)?, &call(props), Skip::Rows, seen)?;
        Ok(rows.into_iter().map(without_secrets).collect())
    }

    fn test(ctx: &Context, props: &Watched) -> Result<Vec<Value>> {
        let rows = appeared::newest(&Gauzy::connect(ctx)?, &call(props), Skip::Rows)?;
        Ok(rows.into_iter().map(without_secrets).collect())
    }
}
