//! Reading the bodies of requests: each from a caller who is known, or from an address, within the memory that there is for bodies.
//!
//! Memory is taken as bytes arrive, and for the values of a JSON text before it is parsed. It is held until the handler has
//! done with the body. Who finds no room waits for a moment: the sender meanwhile waits as well, as nothing is read.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{body::Body, extract::Request};
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt as _;
use leno_base::{
    TenantId,
    budget::{Budget, Budgets, Spec},
    stock::{Portion, Stock},
};

use super::{
    Rejection,
    authorization::{Internal, Operator},
    budgets::{REQUEST_BYTES, REQUEST_VALUES, TENANT_REQUEST_BYTES},
    extract::{self, JsonBody},
    ring::Sender,
    weight::Weight,
};
use crate::identity::Caller;

/// How long a body waits for memory that others hold.
const WAIT: Duration = Duration::from_secs(2);
/// How long a JSON body may take as a whole. Parts of it have a limit of their own, see `listener`.
const SLOWEST: Duration = Duration::from_secs(120);
/// What is taken ahead of the bytes of a body with a length, so that most bodies take once.
const AHEAD: u64 = 64 << 10;

/// Who a body is charged to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Payer {
    /// A tenant, which has a share of its own.
    Tenant(TenantId),
    /// The operator, for whom only the limit of the host holds.
    Operator,
    /// An address, where nobody is known yet. It has the share of a tenant.
    Peer(IpAddr),
}

impl From<Sender> for Payer {
    fn from(sender: Sender) -> Self {
        Self::Peer(sender.0)
    }
}

impl From<&Caller> for Payer {
    fn from(caller: &Caller) -> Self {
        Self::Tenant(caller.actor.tenant.clone())
    }
}

impl From<&Operator> for Payer {
    fn from(_: &Operator) -> Self {
        Self::Operator
    }
}

impl From<&Internal> for Payer {
    fn from(_: &Internal) -> Self {
        Self::Operator
    }
}

/// Reads bodies. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Bodies {
    memory: Stock<Payer>,
    values: Arc<Budget>,
    budgets: Budgets,
}

/// The memory that a body takes. Dropping it gives it back.
#[derive(Debug)]
#[must_use = "it is given back when it is dropped, and the body needs it"]
pub(crate) struct Memory {
    portion: Portion<Payer>,
    text: u64,
}

impl Memory {
    /// Gives back what the values take, as only their text is needed from here on.
    pub(crate) fn only_text(&mut self) {
        self.portion.shrink_to(self.text);
    }
}

impl Bodies {
    /// Reads bodies within `budgets`.
    #[must_use]
    pub fn new(budgets: &Budgets) -> Self {
        Self {
            memory: Stock::new(budgets.get(&REQUEST_BYTES), budgets.get(&TENANT_REQUEST_BYTES), WAIT),
            values: budgets.get(&REQUEST_VALUES),
            budgets: budgets.clone(),
        }
    }

    /// Reads a JSON body, as long as its type allows.
    ///
    /// # Errors
    /// It is no JSON, not of this type, too large, or there is no room for it now.
    pub(crate) async fn json<T: JsonBody>(
        &self,
        payer: impl Into<Payer>,
        request: Request,
    ) -> Result<(T, Memory), Rejection> {
        let (parts, body) = request.into_parts();
        extract::require_json::<T>(&parts.headers)?;
        let mut portion = self.portion(payer.into());
        let reading = self.read(&mut portion, &parts.headers, body, T::LIMIT, 0);
        let text = tokio::time::timeout(SLOWEST, reading).await.map_err(|_| too_slow())??;
        let weight = Weight::of(&text);
        if weight.reserved {
            let detail = "a member of the body has a name that begins with `$serde_json::private::`; rename it";
            return Err(Rejection::bad_request("reserved_name", detail));
        }
        self.values.allows(weight.values).map_err(|refusal| Rejection::exhausted(&refusal))?;
        portion.grow(weight.bytes()).await.map_err(|refusal| Rejection::exhausted(&refusal))?;
        let body = extract::parse(&text)?;
        Ok((body, Memory { portion, text: text.len() as u64 }))
    }

    /// Reads the bytes of a body, as many as the limit of `spec` and `beyond`.
    ///
    /// # Errors
    /// There are more, or there is no room for them now.
    pub(crate) async fn bytes(
        &self,
        payer: impl Into<Payer>,
        headers: &HeaderMap,
        body: Body,
        spec: &'static Spec,
        beyond: u64,
    ) -> Result<(Vec<u8>, Memory), Rejection> {
        let mut portion = self.portion(payer.into());
        let bytes = self.read(&mut portion, headers, body, spec, beyond).await?;
        let text = bytes.len() as u64;
        Ok((bytes, Memory { portion, text }))
    }

    /// The size of a part of a body, against its limit.
    ///
    /// # Errors
    /// It is larger.
    pub(crate) fn allows(&self, spec: &'static Spec, size: u64) -> Result<(), Rejection> {
        self.budgets.get(spec).allows(size).map_err(|refusal| Rejection::exhausted(&refusal))
    }

    fn portion(&self, payer: Payer) -> Portion<Payer> {
        match payer {
            Payer::Tenant(_) | Payer::Peer(_) => self.memory.portion(payer),
            Payer::Operator => self.memory.unlimited_portion(payer),
        }
    }

    /// Reads a body. One that says it is too long is refused unread.
    async fn read(
        &self,
        portion: &mut Portion<Payer>,
        headers: &HeaderMap,
        mut body: Body,
        spec: &'static Spec,
        beyond: u64,
    ) -> Result<Vec<u8>, Rejection> {
        let refused = |refusal| Rejection::exhausted(&refusal);
        let limit = self.budgets.get(spec);
        let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        let length = length.unwrap_or_default();
        limit.allows(length.saturating_sub(beyond)).map_err(refused)?;
        portion.grow(length.min(AHEAD)).await.map_err(refused)?;
        // Memory that nothing was written to takes only addresses.
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| incomplete(&error))?;
            let Some(data) = frame.data_ref() else { continue };
            let size = (bytes.len() + data.len()) as u64;
            limit.allows(size.saturating_sub(beyond)).map_err(refused)?;
            portion.grow(size.saturating_sub(portion.amount())).await.map_err(refused)?;
            bytes.extend_from_slice(data);
        }
        portion.shrink_to(bytes.len() as u64);
        Ok(bytes)
    }
}

fn incomplete(error: &axum::Error) -> Rejection {
    Rejection::bad_request("body_incomplete", format!("the body did not arrive as a whole: {error}"))
}

fn too_slow() -> Rejection {
    let detail = format!("the body took longer than {} s to arrive; send it faster", SLOWEST.as_secs());
    Rejection::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", "Body too slow", detail)
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use futures_util::{FutureExt as _, stream};
    use http::HeaderValue;
    use serde::Deserialize;
    use serde_json::Value;

    use super::*;
    use crate::edge::{
        budgets::MAX_BODY_BYTES,
        extract::{Kind, Member},
        rejection,
    };

    #[derive(Debug, Deserialize)]
    struct Input {
        input: Value,
    }

    impl JsonBody for Input {
        const LIMIT: &'static Spec = &MAX_BODY_BYTES;
        const MEMBERS: &'static [Member] = &[Member { name: "input", kind: Kind::List, required: true }];
        const EXAMPLE: &'static str = "{}";
    }

    fn request(body: Body) -> Request {
        Request::post("/").header("content-type", "application/json").body(body).unwrap()
    }

    fn tenant(name: &str) -> Payer {
        Payer::Tenant(name.into())
    }

    /// The status of a rejection, and its details.
    async fn told(rejection: Rejection) -> (u16, String) {
        let response = rejection::render(rejection.into_response(), |parts| {
            (HeaderValue::from_static("text/plain"), format!("{:?}", parts.details).into_bytes())
        });
        let status = response.status().as_u16();
        let text = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8_lossy(&text).into_owned())
    }

    #[tokio::test]
    async fn a_body_holds_its_bytes_and_its_values_and_then_its_text_alone() {
        let budgets = Budgets::default();
        let (bodies, used) = (Bodies::new(&budgets), budgets.get(&REQUEST_BYTES));
        let text = format!("{{\"input\":[{}1]}}", "1,".repeat(999));
        let length = text.len() as u64;
        let (body, mut memory) = bodies.json::<Input>(tenant("a"), request(text.into())).await.unwrap();
        assert_eq!(body.input.as_array().map(Vec::len), Some(1_000));
        assert!(used.used() > length + 100_000, "{}", used.used());
        assert_eq!(budgets.get(&TENANT_REQUEST_BYTES).used(), used.used());
        memory.only_text();
        assert_eq!(used.used(), length);
        drop(memory);
        assert_eq!(used.used(), 0);
    }

    #[tokio::test]
    async fn too_many_values_are_refused_before_they_are_made_and_a_share_is_the_tenants_own() {
        let budgets = Budgets::new([(&REQUEST_VALUES, 1_000), (&TENANT_REQUEST_BYTES, 1 << 20)]);
        let bodies = Bodies::new(&budgets);
        let many = format!("{{\"input\":[{}1]}}", "{},".repeat(1_000));
        let (status, words) = told(bodies.json::<Input>(tenant("a"), request(many.into())).await.unwrap_err()).await;
        assert!(status == 413 && words.contains("request_values"), "{status} {words}");
        let long = |size: usize| request(format!("{{\"input\":[\"{}\"]}}", "x".repeat(size)).into());
        let (status, words) = told(bodies.json::<Input>(tenant("a"), long(2 << 20)).await.unwrap_err()).await;
        assert!(status == 413 && words.contains("tenant_request_bytes"), "{status} {words}");
        let (_, held) = bodies.json::<Input>(tenant("a"), long(700_000)).await.unwrap();
        let (other, none) = tokio::join!(
            bodies.json::<Input>(tenant("b"), long(700_000)),
            bodies.json::<Input>(tenant("a"), long(700_000))
        );
        let (status, words) = told(none.unwrap_err()).await;
        assert!(status == 429 && words.contains("tenant_request_bytes"), "{status} {words}");
        drop((held, other.unwrap()));
        assert_eq!(budgets.get(&REQUEST_BYTES).used(), 0);
    }

    #[tokio::test]
    async fn a_length_takes_no_memory_before_bytes_come_and_what_a_sender_leaves_behind_is_given_back() {
        let budgets = Budgets::default();
        let (bodies, used) = (Bodies::new(&budgets), budgets.get(&REQUEST_BYTES));
        let mut announced = request(Body::from_stream(stream::pending::<Result<Vec<u8>, std::io::Error>>()));
        announced.headers_mut().insert("content-length", HeaderValue::from_static("9000000"));
        let mut reading = Box::pin(bodies.json::<Input>(tenant("a"), announced));
        assert!((&mut reading).now_or_never().is_none());
        assert_eq!(used.used(), AHEAD);
        drop(reading);
        assert_eq!(used.used(), 0);
    }
}
