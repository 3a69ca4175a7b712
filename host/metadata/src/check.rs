//! What a JSON Schema cannot say about the document.
//!
//! These checks walk the raw JSON and pass over whatever does not have the expected shape, which the schema has reported
//! already. So an author gets all problems at once.

use semver::Version;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::auth::{Field, Scheme, SchemeDocument};
use crate::json::excerpt;
use crate::problem::{At, Report};
use crate::{MAX_EXPANSION, Property, PropertyKind, Template, coerce, host, injection};

/// Types of properties that a connection form can show.
const AUTH_PROPERTIES: [&str; 8] = [
    "SHORT_TEXT",
    "LONG_TEXT",
    "SECRET_TEXT",
    "NUMBER",
    "CHECKBOX",
    "STATIC_DROPDOWN",
    "STATIC_MULTI_SELECT_DROPDOWN",
    "MARKDOWN",
];

/// Checks a whole document.
pub(crate) fn document(document: &Value, report: &mut Report) {
    let root = At::Root;
    let at = root.key("version");
    if let Some(text) = text(document, "version")
        && let Err(error) = Version::parse(text)
        && !report.covers(&at)
    {
        report.add(&at, format_args!("{:?} is not an exact version ({error}); write one such as 1.4.0", excerpt(text)));
    }
    let mut expansion = Some(MAX_EXPANSION);
    let schemes = auth(document, &mut expansion, report);
    egress(document, &schemes, report);
    for group in ["actions", "triggers"] {
        let at = root.key(group);
        for (key, member) in members(document.get(group)) {
            let at = at.key(key);
            if let Some(name) = text(member, "name")
                && name != key
            {
                let message = format_args!(
                    "the name {:?} differs from its key {:?}; make them equal",
                    excerpt(name),
                    excerpt(key)
                );
                report.add(&at.key("name"), message);
            }
            let at = at.key("props");
            property_map(member.get("props"), &at, None, report);
            defaults(member.get("props"), &at, &mut expansion, report);
        }
    }
}

/// Checks a map of properties that stands alone.
pub(crate) fn properties(map: &Value, report: &mut Report) {
    property_map(Some(map), &At::Root, None, report);
    defaults(Some(map), &At::Root, &mut Some(MAX_EXPANSION), report);
}

/// Checks a property map: `outer` are the properties around the rows that this map describes.
fn property_map(map: Option<&Value>, at: &At<'_>, outer: Option<&Map<String, Value>>, report: &mut Report) {
    let Some(Value::Object(map)) = map else { return };
    for (name, property) in map {
        let at = at.key(name);
        if name == coerce::AUTH && outer.is_none() {
            report.add(&at, "the name \"auth\" is reserved for the connection; choose another");
        }
        for (index, refresher) in items(property.get("refreshers")).enumerate() {
            let Some(sibling) = refresher.as_str() else { continue };
            let known = sibling == coerce::AUTH
                || map.contains_key(sibling)
                || outer.is_some_and(|outer| outer.contains_key(sibling));
            if !known {
                let message =
                    format_args!("{:?} is not a property beside this one; correct or remove it", excerpt(sibling));
                report.add(&at.key("refreshers").index(index), message);
            }
        }
        let listed = property.get("options");
        if matches!(text(property, "type"), Some("STATIC_DROPDOWN" | "STATIC_MULTI_SELECT_DROPDOWN"))
            && items(listed.and_then(|listed| listed.get("options"))).next().is_none()
            && listed.and_then(|listed| listed.get("disabled")) != Some(&Value::Bool(true))
            && listed.is_none_or(Value::is_object)
        {
            let message =
                "a static dropdown needs options to choose from; add them as {\"options\": [{\"label\", \"value\"}]}";
            report.add(&at.key("options"), message);
        }
        property_map(property.get("properties"), &at.key("properties"), Some(map), report);
    }
}

/// Checks the defaults in a property map, down to those of rows.
fn defaults(map: Option<&Value>, at: &At<'_>, expansion: &mut Option<usize>, report: &mut Report) {
    fn walk(property: &Property, at: &At<'_>, expansion: &mut Option<usize>, report: &mut Report) {
        if let Some(default) = &property.default {
            coerce::check_default(property, default, &at.key("defaultValue"), expansion, report);
        }
        if let PropertyKind::Array { properties: Some(columns) } = &property.kind {
            let at = at.key("properties");
            for (name, column) in columns {
                walk(column, &at.key(name), expansion, report);
            }
        }
    }
    for (name, property) in members(map) {
        if let Ok(property) = Property::deserialize(property) {
            walk(&property, &at.key(name), expansion, report);
        }
    }
}
/// Checks the auth entries and returns the types of those that could be read.
fn auth(document: &Value, expansion: &mut Option<usize>, report: &mut Report) -> Vec<Scheme> {
    let root = At::Root;
    let at = root.key("auth");
    let mut schemes: Vec<Scheme> = Vec::new();
    let any_host_only = any_host_only(document);
    match document.get("auth") {
        Some(Value::Array(entries)) => {
            for (index, entry) in entries.iter().enumerate() {
                let at = at.index(index);
                let Some(scheme) = auth_entry(entry, &at, any_host_only, expansion, report) else { continue };
                if schemes.iter().any(|other| other.name() == scheme.name()) {
                    let message = format_args!("a second entry has type {}; merge the two", scheme.name());
                    report.add(&at.key("type"), message);
                } else {
                    schemes.push(scheme);
                }
            }
        }
        Some(entry) => schemes.extend(auth_entry(entry, &at, any_host_only, expansion, report)),
        None => {}
    }
    schemes
}

/// Whether a piece may call anywhere and names no host in particular.
fn any_host_only(document: &Value) -> bool {
    let hosts = || items(document.get("egress").and_then(|egress| egress.get("hosts")));
    hosts().next().is_some()
        && hosts().all(|host| host.as_str().is_some_and(|host| host == "*" || host.starts_with("*:")))
}

fn auth_entry(
    entry: &Value,
    at: &At<'_>,
    any_host_only: bool,
    expansion: &mut Option<usize>,
    report: &mut Report,
) -> Option<Scheme> {
    let props_at = at.key("props");
    for (name, property) in members(entry.get("props")) {
        let at = props_at.key(name);
        if let Some(kind) = text(property, "type")
            && !AUTH_PROPERTIES.contains(&kind)
        {
            let message = format_args!(
                "a connection cannot have a property of type {:?}; use one of {}",
                excerpt(kind),
                AUTH_PROPERTIES.join(", ")
            );
            report.add(&at.key("type"), message);
        }
    }
    property_map(entry.get("props"), &props_at, None, report);
    defaults(entry.get("props"), &props_at, expansion, report);

    let scheme = SchemeDocument::deserialize(entry).ok().map(Scheme::from)?;
    placeholders(entry, &scheme, at, report);
    for (index, host) in items(entry.get("hosts")).enumerate() {
        host_template(host, std::slice::from_ref(&scheme), &at.key("hosts").index(index), report);
    }
    let at_inject = at.key("inject");
    for group in ["headers", "query"] {
        let at = at_inject.key(group);
        for (name, value) in members(entry.get("inject").and_then(|inject| inject.get(group))) {
            let at = at.key(name);
            let header = group == "headers";
            injected(name, &scheme, header.then_some(injection::header_name as Check), &at, report);
            if let Some(value) = value.as_str() {
                injected(value, &scheme, header.then_some(injection::header_value as Check), &at, report);
            }
        }
    }
    let injects = match entry.get("inject") {
        None => !scheme.usual_place().headers.is_empty(),
        Some(inject) => members(inject.get("headers")).chain(members(inject.get("query"))).next().is_some(),
    };
    if injects && any_host_only && entry.get("hosts").is_none() {
        let message = "the piece may call any host, so this entry must name the hosts that get the credentials; \
                       add \"hosts\", or [\"*\"] for every host";
        report.add(at, message);
    }
    settings(entry, &scheme, at, report);
    Some(scheme)
}

/// `{name}` in the OAuth 2.0 addresses must be a member of `props`.
fn placeholders(entry: &Value, scheme: &Scheme, at: &At<'_>, report: &mut Report) {
    let Scheme::OAuth2(oauth2) = scheme else { return };
    for member in ["authUrl", "tokenUrl", "revocationUrl", "issuer"] {
        let mut rest = text(entry, member).unwrap_or_default();
        while let Some((name, after)) = rest.split_once('{').and_then(|(_, after)| after.split_once('}')) {
            if !oauth2.props.contains_key(name) {
                let message = format_args!("{{{}}} is not a member of props; declare it there", excerpt(name));
                report.add(&at.key(member), message);
            }
            rest = after;
        }
    }
}

fn settings(entry: &Value, scheme: &Scheme, at: &At<'_>, report: &mut Report) {
    let at = at.key("settings");
    for (index, path) in items(entry.get("settings")).enumerate() {
        let at = at.index(index);
        if !matches!(scheme, Scheme::OAuth2(_)) {
            report.add(&at, "only OAUTH2 has a token response; remove this");
        } else if matches!(path.as_str(), Some("id_token" | "access_token" | "refresh_token")) {
            report.add(&at, "a token is a secret, which a piece may not read; remove it");
        }
    }
}

type Check = fn(&str) -> Result<(), String>;

/// One half of an `inject` entry.
fn injected(text: &str, scheme: &Scheme, check: Option<Check>, at: &At<'_>, report: &mut Report) {
    let Some(template) = template(text, at, report) else { return };
    for path in template.fields() {
        if scheme.field(path) == Field::Unknown {
            unknown_field(path, std::slice::from_ref(scheme), at, report);
        }
    }
    if let Some(check) = check.filter(|_| template.is_literal() && !text.is_empty())
        && let Err(message) = check(text)
    {
        report.add(at, format_args!("{:?} {message}", excerpt(text)));
    }
}

fn egress(document: &Value, schemes: &[Scheme], report: &mut Report) {
    let root = At::Root;
    let (egress, hosts) = (root.key("egress"), document.get("egress").and_then(|egress| egress.get("hosts")));
    for (index, host) in items(hosts).enumerate() {
        host_template(host, schemes, &egress.key("hosts").index(index), report);
    }
}

/// A host pattern that may refer to fields which at least one of the schemes has.
fn host_template(host: &Value, schemes: &[Scheme], at: &At<'_>, report: &mut Report) {
    let Some(text) = host.as_str() else { return };
    let Some(template) = template(text, at, report) else { return };
    if template.is_literal() {
        if let Err(message) = host::pattern(text) {
            report.add(at, format_args!("{:?} {message}", excerpt(text)));
        }
        return;
    }
    if template.has_base64() {
        report.add(at, "a host cannot be base64; refer to the field itself");
        return;
    }
    for path in template.fields() {
        let fields: Vec<Field> = schemes.iter().map(|scheme| scheme.field(path)).collect();
        if fields.contains(&Field::Secret) {
            let message = format_args!(
                "connection.{} is a secret and cannot be part of a host; use another field",
                path.join(".")
            );
            report.add(at, message);
        } else if !fields.contains(&Field::Open) {
            unknown_field(path, schemes, at, report);
        }
    }
    // What stands around the fields must make a host with some value in them; "x" is a label, "1" a label and a port.
    let fits = |sample: &'static str| {
        let rendered = template.render(&mut |_: &[String]| Ok::<_, std::convert::Infallible>(sample.into()));
        rendered.is_ok_and(|rendered| host::exact(&rendered.text))
    };
    if !template.is_one_field() && !fits("x") && !fits("1") {
        let message = "does not form one host name; write it as in \"{{connection.subdomain}}.example.com\"";
        report.add(at, format_args!("{:?} {message}", excerpt(text)));
    }
}

fn template(text: &str, at: &At<'_>, report: &mut Report) -> Option<Template> {
    text.parse().map_err(|error| report.add(at, error)).ok()
}

fn unknown_field(path: &[String], schemes: &[Scheme], at: &At<'_>, report: &mut Report) {
    // The list of known fields is long, and not needed for a problem that is not reported.
    if report.is_full() {
        return report.omit();
    }
    let path = path.join(".");
    let path = excerpt(&path);
    if schemes.is_empty() {
        report.add(
            at,
            format_args!("connection.{path} is unknown: the piece declares no auth; declare it or remove this"),
        );
        return;
    }
    let known: Vec<String> = schemes.iter().flat_map(Scheme::fields).take(20).collect();
    report.add(at, format_args!("connection.{path} is unknown; use one of: {}", known.join(", ")));
}

fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name)?.as_str()
}

fn members(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_object).into_iter().flatten()
}

fn items(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}
