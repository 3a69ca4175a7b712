//! The one way to run a step: check, coerce, take the permits, fetch files, call.
//!
//! The server, `leno run` and `leno-test` all run steps through [`Piece::prepare`] and [`Prepared::run`]. The first
//! finds every problem of a step before any resource is used; the second always returns a [`Report`].

use std::time::Instant;

use leno_metadata::{
    Choices, Coerced, Metadata, Problems, Properties, PropertyKind, Undeclared, coerce, parse_properties,
};
use serde_json::{Map, Value};

use crate::{CallOptions, Capabilities, Entry, Failure, Piece, Report};

/// What a step runs. Inputs are JSON as the caller has them.
#[derive(Debug, Clone)]
pub enum Step {
    /// Runs an action.
    Action {
        /// Its name.
        name: String,
        /// Its input, not yet coerced.
        input: Value,
    },
    /// Returns the options of a dropdown, or the properties of a dynamic property.
    Options {
        /// The action or trigger that has the property.
        owner: String,
        /// The property.
        property: String,
        /// The values chosen so far. They are coerced, and none is required: the user is still choosing.
        input: Value,
        /// What the user typed to search.
        search: Option<String>,
    },
    /// Checks that the connection works.
    Validate,
    /// Calls one of a trigger's exports.
    Trigger {
        /// The trigger's name.
        name: String,
        /// Its input, not yet coerced.
        input: Value,
        /// Which export.
        hook: Hook,
    },
}

/// An export of a trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hook {
    /// The flow is switched on. [`Capabilities::setup`] takes what the trigger arranges.
    Enable,
    /// The flow is switched off.
    Disable,
    /// Polls, or handles a webhook request.
    Run {
        /// The request as JSON; `None` for a poll.
        event: Option<String>,
    },
    /// Returns sample events.
    Test,
    /// Returns the response to a request with which the service verifies the webhook.
    Handshake {
        /// The request as JSON.
        request: String,
    },
    /// Renews the subscription.
    Renew,
}

/// Why a step was not run. Nothing was spent on it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The piece has no such action, trigger or property.
    #[error(transparent)]
    Undeclared(#[from] Undeclared),
    /// The input does not fit: every problem.
    #[error("{0}")]
    Input(#[from] Problems),
    /// The step needs a connection, and none was given.
    #[error("{what} `{name}` of piece `{piece}` needs a connection ({kinds})")]
    ConnectionRequired {
        /// `action` or `trigger`.
        what: &'static str,
        /// Its name.
        name: String,
        /// The piece.
        piece: String,
        /// The types of connection that the piece takes.
        kinds: String,
    },
    /// The property has no options that the piece resolves.
    #[error(
        "property `{property}` is of type {kind}: only DROPDOWN, MULTI_SELECT_DROPDOWN and DYNAMIC are resolved by the piece"
    )]
    NotResolvable {
        /// The property.
        property: String,
        /// Its type.
        kind: &'static str,
    },
}

/// A step that was checked against its piece, with its input coerced.
pub struct Prepared {
    piece: Piece,
    target: Target,
    input: Coerced,
    /// The type of the property to resolve.
    resolves: Option<&'static str>,
}

/// A [`Step`] without its input.
enum Target {
    Action(String),
    Options { owner: String, property: String, search: Option<String> },
    Validate,
    Trigger(String, Hook),
}

impl Target {
    fn entry<'a>(&'a self, props: &'a String) -> Entry<'a> {
        match self {
            Self::Action(action) => Entry::Run { action, props },
            Self::Options { owner, property, search } => {
                Entry::Resolve { owner, property, props, search: search.as_deref() }
            }
            Self::Validate => Entry::Validate,
            Self::Trigger(trigger, Hook::Enable) => Entry::Enable { trigger, props },
            Self::Trigger(trigger, Hook::Disable) => Entry::Disable { trigger, props },
            Self::Trigger(trigger, Hook::Run { event }) => Entry::Trigger { trigger, props, event: event.as_ref() },
            Self::Trigger(trigger, Hook::Test) => Entry::Test { trigger, props },
            Self::Trigger(trigger, Hook::Handshake { request }) => Entry::Handshake { trigger, props, request },
            Self::Trigger(trigger, Hook::Renew) => Entry::Renew { trigger, props },
        }
    }
}

impl Piece {
    /// Checks a step against what the piece declares, and coerces its input. `connected` says whether the step has a
    /// connection.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn prepare(&self, step: Step, connected: bool) -> Result<Prepared, Refusal> {
        let metadata = self.metadata();
        let mut resolves = None;
        let (target, input) = match step {
            Step::Action { name, input } => {
                let action = metadata.action(&name)?;
                connection(metadata, "action", &name, action.require_auth && !connected)?;
                (Target::Action(name), coerce(&action.props, input)?)
            }
            Step::Trigger { name, input, hook } => {
                let trigger = metadata.trigger(&name)?;
                connection(metadata, "trigger", &name, trigger.require_auth && !connected)?;
                (Target::Trigger(name, hook), coerce(&trigger.props, input)?)
            }
            Step::Options { owner, property, input, search } => {
                let kind = &metadata.property(&owner, &property)?.kind;
                let resolvable = matches!(
                    kind,
                    PropertyKind::Dynamic(_) | PropertyKind::Dropdown(_) | PropertyKind::MultiSelectDropdown(_)
                );
                if !resolvable {
                    return Err(Refusal::NotResolvable { property, kind: kind.name() });
                }
                resolves = Some(kind.name());
                let input = coerce(&optional(metadata.properties(&owner)?), input)?;
                (Target::Options { owner, property, search }, without_files(input))
            }
            Step::Validate => (Target::Validate, Coerced { value: Value::Object(Map::new()), files: Vec::new() }),
        };
        Ok(Prepared { piece: self.clone(), target, input, resolves })
    }
}

fn connection(metadata: &Metadata, what: &'static str, name: &str, missing: bool) -> Result<(), Refusal> {
    if !missing || !metadata.auth.iter().any(|auth| auth.required) {
        return Ok(());
    }
    Err(Refusal::ConnectionRequired {
        what,
        name: name.to_owned(),
        piece: metadata.name.short().to_owned(),
        kinds: metadata.auth.iter().map(|auth| auth.kind()).collect::<Vec<_>>().join(" or "),
    })
}

/// The same properties, none of them required.
fn optional(props: &Properties) -> Properties {
    let mut props = props.clone();
    props.values_mut().for_each(|property| property.required = false);
    props
}

/// Options do not depend on the content of files.
fn without_files(mut input: Coerced) -> Coerced {
    input.files.clear();
    input
}

impl Prepared {
    /// The type of the property to resolve; `None` for any other step.
    #[must_use]
    pub fn resolves(&self) -> Option<&'static str> {
        self.resolves
    }

    /// Runs the step once: waits for the permits (for a bounded time), fetches the files that the input names by URL, and
    /// enters the piece. The wall time of the call counts from the permits on, so a slow file server uses it up as well.
    /// Dropping the future ends the step.
    pub async fn run(self, capabilities: Capabilities, options: CallOptions) -> Report {
        let Self { piece, target, input, resolves } = self;
        let mut text = input.value.to_string();
        // Only one of both is kept while the call waits: the text, or what files are to be put into.
        let fetching = (!input.files.is_empty()).then_some(input);
        if let Err(failure) = piece.accept(target.entry(&text).input_size()) {
            return Report::refused(failure);
        }
        let sizes = (target.entry(&text).input_size(), piece.largest_input());
        if fetching.is_some() {
            text = String::new();
        }
        let permits = match piece.admit(capabilities.tenant.clone()).await {
            Ok(permits) => permits,
            Err(failure) => return Report::refused(failure),
        };
        let begun = Instant::now();
        let meter = piece.meter(&capabilities);
        if let Some(mut input) = fetching {
            let wall = piece.wall(options);
            let fetched = tokio::select! {
                biased;
                fetched = tokio::time::timeout_at(
                    (begun + wall).into(),
                    piece.files().fetch(&mut input, sizes, &capabilities, &meter),
                ) => fetched.unwrap_or(Err(Failure::Timeout { limit: wall })),
                () = piece.cancelled() => Err(Failure::Cancelled),
            };
            text = input.value.to_string();
            if let Err(failure) = fetched.and_then(|()| piece.accept(target.entry(&text).input_size())) {
                return piece.give_up(permits, failure, &meter, begun);
            }
        }
        let mut report = piece.enter(permits, &target.entry(&text), capabilities, meter, options, begun).await;
        if let (Some(kind), Ok(output)) = (resolves, &report.result)
            && let Err(problems) = check_options(kind, output.as_str())
        {
            report.result = Err(Failure::InvalidOutput { reason: problems.to_string() });
        }
        report
    }
}

/// Whether a piece's result for a property has the shape of the property's type.
fn check_options(kind: &str, output: &str) -> Result<(), Problems> {
    match kind {
        "DYNAMIC" => parse_properties(output).map(drop),
        _ => Choices::parse(output).map(drop),
    }
}
