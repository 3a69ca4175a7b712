//! The published JSON Schema, and its verdicts as sentences.

use std::fmt::Write as _;
use std::sync::LazyLock;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::json::{describe, excerpt, has_reserved, too_deep};
use crate::problem::{At, Report};
use crate::{MAX_DEPTH, MAX_DOCUMENT, Problem, Problems};

/// The JSON Schema (draft 2020-12) of the metadata document, as published for authors.
pub const SCHEMA: &str = include_str!("../../../wit/metadata.schema.json");

/// What the schema describes.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    /// The whole document.
    Document,
    /// A map of properties, as a piece returns it for a DYNAMIC property.
    Properties,
    /// The options of a dropdown.
    Choices,
}

struct Validators {
    schema: Value,
    document: Option<Validator>,
    properties: Option<Validator>,
    choices: Option<Validator>,
}

/// Compiled once: that takes longer than checking a document. Whether it compiles is a test of this crate.
static VALIDATORS: LazyLock<Validators> = LazyLock::new(|| {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap_or_default();
    let compile = |schema: &Value| {
        // A linear-time regex engine: documents are untrusted.
        jsonschema::options().with_pattern_options(PatternOptions::regex()).build(schema).ok()
    };
    let part = |name: &str| {
        compile(&json!({
            "$schema": schema.get("$schema"),
            "$defs": schema.get("$defs"),
            "$ref": format!("#/$defs/{name}"),
        }))
    };
    Validators { document: compile(&schema), properties: part("properties"), choices: part("choices"), schema }
});

/// Parses JSON text of bounded nesting.
pub(crate) fn parse_json(json: &str) -> Result<Value, Problems> {
    if has_reserved(json) {
        return Err(Problem::new("", "a text begins with `$serde_json::private::`; choose another").into());
    }
    let value: Value = serde_json::from_str(json)
        .map_err(|error| Problem::new("", format!("this is not JSON: {error}; write one JSON document")))?;
    if too_deep(&value) {
        return Err(Problem::new("", format!("the document nests deeper than {MAX_DEPTH} levels; flatten it")).into());
    }
    Ok(value)
}

/// Parses JSON text, and checks it against a part of the schema and by `check`.
pub(crate) fn read(json: &str, part: Part, check: fn(&Value, &mut Report)) -> Result<Value, Problems> {
    if json.len() > MAX_DOCUMENT {
        let message = format!("the result has {} bytes; keep it below {}", json.len(), MAX_DOCUMENT);
        return Err(Problem::new("", message).into());
    }
    let value = parse_json(json)?;
    let mut report = Report::default();
    validate(&value, part, &mut report);
    check(&value, &mut report);
    report.finish(value)
}

/// Checks a value against a part of the schema.
pub(crate) fn validate(value: &Value, part: Part, report: &mut Report) {
    let validator = match part {
        Part::Document => &VALIDATORS.document,
        Part::Properties => &VALIDATORS.properties,
        Part::Choices => &VALIDATORS.choices,
    };
    let Some(validator) = validator else {
        report.add(&At::Root, "the metadata schema of this host is invalid; report this as a bug");
        return;
    };
    for error in validator.iter_errors(value) {
        if report.is_full() {
            report.omit();
        } else {
            sentences(&error, report);
        }
    }
}

/// Reads a checked value into its type. An error here means that schema and type disagree.
pub(crate) fn typed<'v, T: Deserialize<'v>>(value: &'v Value) -> Result<T, Problems> {
    T::deserialize(value).map_err(|error| Problem::new("", format!("{error}; correct the document")).into())
}

/// One problem per mistake, each with what the schema says about the place.
fn sentences(error: &ValidationError<'_>, report: &mut Report) {
    let path = error.instance_path().to_string();
    let mut add = |message: String| report.push(Problem::new(path.as_str(), message));
    let advice = || advice(error).map(|text| format!(". {text}")).unwrap_or_default();
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            add(format!("{name:?} is missing; add it{}", member_advice(error, name)));
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            for name in unexpected {
                add(format!("{:?} is unknown here; correct or remove it{}", excerpt(name), advice()));
            }
        }
        ValidationErrorKind::Type { kind } => {
            let wanted = match kind {
                TypeKind::Single(one) => one.to_string(),
                TypeKind::Multiple(several) => {
                    several.iter().map(|one| one.to_string()).collect::<Vec<_>>().join(" or ")
                }
            };
            add(format!("expected {wanted}, got {}{}", describe(error.instance()), advice()));
        }
        ValidationErrorKind::Enum { options } => {
            let mut list = String::new();
            for option in options.as_array().into_iter().flatten() {
                let _ = write!(list, "{}{option}", if list.is_empty() { "" } else { ", " });
            }
            add(format!("{} is unknown here; use one of {list}", describe(error.instance())));
        }
        ValidationErrorKind::Pattern { .. } => {
            add(format!("{} is not accepted here{}", describe(error.instance()), advice()));
        }
        ValidationErrorKind::PropertyNames { error } => sentences_of_name(error, &path, report),
        ValidationErrorKind::MinLength { .. } | ValidationErrorKind::MinItems { .. } => {
            add(format!("must not be empty{}", advice()));
        }
        ValidationErrorKind::MaxLength { limit } => add(format!("is longer than {limit} characters; shorten it")),
        ValidationErrorKind::MaxItems { limit } => add(format!("has more than {limit} entries; remove some")),
        // The keywords that the schema does not use speak for themselves.
        _ => add(format!("{}{}", excerpt(&error.masked().to_string()), advice())),
    }
}

fn sentences_of_name(error: &ValidationError<'_>, path: &str, report: &mut Report) {
    let advice = advice(error).map(|text| format!(". {text}")).unwrap_or_default();
    let name = describe(error.instance());
    report.push(Problem::new(path, format!("the name {name} is not accepted here{advice}")));
}

/// The first sentence of the description nearest to the keyword that failed.
fn advice(error: &ValidationError<'_>) -> Option<String> {
    let mut pointer = error.schema_path().to_string();
    // From the keyword up to the schema that contains it.
    loop {
        let cut = pointer.rfind('/')?;
        pointer.truncate(cut);
        if let Some(text) = VALIDATORS.schema.pointer(&pointer).and_then(|schema| schema.get("description")) {
            return text.as_str().map(first_sentence);
        }
        // One step is the keyword; more only passes through combinators, never out into another member.
        let last = pointer.rsplit('/').next()?;
        if last.parse::<usize>().is_err() && !matches!(last, "then" | "else" | "allOf" | "propertyNames") {
            return None;
        }
    }
}

fn member_advice(error: &ValidationError<'_>, name: &str) -> String {
    let pointer = error.schema_path().to_string();
    let schema = pointer.rsplit_once('/').and_then(|(schema, _)| VALIDATORS.schema.pointer(schema));
    let description = schema.and_then(|schema| schema.get("properties")?.get(name)?.get("description")?.as_str());
    description.map(|text| format!(". {}", first_sentence(text))).unwrap_or_default()
}

fn first_sentence(text: &str) -> String {
    text.split_once(". ").map_or(text, |(first, _)| first).trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_schema_is_valid_and_compiles() {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        assert!(jsonschema::meta::is_valid(&schema));
        assert!(VALIDATORS.document.is_some() && VALIDATORS.properties.is_some() && VALIDATORS.choices.is_some());
    }

    #[test]
    fn every_member_is_described() {
        fn walk(schema: &Value, path: &str, missing: &mut Vec<String>) {
            for (keyword, value) in schema.as_object().into_iter().flatten() {
                let path = format!("{path}/{keyword}");
                match (keyword.as_str(), value) {
                    ("properties" | "$defs", Value::Object(schemas)) => {
                        for (name, schema) in schemas {
                            let path = format!("{path}/{name}");
                            // `then` narrows what the same object declares already.
                            let narrows = path.contains("/then/");
                            if !narrows && schema.get("description").is_none() && schema.get("$ref").is_none() {
                                missing.push(path.clone());
                            }
                            walk(schema, &path, missing);
                        }
                    }
                    ("allOf", Value::Array(schemas)) => schemas.iter().for_each(|schema| walk(schema, &path, missing)),
                    ("items" | "additionalProperties" | "then" | "else", schema) => walk(schema, &path, missing),
                    _ => {}
                }
            }
        }
        let mut missing = Vec::new();
        walk(&serde_json::from_str(SCHEMA).unwrap(), "", &mut missing);
        assert_eq!(missing, Vec::<String>::new());
    }
}
