//! A piece: its description and its functions.

use crate::action::{Action, nothing};
use crate::auth::{self, Auth};
use crate::document::Document;
use crate::props::Lookup;
use crate::trigger::Trigger;
use crate::{Error, Result};

/// A piece. [`piece!`](crate::piece) defines it and exports it from the component; native tests call it directly.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    name: &'static str,
    display_name: &'static str,
    version: &'static str,
    description: &'static str,
    logo_url: &'static str,
    authors: &'static str,
    categories: &'static [Category],
    hosts: &'static [&'static str],
    auth: Option<Authentication>,
    actions: &'static [Action],
    triggers: &'static [Trigger],
    extra: fn(&mut Document),
}

/// The functions of a piece with auth. The component of a piece without auth does not contain them.
#[derive(Clone, Copy, Debug)]
struct Authentication {
    list: fn() -> Vec<Auth>,
    validate: fn(&[Auth]) -> Result<()>,
}

/// The category in which the editor lists a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are self-explanatory")]
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
    /// The name in the metadata document.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ArtificialIntelligence => "ARTIFICIAL_INTELLIGENCE",
            Self::Communication => "COMMUNICATION",
            Self::Commerce => "COMMERCE",
            Self::Core => "CORE",
            Self::UniversalAi => "UNIVERSAL_AI",
            Self::FlowControl => "FLOW_CONTROL",
            Self::BusinessIntelligence => "BUSINESS_INTELLIGENCE",
            Self::Accounting => "ACCOUNTING",
            Self::Productivity => "PRODUCTIVITY",
            Self::ContentAndFiles => "CONTENT_AND_FILES",
            Self::DeveloperTools => "DEVELOPER_TOOLS",
            Self::CustomerSupport => "CUSTOMER_SUPPORT",
            Self::FormsAndSurveys => "FORMS_AND_SURVEYS",
            Self::HumanResources => "HUMAN_RESOURCES",
            Self::PaymentProcessing => "PAYMENT_PROCESSING",
            Self::Marketing => "MARKETING",
            Self::SalesAndCrm => "SALES_AND_CRM",
        }
    }
}

macro_rules! members {
    ($($(#[$doc:meta])* $name:ident: $type:ty;)*) => {
        $(
            $(#[$doc])*
            #[must_use]
            pub const fn $name(mut self, $name: $type) -> Self {
                self.$name = $name;
                self
            }
        )*
    };
}

impl Piece {
    /// A piece without actions and triggers. `name` has lower-case letters, digits and dashes; `version` is exact semver.
    pub const fn new(name: &'static str, display_name: &'static str, version: &'static str) -> Self {
        Self {
            name,
            display_name,
            version,
            description: "",
            logo_url: "",
            authors: "",
            categories: &[],
            hosts: &[],
            auth: None,
            actions: &[],
            triggers: &[],
            extra: nothing,
        }
    }

    members! {
        /// Sets what the piece is for.
        description: &'static str;
        /// Sets the URL of the logo.
        logo_url: &'static str;
        /// Sets the authors, separated by `:` as in `CARGO_PKG_AUTHORS`.
        authors: &'static str;
        /// Sets the categories in which the editor lists the piece.
        categories: &'static [Category];
        /// Sets the hosts that the piece may send requests to: `api.example.com`, `*.example.com`, `{{connection.baseUrl}}`.
        hosts: &'static [&'static str];
        /// Sets the actions.
        actions: &'static [Action];
        /// Sets the triggers.
        triggers: &'static [Trigger];
    }

    /// Sets the connections that the piece accepts, at most one of each kind.
    #[must_use]
    pub const fn auth(mut self, list: fn() -> Vec<Auth>) -> Self {
        self.auth = Some(Authentication { list, validate: auth::validate });
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn extra(mut self, members: fn(&mut Document)) -> Self {
        self.extra = members;
        self
    }

    /// The name that flows use for the piece.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The version.
    pub const fn version(&self) -> &'static str {
        self.version
    }

    /// The metadata document, as JSON text.
    pub fn describe(&self) -> String {
        let auths = self.auth.map(|auth| (auth.list)()).unwrap_or_default();
        let has_auth = !auths.is_empty();
        let authors: Vec<&str> = self.authors.split(':').filter(|author| !author.is_empty()).collect();
        let categories: Vec<&str> = self.categories.iter().map(|category| category.as_str()).collect();

        let mut document = Document::default();
        document.set("name", self.name);
        document.set("displayName", self.display_name);
        document.set("version", self.version);
        document.set("description", self.description);
        document.set("logoUrl", self.logo_url);
        document.set("authors", &authors);
        document.set("categories", &categories);
        match auths.as_slice() {
            [] => {}
            [auth] => document.set_object("auth", &auth.document()),
            several => {
                let several: Vec<String> = several.iter().map(|auth| auth.document().to_text()).collect();
                document.set_list("auth", &several);
            }
        }
        document.set_inside("egress", "hosts", self.hosts);
        let mut actions = Document::default();
        for action in self.actions {
            actions.set_object(action.name(), &action.document(has_auth));
        }
        document.set_object("actions", &actions);
        let mut triggers = Document::default();
        for trigger in self.triggers {
            triggers.set_object(trigger.name(), &trigger.document(has_auth));
        }
        document.set_object("triggers", &triggers);
        (self.extra)(&mut document);
        document.to_text()
    }

    /// Runs an action on the JSON text of its properties. Returns its output as JSON text.
    ///
    /// # Errors
    /// `not-found` for an unknown action, `invalid-input` for wrong properties, and the errors of the action.
    pub fn run_action(&self, name: &str, props: &str) -> Result<String> {
        self.action(name)
            .ok_or_else(|| Error::not_found("unknown-action", format!("{} has no action `{name}`", self.name)))?
            .run(props)
    }

    /// Returns the options of a dropdown (`{"options": …}`) or the properties of a dynamic property, as JSON text. `owner` is
    /// the name of an action or a trigger, `props` the JSON text of the values chosen so far.
    ///
    /// # Errors
    /// `not-found` for an unknown property or one without options, and the errors of the author's function.
    pub fn resolve(&self, owner: &str, property: &str, props: &str, search: Option<&str>) -> Result<String> {
        let lookup = Lookup::new(props, search);
        if let Some(action) = self.action(owner)
            && let Some(resolved) = action.resolve(property, &lookup)?
        {
            return Ok(resolved);
        }
        if let Some(trigger) = self.triggers.iter().find(|trigger| trigger.name() == owner)
            && let Some(resolved) = trigger.resolve(property, &lookup)?
        {
            return Ok(resolved);
        }
        Err(Error::not_found(
            "unknown-property",
            format!("`{owner}` of {} has no property `{property}` with options or dynamic properties", self.name),
        ))
    }

    /// Checks the connection of the call.
    ///
    /// # Errors
    /// The error of the auth's check; `invalid-input` if the piece has no auth of the connection's kind.
    pub fn validate(&self) -> Result<()> {
        self.auth.map_or(Ok(()), |auth| (auth.validate)(&(auth.list)()))
    }

    /// The trigger of this name.
    ///
    /// # Errors
    /// `not-found` for an unknown trigger.
    pub fn trigger(&self, name: &str) -> Result<&'static Trigger> {
        self.triggers
            .iter()
            .find(|trigger| trigger.name() == name)
            .ok_or_else(|| Error::not_found("unknown-trigger", format!("{} has no trigger `{name}`", self.name)))
    }

    fn action(&self, name: &str) -> Option<&'static Action> {
        self.actions.iter().find(|action| action.name() == name)
    }
}
