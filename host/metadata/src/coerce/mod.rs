//! From the input of a step to the piece's properties.

mod date;
mod file;
mod rows;
mod scalar;
mod words;

use std::fmt;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use self::file::Given;
pub use self::file::{Coerced, FileContent, PendingFile};
use self::words::{Offered, Unknown, Wanted};
use crate::json::{deeper_than, describe, too_deep};
use crate::problem::{At, Report};
use crate::{Choices, MAX_DEPTH, MAX_EXPANSION, Problems, Properties, Property, PropertyKind};

/// The input member that holds the reference to a connection: never a property.
pub(crate) const AUTH: &str = "auth";

/// Turns the input of a step into what the piece receives, according to the declared properties. What is already as the piece
/// wants it is moved, not copied: an input may be large.
///
/// An absent value, `null`, and a blank text for what is no text all mean "not given": the default takes its place, coerced
/// like a given value; else a required property is a problem and an optional one is left out. So a property with a
/// default is never absent and never null. For a text, `""` is given and stays; a required SECRET_TEXT must not be empty.
/// Numbers keep their digits, wherever they are. The member `auth` is left out; any other member that is not declared is a
/// problem, because it is most likely a misspelt optional one.
///
/// | Type | Accepts | Gives |
/// | --- | --- | --- |
/// | SHORT_TEXT, LONG_TEXT, SECRET_TEXT | text; number and boolean as text; object and array as JSON text | text |
/// | NUMBER | a number, or text such as `12`, `1e3`, `0x10` | number with the same digits; whole ones without a fraction |
/// | CHECKBOX | boolean, `"true"`, `"false"` | boolean |
/// | DATE_TIME | ISO 8601 (a date alone is midnight, no offset is UTC), RFC 2822, epoch milliseconds as a number | `YYYY-MM-DDTHH:MM:SS.mmmZ` |
/// | STATIC_DROPDOWN | one of the options' values | the value |
/// | STATIC_MULTI_SELECT_DROPDOWN | an array of them | array |
/// | DROPDOWN, CUSTOM | anything | the same |
/// | MULTI_SELECT_DROPDOWN | an array | the same |
/// | DYNAMIC | an object | the same, or checked: [`coerce_with`] |
/// | ARRAY | an array; numbers and booleans in it become text | array |
/// | ARRAY with `properties` | an array of objects, or an object of columns | array of coerced objects |
/// | OBJECT | an object, or its JSON text | object |
/// | JSON | an object or array, or its JSON text | object or array |
/// | FILE | `{base64, filename?, extension?}` (or `data` in place of `base64`), a `data:` URI, an http(s) URL | `{filename, extension?, base64}` |
/// | COLOR | text | text |
/// | MARKDOWN | anything | nothing |
///
/// An empty list does not satisfy `required`. In an object of columns, `{n: [1, 2], k: "z"}` becomes
/// `[{n: 1, k: "z"}, {n: 2, k: "z"}]`: single values repeat, and a short column leaves its member absent.
///
/// In a FILE, `base64` is the content in standard base64 with padding. Activepieces' `data`, a buffer of the same
/// bytes, has no form in JSON: guest libraries make it from `base64`, and sending it twice would double the call. A URL
/// stays in the value and is listed in [`Coerced::files`], for the host to fetch and [`Coerced::fill`] in.
///
/// # Errors
///
/// Every problem at once, each with a JSON pointer into the input; for columns, into the rows made of them.
pub fn coerce(props: &Properties, input: Value) -> Result<Coerced, Problems> {
    coerce_with(props, &IndexMap::new(), input)
}

/// [`coerce`] that also checks the members of DYNAMIC properties: `dynamic` holds, by the name of the DYNAMIC property,
/// the properties that the piece returned for it.
///
/// # Errors
///
/// As [`coerce`].
pub fn coerce_with(
    props: &Properties,
    dynamic: &IndexMap<String, Properties>,
    input: Value,
) -> Result<Coerced, Problems> {
    let mut coercion = Coercion::new(dynamic, true);
    let value = coercion.document(props, input);
    coercion.report.finish(Coerced { value, files: coercion.files })
}

/// [`coerce`] for the props of a connection, whose values are not quoted in messages.
pub(crate) fn secret_props(props: &Properties, input: Option<&Value>) -> Result<Value, Problems> {
    let empty = || Value::Object(Map::new());
    let dynamic = IndexMap::new();
    let mut coercion = Coercion::new(&dynamic, false);
    let root = At::Root;
    let value = coercion.object(props, input.cloned().unwrap_or_else(empty), &root.key("props"));
    coercion.report.finish(value)
}

/// Checks that a default has the type of its property. `expansion` is the budget for all defaults of a document: defaults
/// bring in further defaults, row by row, so that each having its own would let a short document cost hours.
pub(crate) fn check_default(
    property: &Property,
    default: &Value,
    at: &At<'_>,
    expansion: &mut Option<usize>,
    report: &mut Report,
) {
    let dynamic = IndexMap::new();
    let mut coercion = Coercion::new(&dynamic, property.kind != PropertyKind::SecretText);
    coercion.expansion = *expansion;
    coercion.value(property, default.clone(), at);
    *expansion = coercion.expansion;
    report.append(coercion.report);
}

/// The result for one value.
enum Outcome {
    Given(Value),
    /// Nothing was given.
    Blank,
    /// A problem was reported.
    Refused,
}

impl From<Option<Value>> for Outcome {
    fn from(value: Option<Value>) -> Self {
        value.map_or(Self::Refused, Self::Given)
    }
}

struct Coercion<'a> {
    dynamic: &'a IndexMap<String, Properties>,
    /// Whether messages may quote values.
    quote: bool,
    /// The rest of [`MAX_EXPANSION`]; `None` when more was needed.
    expansion: Option<usize>,
    report: Report,
    files: Vec<PendingFile>,
}

impl<'a> Coercion<'a> {
    fn new(dynamic: &'a IndexMap<String, Properties>, quote: bool) -> Self {
        Self { dynamic, quote, expansion: Some(MAX_EXPANSION), report: Report::default(), files: Vec::new() }
    }

    fn document(&mut self, props: &Properties, input: Value) -> Value {
        if too_deep(&input) {
            self.report.add(&At::Root, format_args!("the input nests deeper than {MAX_DEPTH} levels; flatten it"));
            return Value::Null;
        }
        self.object(props, input, &At::Root)
    }

    fn object(&mut self, props: &Properties, input: Value, at: &At<'_>) -> Value {
        match input {
            Value::Object(members) => Value::Object(self.members(props, members, at)),
            other => {
                self.wrong(at, "an object with the properties as members", &other);
                Value::Null
            }
        }
    }

    fn members(&mut self, props: &Properties, mut input: Map<String, Value>, at: &At<'_>) -> Map<String, Value> {
        let mut output = Map::with_capacity(props.len());
        for (name, property) in props {
            if property.kind == PropertyKind::Markdown {
                continue;
            }
            let at = at.key(name);
            // The member stays, so that the others keep their order.
            let mut outcome = match input.get_mut(name).map(Value::take) {
                Some(value) => self.value(property, value, &at),
                None => Outcome::Blank,
            };
            if let (Outcome::Blank, Some(default)) = (&outcome, &property.default) {
                outcome = match self.expand(size(default), &at) {
                    true => self.value(property, default.clone(), &at),
                    false => Outcome::Refused,
                };
            }
            match outcome {
                Outcome::Given(value) => {
                    output.insert(name.clone(), value);
                }
                Outcome::Blank if property.required => {
                    let kind = Wanted(&property.kind);
                    self.report.add(&at, format_args!("{name:?} is required; give {kind}"));
                }
                Outcome::Blank | Outcome::Refused => {}
            }
        }
        for name in input.keys() {
            let reserved = matches!(at, At::Root) && name == AUTH;
            if !reserved && !props.contains_key(name) {
                self.report.add(&at.key(name), Unknown(props));
            }
        }
        output
    }

    /// Takes bytes from the budget for what was not in the input. Running out of it is one problem, however often it is
    /// run out of.
    fn expand(&mut self, bytes: usize, at: &At<'_>) -> bool {
        let Some(left) = self.expansion else { return false };
        self.expansion = left.checked_sub(bytes);
        if self.expansion.is_none() {
            let message = "defaults and repeated values add more than";
            self.report.add(at, format_args!("{message} {MAX_EXPANSION} bytes; give fewer rows"));
        }
        self.expansion.is_some()
    }

    fn value(&mut self, property: &Property, value: Value, at: &At<'_>) -> Outcome {
        if blank(property, &value) {
            return Outcome::Blank;
        }
        match &property.kind {
            PropertyKind::ShortText | PropertyKind::LongText | PropertyKind::SecretText => {
                Outcome::Given(Value::String(scalar::text(value)))
            }
            PropertyKind::Markdown => Outcome::Blank,
            PropertyKind::Number => self.read(&value, at, "a number", scalar::number),
            PropertyKind::Checkbox => self.read(&value, at, "true or false", scalar::boolean),
            PropertyKind::Color => match value {
                Value::String(_) => Outcome::Given(value),
                other => self.wrong(at, "a color as text, such as \"#0af\"", &other),
            },
            PropertyKind::DateTime => match date::read(&value) {
                Ok(text) => Outcome::Given(Value::String(text)),
                Err(advice) => {
                    let given = self.quoted(&value);
                    self.report.add(at, format_args!("{given} is not an unambiguous time; {advice}"));
                    Outcome::Refused
                }
            },
            PropertyKind::StaticDropdown { options } => {
                if options.contains(&value) {
                    return Outcome::Given(value);
                }
                self.not_offered(options, &value, at)
            }
            PropertyKind::StaticMultiSelectDropdown { options } => {
                let Value::Array(chosen) = value else { return self.wrong(at, "a list of options", &value) };
                let mut all = true;
                for (index, one) in chosen.iter().enumerate() {
                    if !options.contains(one) {
                        self.not_offered(options, one, &at.index(index));
                        all = false;
                    }
                }
                if all { self.filled(property, chosen) } else { Outcome::Refused }
            }
            PropertyKind::Dropdown(_) | PropertyKind::Custom => Outcome::Given(value),
            PropertyKind::MultiSelectDropdown(_) => match value {
                Value::Array(chosen) => self.filled(property, chosen),
                other => self.wrong(at, "a list of options", &other),
            },
            PropertyKind::Dynamic(_) => self.dynamic(value, at),
            PropertyKind::Array { properties } => match (properties, value) {
                (None, Value::Array(items)) => self.texts(property, items, at),
                (None, other) => self.wrong(at, "a list", &other),
                (Some(columns), rows) => self.rows(property, columns, rows, at),
            },
            PropertyKind::Object => self.json(value, at, "an object", Value::is_object),
            PropertyKind::Json => {
                self.json(value, at, "an object or a list", |value| value.is_object() || value.is_array())
            }
            PropertyKind::File => self.file(value, at).into(),
        }
    }

    /// A file. One that is given by its URL stays as it is, to be fetched by the host.
    fn file(&mut self, value: Value, at: &At<'_>) -> Option<Value> {
        match file::read(value) {
            Ok(Ok(Given::Content(content))) => Some(content),
            Ok(Ok(Given::Url { text, url })) => {
                self.files.push(PendingFile { pointer: at.to_string(), url });
                Some(Value::String(text))
            }
            Ok(Err(message)) => {
                self.report.add(at, message);
                None
            }
            Err(other) => {
                self.wrong(at, "{\"filename\", \"base64\"}, a data: URI or an http(s) URL", &other);
                None
            }
        }
    }

    /// A list, unless it is empty and the property wants something in it.
    fn filled(&self, property: &Property, items: Vec<Value>) -> Outcome {
        if items.is_empty() && property.required { Outcome::Blank } else { Outcome::Given(Value::Array(items)) }
    }

    fn dynamic(&mut self, value: Value, at: &At<'_>) -> Outcome {
        let Value::Object(members) = value else { return self.wrong(at, "an object", &value) };
        // Only a property of the step itself has a list returned by the piece.
        let known = match at {
            At::Key(At::Root, name) => self.dynamic.get(*name),
            _ => None,
        };
        match known {
            Some(props) => Outcome::Given(Value::Object(self.members(props, members, at))),
            None => Outcome::Given(Value::Object(members)),
        }
    }

    fn texts(&mut self, property: &Property, items: Vec<Value>, at: &At<'_>) -> Outcome {
        let mut texts = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            match item {
                Value::Null => {
                    self.report.add(&at.index(index), "the item is null; give a text or remove the item");
                }
                Value::Array(_) | Value::Object(_) => texts.push(item),
                scalar => texts.push(Value::String(scalar::text(scalar))),
            }
        }
        self.filled(property, texts)
    }

    fn json(&mut self, value: Value, at: &At<'_>, wanted: &str, accepts: fn(&Value) -> bool) -> Outcome {
        if accepts(&value) {
            return Outcome::Given(value);
        }
        if let Value::String(text) = &value
            && let Some(parsed) = crate::json::read(text)
        {
            if deeper_than(&parsed, MAX_DEPTH.saturating_sub(at.depth())) {
                self.report.add(at, format_args!("the JSON text nests deeper than {MAX_DEPTH} levels; flatten it"));
                return Outcome::Refused;
            }
            if accepts(&parsed) {
                return Outcome::Given(parsed);
            }
        }
        self.wrong(at, format_args!("{wanted}, or its JSON text"), &value)
    }

    fn read(&mut self, value: &Value, at: &At<'_>, wanted: &str, read: fn(&Value) -> Option<Value>) -> Outcome {
        match read(value) {
            Some(value) => Outcome::Given(value),
            None => self.wrong(at, wanted, value),
        }
    }

    fn wrong(&mut self, at: &At<'_>, wanted: impl fmt::Display, given: &Value) -> Outcome {
        let given = self.quoted(given);
        self.report.add(at, format_args!("expected {wanted}, got {given}"));
        Outcome::Refused
    }

    fn not_offered(&mut self, options: &Choices, value: &Value, at: &At<'_>) -> Outcome {
        let given = self.quoted(value);
        self.report.add(at, format_args!("{given} is not an option; choose {}", Offered(options)));
        Outcome::Refused
    }

    fn quoted(&self, value: &Value) -> String {
        match value {
            Value::String(_) if !self.quote => "a text".into(),
            Value::Number(_) if !self.quote => "a number".into(),
            value => describe(value),
        }
    }
}

/// Whether the value counts as absent. A template without a match leaves an empty text, which is none of the other types.
fn blank(property: &Property, value: &Value) -> bool {
    match (value, &property.kind) {
        (Value::Null, PropertyKind::StaticDropdown { options }) => !options.contains(value),
        (Value::Null, _) => true,
        // An empty text is a text. Only a secret that a piece cannot do without has something in it.
        (Value::String(_), PropertyKind::ShortText | PropertyKind::LongText | PropertyKind::Custom) => false,
        (Value::String(text), PropertyKind::SecretText) => text.is_empty() && property.required,
        (Value::String(text), PropertyKind::StaticDropdown { options }) => text.is_empty() && !options.contains(value),
        (Value::String(text), _) => text.trim().is_empty(),
        _ => false,
    }
}

/// About how many bytes a value takes.
fn size(value: &Value) -> usize {
    let mut bytes = 0_usize;
    let mut stack = vec![value];
    while let Some(value) = stack.pop() {
        bytes = bytes.saturating_add(8);
        match value {
            Value::String(text) => bytes = bytes.saturating_add(text.len()),
            Value::Array(items) => stack.extend(items),
            Value::Object(members) => {
                bytes = bytes.saturating_add(members.keys().map(String::len).sum());
                stack.extend(members.values());
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    bytes
}
