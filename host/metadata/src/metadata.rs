//! The typed metadata document.

use indexmap::IndexMap;
use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::auth::{Auth, AuthDocument};
use crate::problem::Report;
use crate::{
    ConnectionKind, ConnectionValue, MAX_DOCUMENT, PieceName, Problem, Problems, Properties, Template, check, schema,
};

/// What a piece says about itself: the document that its `describe` export returns.
#[derive(Clone, Debug)]
pub struct Metadata {
    /// The name, in both of its forms.
    pub name: PieceName,
    /// The exact version.
    pub version: Version,
    /// The name shown to users.
    pub display_name: String,
    /// What the piece is for.
    pub description: String,
    /// Where its logo is.
    pub logo_url: String,
    /// The authors.
    pub authors: Vec<String>,
    /// The categories it is listed under.
    pub categories: Vec<Category>,
    /// The kinds of connection it takes, at most one of each type; empty when it takes none.
    pub auth: Vec<Auth>,
    /// The hosts it wants to reach: patterns, some of which may refer to the connection. See [`Metadata::hosts`].
    pub egress_hosts: Vec<Template>,
    /// What it can do, by name.
    pub actions: IndexMap<String, Action>,
    /// What it can wait for, by name.
    pub triggers: IndexMap<String, Trigger>,
    /// The document as the piece gave it, unknown members included.
    pub document: Value,
}

impl Metadata {
    /// Reads a document of at most [`MAX_DOCUMENT`] bytes.
    ///
    /// # Errors
    ///
    /// All problems at once: what the JSON Schema refuses, and what no schema can express, such as an action whose key
    /// is not its name or a template that refers to a field that no connection has.
    pub fn parse(json: &str) -> Result<Self, Problems> {
        Self::parse_within(json, MAX_DOCUMENT)
    }

    /// [`Metadata::parse`] with another limit, in bytes.
    ///
    /// # Errors
    ///
    /// As [`Metadata::parse`].
    pub fn parse_within(json: &str, limit: usize) -> Result<Self, Problems> {
        if json.len() > limit {
            let message = format!("the document has {} bytes; shorten it to at most {limit} bytes", json.len());
            return Err(Problem::new("", message).into());
        }
        let document = schema::parse_json(json)?;
        let mut report = Report::default();
        schema::validate(&document, schema::Part::Document, &mut report);
        check::document(&document, &mut report);
        report.finish(())?;

        let typed: Document = schema::typed(&document)?;
        let egress_hosts = typed.egress.hosts;
        let auth = typed.auth.into_vec().into_iter().map(|entry| entry.typed(&egress_hosts)).collect();
        Ok(Self {
            name: typed.name,
            version: typed.version,
            display_name: typed.display_name,
            description: typed.description,
            logo_url: typed.logo_url,
            authors: typed.authors,
            categories: typed.categories,
            auth,
            egress_hosts,
            actions: typed.actions,
            triggers: typed.triggers,
            document,
        })
    }

    /// The auth entry that a connection value belongs to; `None` for `NO_AUTH`.
    ///
    /// # Errors
    ///
    /// When the piece has no entry for the value's type, or the type is not known to this host.
    pub fn auth_for(&self, connection: &ConnectionValue) -> Result<Option<&Auth>, Problem> {
        let wanted = match connection.kind() {
            ConnectionKind::NoAuth => return Ok(None),
            ConnectionKind::Unknown(name) => {
                let message =
                    format!("connections of type {name:?} are not supported; connect again with another type");
                return Err(Problem::new("/type", message));
            }
            kind => kind.auth_name(),
        };
        if let Some(auth) = self.auth.iter().find(|auth| Some(auth.kind()) == wanted) {
            return Ok(Some(auth));
        }
        let accepted: Vec<_> = self.auth.iter().map(Auth::kind).collect();
        let accepted = if accepted.is_empty() { "no connection".to_owned() } else { accepted.join(" or ") };
        let given = connection.kind().as_str();
        Err(Problem::new(
            "/type",
            format!("the piece {} takes {accepted}, not {given}; choose another connection", self.name),
        ))
    }

    /// The hosts that the piece wants to reach with this connection: patterns such as `api.example.com`,
    /// `*.example.com`, `*`, each with an optional `:port`.
    ///
    /// Entries that refer to a field which this connection does not have are left out.
    ///
    /// # Errors
    ///
    /// When a setting of the connection does not make a host, for example because it is a wildcard.
    pub fn hosts(&self, connection: Option<&ConnectionValue>) -> Result<Vec<String>, Problem> {
        let auth = connection.map(|value| self.auth_for(value)).transpose()?.flatten();
        crate::injection::hosts(&self.egress_hosts, auth.zip(connection))
    }
}

/// Where a piece is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs)]
pub enum Category {
    ArtificialIntelligence,
    Communication,
    Commerce,
    Core,
    UniversalAi,
    FlowControl,
    BusinessIntelligence,
    Accounting,
    Productivity,
    ContentAndFiles,
    DeveloperTools,
    CustomerSupport,
    FormsAndSurveys,
    HumanResources,
    PaymentProcessing,
    Marketing,
    SalesAndCrm,
}

impl Category {
    /// All of them, in Activepieces' order.
    pub const ALL: [Self; 17] = [
        Self::ArtificialIntelligence,
        Self::Communication,
        Self::Commerce,
        Self::Core,
        Self::UniversalAi,
        Self::FlowControl,
        Self::BusinessIntelligence,
        Self::Accounting,
        Self::Productivity,
        Self::ContentAndFiles,
        Self::DeveloperTools,
        Self::CustomerSupport,
        Self::FormsAndSurveys,
        Self::HumanResources,
        Self::PaymentProcessing,
        Self::Marketing,
        Self::SalesAndCrm,
    ];
}

/// An action of a piece.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Action {
    /// The name in addresses and flows; equal to its key.
    pub name: String,
    /// The name shown to users.
    pub display_name: String,
    /// What it does.
    #[serde(default)]
    pub description: String,
    /// Its fields.
    #[serde(default)]
    pub props: Properties,
    /// Whether it needs a connection, if the piece takes any. True when not said.
    #[serde(default = "yes")]
    pub require_auth: bool,
    /// What a builder offers for failures.
    #[serde(default, rename = "errorHandlingOptions")]
    pub error_handling: ErrorHandling,
}

/// What a builder offers for the failures of an action.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ErrorHandling {
    /// Retry after a failure.
    pub retry_on_failure: ErrorOption,
    /// Continue the flow after a failure.
    pub continue_on_failure: ErrorOption,
}

/// One switch of [`ErrorHandling`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ErrorOption {
    /// Whether it is on by default.
    pub default_value: bool,
    /// Whether the builder hides it.
    pub hide: bool,
}

/// A trigger of a piece.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trigger {
    /// The name in addresses and flows; equal to its key.
    pub name: String,
    /// The name shown to users.
    pub display_name: String,
    /// What starts it.
    #[serde(default)]
    pub description: String,
    /// Its fields.
    #[serde(default)]
    pub props: Properties,
    /// Whether it needs a connection, if the piece takes any. True when not said.
    #[serde(default = "yes")]
    pub require_auth: bool,
    /// How events arrive.
    #[serde(rename = "type")]
    pub kind: TriggerKind,
    /// An example of an event.
    #[serde(default)]
    pub sample_data: Option<Value>,
    /// How a builder gets a test event; see [`Trigger::test_strategy`].
    #[serde(default)]
    test_strategy: Option<TestStrategy>,
    /// How a handshake is recognised.
    #[serde(default, rename = "handshakeConfiguration")]
    pub handshake: Option<Handshake>,
    /// When the subscription at the service is renewed.
    #[serde(default, rename = "renewConfiguration")]
    pub renew: Option<Renew>,
}

impl Trigger {
    /// How a builder gets a test event. If the document does not say: POLLING, MANUAL and an APP_WEBHOOK with sample data
    /// call the piece, the others wait for a real event.
    #[must_use]
    pub fn test_strategy(&self) -> TestStrategy {
        self.test_strategy.unwrap_or(match self.kind {
            TriggerKind::Polling | TriggerKind::Manual => TestStrategy::TestFunction,
            TriggerKind::AppWebhook if self.sample_data.is_some() => TestStrategy::TestFunction,
            TriggerKind::Webhook | TriggerKind::AppWebhook => TestStrategy::Simulation,
        })
    }
}

/// How events arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TriggerKind {
    /// The host polls on a schedule.
    Polling,
    /// The service calls a URL of this flow.
    Webhook,
    /// The service calls one URL for all flows.
    AppWebhook,
    /// A user starts the flow.
    Manual,
}

/// How a builder gets a test event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TestStrategy {
    /// Enable the trigger and wait for a real event.
    Simulation,
    /// Call the piece.
    TestFunction,
}

/// How a handshake, a request that only verifies the webhook, is recognised.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Handshake {
    /// The part of the request to read.
    pub strategy: HandshakeStrategy,
    /// What to look for; there for every strategy but NONE.
    #[serde(default)]
    pub param_name: Option<String>,
}

/// Where a handshake request is recognized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(clippy::enum_variant_names)]
pub enum HandshakeStrategy {
    /// There are no handshakes.
    None,
    /// A header, without regard to case.
    HeaderPresent,
    /// A query parameter.
    QueryPresent,
    /// A member of a JSON object body.
    BodyParamPresent,
}

/// When the subscription at the service is renewed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Renew {
    /// Whether it is.
    pub strategy: RenewStrategy,
    /// When: five cron fields; there for CRON.
    #[serde(default)]
    pub cron_expression: Option<String>,
}

/// Whether a subscription is renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RenewStrategy {
    /// Never.
    None,
    /// On a schedule.
    Cron,
}

fn yes() -> bool {
    true
}

/// The document as serde sees it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    name: PieceName,
    version: Version,
    display_name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    logo_url: String,
    #[serde(default)]
    authors: Vec<String>,
    #[serde(default)]
    categories: Vec<Category>,
    #[serde(default)]
    auth: OneOrMany,
    #[serde(default)]
    egress: Egress,
    #[serde(default)]
    actions: IndexMap<String, Action>,
    #[serde(default)]
    triggers: IndexMap<String, Trigger>,
}

#[derive(Default, Deserialize)]
struct Egress {
    #[serde(default)]
    hosts: Vec<Template>,
}

#[derive(Default, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    #[default]
    None,
    Many(Vec<AuthDocument>),
    One(Box<AuthDocument>),
}

impl OneOrMany {
    fn into_vec(self) -> Vec<AuthDocument> {
        match self {
            Self::None => Vec::new(),
            Self::Many(entries) => entries,
            Self::One(entry) => vec![*entry],
        }
    }
}
