//! New invoices.

use leno_sdk::prelude::*;

use super::memory::Memory;
use super::{Sample, appeared};
use crate::call::Call;
use crate::choices::organizations;
use crate::fields::without_secrets;
use crate::gauzy::Gauzy;
use crate::id::Id;
use crate::list::Skip;

/// Which invoices to watch.
#[derive(Props)]
pub struct WatchedInvoices {
    #[prop(options = organizations, refresh_on_search)]
    organization: Id,
    /// Also fire for estimates, which Gauzy keeps among the invoices
    #[prop(default = false)]
    include_estimates: bool,
}

/// Polls for new invoices.
pub struct InvoiceGenerated;

fn call(props: &WatchedInvoices) -> Call {
    Call::get("/invoices/pagination")
        .only("organizationId", &props.organization)
        .with(&["invoiceItems"])
        .query("order[createdAt]", "DESC")
}

/// What of the rows is reported. Estimates are taken out here: the route would take every filter by it for "true".
fn wanted(props: &WatchedInvoices, rows: Vec<Value>) -> Vec<Value> {
    let is_estimate = |row: &Value| row.get("isEstimate").and_then(Value::as_bool).unwrap_or(false);
    let rows = rows.into_iter().filter(|row| props.include_estimates || !is_estimate(row));
    rows.map(without_secrets).collect()
}

/// Fires for every invoice that is generated in an organization, with its items.
#[trigger(schedule = "*/5 * * * *", sample = Sample(r#"{
    "id": "a11d4a13-a7a6-43a7-bb50-5a011c94c317", "organizationId": "5764ceb2-85ba-47e7-85f9-6703e3b93d3a",
    "invoiceNumber": 1, "invoiceDate": "2026-01-01T00:00:00.000Z", "dueDate": "2026-02-01T00:00:00.000Z",
    "currency": "USD", "totalValue": 10, "status": "DRAFT", "isEstimate": null, "createdAt": "2026-01-01T10:00:00.000Z",
    "invoiceItems": [{"description": "Consulting", "price": 10, "quantity": 1, "totalValue": 10}]
}"#))]
impl Watching for InvoiceGenerated {
    type Props = WatchedInvoices;
    type Memory = Memory;
    type Event = Value;

    fn begin(ctx: &Context, props: &WatchedInvoices) -> Result<Memory> {
        appeared::begin(&Gauzy::connect(ctx)?, &call(props), Skip::Pages)
    }

    fn poll(ctx: &Context, props: &WatchedInvoices, seen: &mut Memory) -> Result<Vec<Value>> {
        Ok(wanted(props, appeared::poll(&Gauzy::connect(ctx)?, &call(props), Skip::Pages, seen)?))
    }

    fn test(ctx: &Context, props: &WatchedInvoices) -> Result<Vec<Value>> {
        Ok(wanted(props, appeared::newest(&Gauzy::connect(ctx)?, &call(props), Skip::Pages)?))
    }
}
