//! The client of the Gauzy API: the one place that sends requests.

use std::cell::RefCell;
use std::time::Duration;

use leno_sdk::http::{HttpError, Request, Response};
use leno_sdk::prelude::*;

use crate::account;
use crate::answer;
use crate::call::Call;
use crate::list::List;

/// How long the tenant of a server is remembered. Users hardly ever change it.
const TENANT_KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// How often a request is sent while Gauzy is busy.
const ATTEMPTS: u32 = 6;
/// The time that is left for the answer after a wait.
const RESERVE: Duration = Duration::from_secs(3);
/// The longest wait that Gauzy does not ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(16);

/// The server of the call's connection.
pub(crate) struct Gauzy {
    ctx: Context,
    base: String,
    tenant: RefCell<Option<Tenant>>,
}

#[derive(Clone)]
struct Tenant {
    id: String,
    /// Whether it comes from the store: then it may be that of an earlier connection.
    remembered: bool,
}

impl Gauzy {
    /// A client that sends the tenant of an earlier call, if there is one.
    pub(crate) fn connect(ctx: &Context) -> Result<Self> {
        let gauzy = Self::fresh(ctx)?;
        // The store only saves a request; without it things go on.
        if let Ok(Some(id)) = store::project().get::<String>(&gauzy.tenant_key()) {
            gauzy.tenant.replace(Some(Tenant { id, remembered: true }));
        }
        Ok(gauzy)
    }

    /// A client that knows nothing of earlier calls.
    pub(crate) fn fresh(ctx: &Context) -> Result<Self> {
        Ok(Self { ctx: *ctx, base: account::base_url()?, tenant: RefCell::new(None) })
    }

    pub(crate) fn context(&self) -> &Context {
        &self.ctx
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The user who acts, with its employee, if it has one.
    pub(crate) fn me(&self) -> Result<Value> {
        let call = Call::get("/user/me").query("includeEmployee", true);
        let user = answer::body(&call, &self.patiently(&call, None)?)?;
        match user.get("tenantId").and_then(Value::as_str) {
            Some(tenant) => {
                self.tenant.replace(Some(Tenant { id: tenant.to_owned(), remembered: false }));
                Ok(user)
            }
            None => {
                let message =
                    "the user of this connection belongs to no tenant of Gauzy; finish its registration there";
                Err(Error::invalid_input("gauzy-no-tenant", message))
            }
        }
    }

    /// The tenant, without which Gauzy refuses every request.
    pub(crate) fn tenant(&self) -> Result<String> {
        if let Some(tenant) = self.tenant.borrow().as_ref() {
            return Ok(tenant.id.clone());
        }
        let user = self.me()?;
        let id = user.get("tenantId").and_then(Value::as_str).unwrap_or_default().to_owned();
        if let Err(error) = store::project().put_for(&self.tenant_key(), &id, TENANT_KEPT) {
            log::debug!("the tenant is not remembered: {error}");
        }
        Ok(id)
    }

    /// Sends a request and returns the body of the answer; `null` if it is empty.
    pub(crate) fn send(&self, call: &Call) -> Result<Value> {
        answer::body(call, &self.respond(call)?)
    }

    /// Sends a request and returns the answer, whatever its status.
    pub(crate) fn respond(&self, call: &Call) -> Result<Response> {
        let tenant = self.tenant()?;
        let response = self.patiently(call, Some(&tenant))?;
        let is_remembered = self.tenant.borrow().as_ref().is_some_and(|tenant| tenant.remembered);
        // A tenant that is not the user's is refused like a missing permission.
        if response.status() == 403 && is_remembered {
            self.tenant.replace(None);
            let now = self.tenant()?;
            if now != tenant {
                return self.patiently(call, Some(&now));
            }
        }
        Ok(response)
    }

    /// A list: `{"items", "total"}`, or an array.
    pub(crate) fn list(&self, call: &Call) -> Result<List> {
        List::read(call, self.send(call)?)
    }

    /// One record, which must be the one that was asked for: without the permission to see others, Gauzy answers with a record
    /// of the caller.
    pub(crate) fn entity(&self, call: &Call, id: &str) -> Result<Value> {
        let entity = self.send(call)?;
        match entity.get("id").and_then(Value::as_str) {
            Some(found) if found == id => Ok(entity),
            Some(_) => {
                let message = format!(
                    "Gauzy answered {} with another record, which is that of the user itself: the user needs the permission \
                     CHANGE_SELECTED_EMPLOYEE to see others",
                    call.name()
                );
                Err(Error::denied("gauzy-permission", message)
                    .with_details(json!({"permissions": ["CHANGE_SELECTED_EMPLOYEE"]})))
            }
            None => Err(unexpected(call, "a record with an id")),
        }
    }

    /// A record that was just created: it has an id.
    pub(crate) fn created(&self, call: &Call) -> Result<Value> {
        let entity = self.send(call)?;
        match entity.get("id").and_then(Value::as_str) {
            Some(_) => Ok(entity),
            None => Err(unexpected(call, "the new record")),
        }
    }

    /// Sends a request again while Gauzy is busy and the call has time.
    fn patiently(&self, call: &Call, tenant: Option<&str>) -> Result<Response> {
        let mut pause = Duration::from_secs(1);
        for attempt in 1.. {
            let response = self.request(call, tenant).send()?;
            if !matches!(response.status(), 429 | 503) || attempt >= ATTEMPTS {
                return Ok(response);
            }
            let wait = response.retry_after().unwrap_or(pause);
            if wait + RESERVE > self.ctx.remaining() {
                return Ok(response);
            }
            log::debug!(status = response.status(); "{} is sent again in {} ms", call.name(), wait.as_millis());
            std::thread::sleep(wait);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Err(HttpError::Send(Error::internal("gauzy-attempts", "no attempt was made")).into())
    }

    fn request(&self, call: &Call, tenant: Option<&str>) -> Request {
        let mut request = http::request(call.method, format!("{}/api{}", self.base, call.path)).authorize();
        for (name, value) in &call.query {
            request = request.query(name, value);
        }
        if let Some(tenant) = tenant {
            request = request.header("Tenant-Id", tenant);
        }
        match &call.body {
            Some(body) => request.json(body),
            None => request,
        }
    }

    fn tenant_key(&self) -> String {
        format!("tenant/{}", crate::digest::short(&[&self.base]))
    }
}

pub(crate) fn unexpected(call: &Call, expected: &str) -> Error {
    let message = format!("Gauzy did not answer {} with {expected}", call.name());
    Error::unavailable("gauzy-unexpected", message)
}
