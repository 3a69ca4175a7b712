//! The form of a piece's auth entry: its fields, and what was entered in them.
//!
//! A field that was left empty is absent, as a form cannot say the difference. What was entered as text becomes what the piece
//! declares where the value is checked, as everywhere.

use leno_metadata::{Auth, ConnectionValue, Problem as Fault, Properties, Property, PropertyKind, Scheme};
use serde_json::{Map, Value, json};
use zeroize::Zeroize as _;

use crate::api::connections::input;

/// Whether a value of this entry comes from a provider's page.
pub(super) fn signs_in(auth: &Auth) -> bool {
    input::as_oauth2(auth).is_some_and(|oauth2| !oauth2.auth_url.is_empty())
}

/// The prefix of the names of props, so that none of them is one of the form's own.
const PROP: &str = "props.";

/// The pairs of a form. They are overwritten when it is dropped.
#[derive(Default)]
pub(super) struct Entered(Vec<(String, String)>);

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(|(_, value)| value.zeroize());
    }
}

/// What is wrong with what was entered.
#[derive(Debug, Clone, Default)]
pub(super) struct Wrong {
    /// About all of it.
    pub(super) words: Option<String>,
    /// About fields, by name.
    fields: Vec<(String, String)>,
}

impl Wrong {
    pub(super) fn of(words: &str) -> Self {
        Self { words: Some(words.to_owned()), fields: Vec::new() }
    }

    pub(super) fn field(name: &str, words: &str) -> Self {
        Self { words: None, fields: vec![(name.to_owned(), words.to_owned())] }
    }

    /// The faults of a value, whose pointers end with the name of a field.
    pub(super) fn faults(faults: Vec<Fault>) -> Self {
        let mut wrong = Self::default();
        for fault in faults {
            let path = fault.path.trim_start_matches("/value");
            let name = match path.strip_prefix("/props/") {
                Some(prop) => format!("{PROP}{}", prop.split('/').next().unwrap_or_default()),
                None => path.trim_start_matches('/').to_owned(),
            };
            match name.as_str() {
                "" | "type" => wrong.words = Some(fault.message),
                _ => wrong.fields.push((name, fault.message)),
            }
        }
        wrong
    }

    pub(super) fn at(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, words)| words.as_str())
    }

    /// Faults of fields that the form does not show: those that are filled in already.
    pub(super) fn elsewhere(&self, shown: &[Field]) -> Vec<String> {
        let hidden = self.fields.iter().filter(|(name, _)| shown.iter().all(|field| field.name != *name));
        hidden.map(|(name, words)| format!("{} {words}", name.trim_start_matches(PROP))).collect()
    }
}

impl Entered {
    pub(super) fn parse(body: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(body).into_owned().collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    fn all<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Which of the piece's entries the form is for.
    pub(super) fn auth(&self) -> usize {
        self.get("auth").and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    /// The OAuth client, entered or filled in.
    pub(super) fn client(&self, fields: &Map<String, Value>) -> Option<(String, Option<String>)> {
        let text = |name: &str| match fields.get(name) {
            Some(value) => value.as_str().map(str::to_owned),
            None => self.get(name).map(|text| text.trim().to_owned()),
        };
        Some((text("client_id")?, text("client_secret")))
    }

    /// The value of a connection.
    pub(super) fn value(&self, auth: &Auth, fields: &Map<String, Value>) -> Result<ConnectionValue, Wrong> {
        let mut members = Map::from_iter([("type".to_owned(), Value::from(auth.kind()))]);
        let mut text = |name: &str| {
            let value = fields.get(name).cloned().or_else(|| self.get(name).map(Value::from));
            members.insert(name.to_owned(), value.unwrap_or_default());
        };
        match &auth.scheme {
            Scheme::SecretText => text("secret_text"),
            Scheme::BasicAuth { .. } => ["username", "password"].into_iter().for_each(text),
            Scheme::OAuth2(_) => ["client_id", "client_secret"].into_iter().for_each(text),
            Scheme::CustomAuth { .. } => {}
        }
        if let Some(props) = auth.props() {
            members.insert("props".to_owned(), Value::Object(self.props(props, fields)?));
        }
        members.retain(|_, value| !value.is_null());
        ConnectionValue::new(Value::Object(members)).map_err(|fault| Wrong::faults(vec![fault]))
    }

    /// The values of props, entered or filled in.
    pub(super) fn props(&self, props: &Properties, fields: &Map<String, Value>) -> Result<Map<String, Value>, Wrong> {
        let mut values = Map::new();
        let mut wrong = Wrong::default();
        for (name, property) in props {
            let value = match fields.get(name) {
                Some(value) => Some(value.clone()),
                None => self.prop(&format!("{PROP}{name}"), property).unwrap_or_else(|words| {
                    wrong.fields.push((format!("{PROP}{name}"), words.to_owned()));
                    None
                }),
            };
            if let Some(value) = value {
                values.insert(name.clone(), value);
            }
        }
        if wrong.fields.is_empty() { Ok(values) } else { Err(wrong) }
    }

    fn prop(&self, name: &str, property: &Property) -> Result<Option<Value>, &'static str> {
        let text = self.get(name);
        Ok(match &property.kind {
            PropertyKind::Markdown => None,
            PropertyKind::Checkbox => Some(text.is_some().into()),
            // The number of the choice: values may be anything.
            PropertyKind::StaticDropdown { options } => {
                let chosen = text.map(|text| text.parse::<usize>().ok().and_then(|at| options.options.get(at)));
                match chosen {
                    None => None,
                    Some(choice) => Some(choice.ok_or("is not one of the choices")?.value.clone()),
                }
            }
            PropertyKind::StaticMultiSelectDropdown { options } => {
                let choices = self.all(name).filter(|text| !text.is_empty());
                let chosen = choices.map(|text| text.parse::<usize>().ok().and_then(|at| options.options.get(at)));
                let chosen: Option<Vec<Value>> = chosen.map(|choice| Some(choice?.value.clone())).collect();
                let chosen = chosen.ok_or("is not one of the choices")?;
                (!chosen.is_empty()).then(|| chosen.into())
            }
            // A connection has no others but texts and numbers, see the schema of the metadata document.
            _ => text.map(Value::from),
        })
    }
}

/// How a field is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    Text,
    Secret,
    Number,
    Long,
    Check,
    Choice,
    Choices,
    /// Words for the reader.
    Words,
}

/// A field of the form.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) help: String,
    pub(super) input: Input,
    pub(super) required: bool,
    /// What was entered before, but for secrets, which are not shown again.
    pub(super) value: String,
    pub(super) checked: bool,
    pub(super) choices: Vec<Choice>,
    pub(super) wrong: Option<String>,
}

/// One choice of a field.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub(super) label: String,
    pub(super) chosen: bool,
}

/// The fields of an entry that are not filled in already. `needs_client` says whether a sign-in needs a client of the user's own.
pub(super) fn fields(
    auth: &Auth,
    filled: &Map<String, Value>,
    entered: &Entered,
    wrong: &Wrong,
    needs_client: bool,
) -> Vec<Field> {
    let or = |label: &str, usual: &str| if label.is_empty() { usual.to_owned() } else { label.to_owned() };
    let secret = |name: &str, label: String, help: &str, required: bool| Field {
        input: Input::Secret,
        ..text(name, label, help, required, entered)
    };
    let mut fields = match &auth.scheme {
        Scheme::SecretText => {
            vec![secret("secret_text", or(&auth.display_name, "Key"), "", true)]
        }
        Scheme::BasicAuth { username, password } => {
            let help = |label: &leno_metadata::Label| label.description.clone().unwrap_or_default();
            vec![
                text("username", or(&username.display_name, "User name"), &help(username), true, entered),
                secret("password", or(&password.display_name, "Password"), &help(password), true),
            ]
        }
        Scheme::OAuth2(_) if needs_client || !signs_in(auth) => vec![
            text("client_id", "Client id".into(), "Of your application at the provider.", true, entered),
            secret("client_secret", "Client secret".into(), "", !signs_in(auth)),
        ],
        Scheme::OAuth2(_) | Scheme::CustomAuth { .. } => Vec::new(),
    };
    let props = auth.props().into_iter().flatten();
    fields.extend(props.map(|(name, property)| prop(name, property, entered)));
    let is_filled = |field: &Field| filled.get(field.name.trim_start_matches(PROP)).is_some();
    fields.retain(|field| !is_filled(field));
    for field in &mut fields {
        field.wrong = wrong.at(&field.name).map(str::to_owned);
    }
    fields
}

fn text(name: &str, label: String, help: &str, required: bool, entered: &Entered) -> Field {
    Field {
        name: name.to_owned(),
        label,
        help: help.to_owned(),
        input: Input::Text,
        required,
        value: entered.get(name).unwrap_or_default().to_owned(),
        checked: false,
        choices: Vec::new(),
        wrong: None,
    }
}

fn prop(name: &str, property: &Property, entered: &Entered) -> Field {
    let key = format!("{PROP}{name}");
    let label = if property.display_name.is_empty() { name.to_owned() } else { property.display_name.clone() };
    let help = property.description.clone().unwrap_or_default();
    let is_new = entered.0.is_empty();
    let default = property.default.as_ref().filter(|_| is_new);
    let mut field = text(&key, label, &help, property.required, entered);
    if let Some(default) = default {
        field.value = default.as_str().map_or_else(|| default.to_string(), str::to_owned);
    }
    let choices = |options: &leno_metadata::Choices| {
        let chosen = |at: usize, value: &Value| match is_new {
            true => default
                .is_some_and(|default| default == value || default.as_array().is_some_and(|all| all.contains(value))),
            false => entered.all(&key).any(|text| text == at.to_string()),
        };
        let choice = |(at, choice): (usize, &leno_metadata::Choice)| Choice {
            label: choice.label.clone(),
            chosen: chosen(at, &choice.value),
        };
        options.options.iter().enumerate().map(choice).collect()
    };
    match &property.kind {
        PropertyKind::SecretText => field.input = Input::Secret,
        PropertyKind::Number => field.input = Input::Number,
        PropertyKind::Checkbox => {
            field.input = Input::Check;
            field.required = false;
            field.checked = entered.get(&key).is_some() || default == Some(&json!(true));
        }
        PropertyKind::StaticDropdown { options } => {
            field.input = Input::Choice;
            field.choices = choices(options);
        }
        PropertyKind::StaticMultiSelectDropdown { options } => {
            field.input = Input::Choices;
            field.required = false;
            field.choices = choices(options);
        }
        PropertyKind::Markdown => {
            field.input = Input::Words;
            field.required = false;
        }
        PropertyKind::LongText => field.input = Input::Long,
        _ => {}
    }
    if field.input == Input::Secret {
        field.value = String::new();
    }
    field
}
