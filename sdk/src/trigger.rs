//! Triggers: they start flows.
//!
//! A trigger is a type with one of the traits [`Polling`], [`Watching`], [`Webhook`], [`AppWebhook`] and [`Manual`], and
//! `#[trigger]` on that `impl`.

mod kinds;
pub mod polling;
mod request;
pub mod watching;

#[doc(hidden)]
pub use kinds::Written;
pub use kinds::{AppWebhook, Manual, Webhook};
pub use polling::Polling;
pub use request::{HandshakeResponse, WebhookRequest};
pub use watching::Watching;

use serde::Serialize;

use crate::action::{nothing, part};
use crate::document::Document;
use crate::props::{Lookup, Properties, Props, read};
use crate::{Context, Error, Result, sys};

/// One trigger of a piece. `#[trigger]` on an `impl` defines it as the constant `TRIGGER` of the type.
#[derive(Clone, Copy, Debug)]
pub struct Trigger {
    name: &'static str,
    display_name: &'static str,
    description: &'static str,
    kind: &'static str,
    properties: fn() -> Properties,
    sample: Option<fn() -> String>,
    extra: fn(&mut Document),
    resolve: fn(&str, &Lookup<'_>) -> Result<Option<String>>,
    hooks: Hooks,
}

/// Events as JSON texts.
type Events = Result<Vec<String>>;

/// The functions of a trigger, on JSON texts.
#[derive(Clone, Copy, Debug)]
struct Hooks {
    enable: fn(&str) -> Result<()>,
    disable: fn(&str) -> Result<()>,
    run: fn(&str, Option<&str>) -> Events,
    test: Option<fn(&str) -> Events>,
    handshake: Option<fn(&str, &str) -> Result<String>>,
    renew: Option<fn(&str) -> Result<()>>,
}

/// The texts of a trigger in the metadata document.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Texts {
    pub name: &'static str,
    pub display_name: &'static str,
    pub description: &'static str,
}

impl Trigger {
    const fn new<P: Props>(texts: Texts, kind: &'static str, hooks: Hooks) -> Self {
        let Texts { name, display_name, description } = texts;
        let (properties, resolve) = (P::properties as fn() -> Properties, P::resolve as fn(&str, &Lookup<'_>) -> _);
        Self { name, display_name, description, kind, properties, sample: None, extra: nothing, resolve, hooks }
    }

    /// Sets the sample event, as JSON text: shown in the editor and used for tests until a real event has arrived.
    #[must_use]
    pub const fn sample(mut self, sample: fn() -> String) -> Self {
        self.sample = Some(sample);
        self
    }

    /// Adds members to the trigger's part of the metadata document.
    #[must_use]
    #[doc(hidden)]
    pub const fn extra(mut self, members: fn(&mut Document)) -> Self {
        self.extra = members;
        self
    }

    /// The name that flows use for the trigger.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Starts the trigger, for example by registering a webhook at the service.
    ///
    /// # Errors
    /// `invalid-input` if the properties are wrong, and the errors of the author's function. The same holds for the other
    /// hooks.
    pub fn enable(&self, props: &str) -> Result<()> {
        (self.hooks.enable)(props)
    }

    /// Undoes [`Trigger::enable`].
    ///
    /// # Errors
    /// See [`Trigger::enable`].
    pub fn disable(&self, props: &str) -> Result<()> {
        (self.hooks.disable)(props)
    }

    /// Returns the new events, oldest first, as JSON texts. `event` is the JSON text of the webhook request; none for a poll.
    ///
    /// # Errors
    /// See [`Trigger::enable`].
    pub fn run(&self, props: &str, event: Option<&str>) -> Result<Vec<String>> {
        (self.hooks.run)(props, event)
    }

    /// Returns events for trying out a flow, and changes no state. If the author wrote no `test`, returns the sample.
    ///
    /// # Errors
    /// See [`Trigger::enable`].
    pub fn test(&self, props: &str) -> Result<Vec<String>> {
        match self.hooks.test {
            Some(test) => test(props),
            None => Ok(self.sample.map(|sample| sample()).into_iter().collect()),
        }
    }

    /// Returns the response, as JSON text, to a request by which the service verifies the webhook.
    ///
    /// # Errors
    /// See [`Trigger::enable`].
    pub fn handshake(&self, props: &str, request: &str) -> Result<String> {
        match self.hooks.handshake {
            Some(handshake) => handshake(props, request),
            None => Ok(r#"{"status":200}"#.to_owned()),
        }
    }

    /// Renews the subscription at the service.
    ///
    /// # Errors
    /// See [`Trigger::enable`].
    pub fn renew(&self, props: &str) -> Result<()> {
        self.hooks.renew.map_or(Ok(()), |renew| renew(props))
    }

    pub(crate) fn resolve(&self, property: &str, lookup: &Lookup<'_>) -> Result<Option<String>> {
        (self.resolve)(property, lookup)
    }

    pub(crate) fn document(&self, piece_has_auth: bool) -> Document {
        let texts = (self.name, self.display_name, self.description);
        let mut document = part(texts, piece_has_auth, &(self.properties)());
        let can_test = match self.kind {
            "WEBHOOK" => self.hooks.test.is_some(),
            "APP_WEBHOOK" => self.hooks.test.is_some() || self.sample.is_some(),
            _ => true,
        };
        document.set("type", self.kind);
        document.set_text("sampleData".into(), self.sample.map_or_else(|| "null".to_owned(), |sample| sample()));
        document.set("testStrategy", if can_test { "TEST_FUNCTION" } else { "SIMULATION" });
        (self.extra)(&mut document);
        document
    }
}

/// Asks the host to poll by a five-field cron expression in a time zone such as `Europe/Berlin`. Call it from `enable`.
///
/// # Errors
/// The host rejects an invalid expression or time zone.
pub fn schedule(cron: &str, timezone: &str) -> Result<()> {
    sys::schedule(cron, timezone)
}

/// Asks the host to deliver these events of the piece's shared webhook if they carry this identifier. Call it from
/// [`AppWebhook::enable`].
///
/// # Errors
/// The error of the host.
pub fn listen(events: &[&str], identifier: &str) -> Result<()> {
    let events: Vec<String> = events.iter().map(|event| (*event).to_owned()).collect();
    sys::listen(&events, identifier)
}

/// Calls an author's hook with the properties.
fn call<P: Props, T>(props: &str, hook: fn(&Context, &P) -> Result<T>) -> Result<T> {
    hook(&Context::current(), &read(props)?)
}

fn texts<T: Serialize>(events: &[T]) -> Result<Vec<String>> {
    events.iter().map(|event| serde_json::to_string(event).map_err(Error::from)).collect()
}
