//! How much each user and each tenant may have and do.

use std::time::Duration;

use leno_base::{
    Owner, TenantId,
    budget::{Budgets, Each, Exhausted, OwnedShare},
};
use leno_db::quota::{Counted, Quota};

use crate::budgets::{
    TENANT_CONNECT_SESSIONS, TENANT_CONNECTION_TESTS, TENANT_CONNECTIONS, TENANT_REFRESHES, TENANT_SIGN_INS,
    USER_CONNECT_SESSIONS, USER_CONNECTIONS, USER_SIGN_INS,
};

/// When to begin a sign-in again: those that were not finished end after 10 minutes, one after the other.
const NEXT_SIGN_IN: Duration = Duration::from_secs(60);
/// When to make a link again: each ends after 30 minutes, one after the other.
const NEXT_SESSION: Duration = Duration::from_secs(180);

pub(crate) struct Quotas {
    /// Connections that are stored.
    pub(crate) connections: Quota,
    /// Sign-ins under way.
    pub(crate) sign_ins: Quota,
    /// Links by which connections are made.
    pub(crate) sessions: Quota,
    /// Refreshes under way.
    pub(crate) refreshes: Each<TenantId>,
    tests: Each<TenantId>,
}

impl Quotas {
    pub(crate) fn new(budgets: &Budgets) -> Self {
        let sign_ins = Quota::new(Counted::SignIns, budgets, &USER_SIGN_INS, &TENANT_SIGN_INS, Some(NEXT_SIGN_IN));
        let (user, tenant) = (&USER_CONNECT_SESSIONS, &TENANT_CONNECT_SESSIONS);
        let sessions = Quota::new(Counted::ConnectSessions, budgets, user, tenant, Some(NEXT_SESSION));
        Self {
            connections: Quota::new(Counted::Connections, budgets, &USER_CONNECTIONS, &TENANT_CONNECTIONS, None),
            sign_ins,
            sessions,
            refreshes: budgets.each(&TENANT_REFRESHES),
            tests: budgets.each(&TENANT_CONNECTION_TESTS),
        }
    }

    /// Begins the test of a connection.
    pub(crate) fn trial(&self, owner: &Owner) -> Result<Trial, Exhausted> {
        Ok(Trial { _share: self.tests.take(owner.tenant.clone(), 1)? })
    }

    /// Shows how many connections, sign-ins or links all users have.
    pub(crate) fn observe(&self, counted: Counted, used: u64) {
        match counted {
            Counted::Connections => self.connections.observe(used),
            Counted::SignIns => self.sign_ins.observe(used),
            Counted::ConnectSessions => self.sessions.observe(used),
            _ => {}
        }
    }
}

/// The test of a connection. It counts until this is dropped.
#[derive(Debug)]
#[must_use = "the test counts until this is dropped"]
pub struct Trial {
    _share: OwnedShare<TenantId>,
}
