//! The budgets of this room.

use std::sync::Arc;

use leno_base::budget::{Budget, Budgets, Per, Spec};

/// All of them.
pub const BUDGETS: &[&Spec] = &[&CONNECTIONS, &READERS, &WRITES, &WORKFLOW_USES, &WORKFLOW_USES_PER_USER];

/// Statements and transactions that are in PostgreSQL at one moment. One tenant gets three quarters of them at most. One
/// further connection is for the host's own questions, `/readyz` for one.
///
/// 16: PostgreSQL allows 100 clients unless told otherwise, and several hosts share it.
pub(crate) static CONNECTIONS: Spec = Spec {
    env: "LENO_DATABASE_CONNECTIONS",
    per: Per::Host,
    what: "connections to PostgreSQL at work",
    default: 16,
    range: (4, 1_000),
};

/// Readers of the SQLite file. They wait for no writer. One tenant gets three quarters of them at most.
///
/// 8: each is a thread, and more than the machine has cores gain nothing but for a slow disk.
pub(crate) static READERS: Spec = Spec {
    env: "LENO_DATABASE_READERS",
    per: Per::Host,
    what: "readers of the SQLite file at work",
    default: 8,
    range: (1, 256),
};

/// Writes to the SQLite file, which takes one at a time: the one under way, and those that wait for their turn. Tenants take
/// turns; in a full queue, the youngest write of the tenant with the most makes room.
///
/// 512: a short write takes a few milliseconds, so the last one in the queue has its turn within the 5 s that it waits.
pub(crate) static WRITES: Spec = Spec {
    env: "LENO_DATABASE_WRITES",
    per: Per::Host,
    what: "writes to the SQLite file under way or waiting",
    default: 512,
    range: (2, 100_000),
};

/// Uses of connections that one workflow may have. They are written in one transaction, during which every other writer of
/// the SQLite file waits.
pub(crate) static WORKFLOW_USES: Spec = Spec {
    env: "LENO_WORKFLOW_USES",
    per: Per::Request,
    what: "uses of connections in one workflow",
    default: 2_000,
    range: (1, 10_000),
};

/// Uses of connections in all workflows of one user: rows that stay.
pub(crate) static WORKFLOW_USES_PER_USER: Spec = Spec {
    env: "LENO_WORKFLOW_USES_PER_USER",
    per: Per::User,
    what: "uses of connections in workflows",
    default: 20_000,
    range: (1, 1_000_000),
};

/// The most rows that one may have.
#[derive(Debug)]
pub struct Rows {
    /// Uses of connections in one workflow.
    pub workflow_uses: Arc<Budget>,
    /// Uses of connections in all workflows of a user.
    pub workflow_uses_per_user: Arc<Budget>,
}

impl Rows {
    pub(crate) fn new(budgets: &Budgets) -> Self {
        Self {
            workflow_uses: budgets.get(&WORKFLOW_USES),
            workflow_uses_per_user: budgets.get(&WORKFLOW_USES_PER_USER),
        }
    }
}
