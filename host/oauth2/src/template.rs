//! `{name}` placeholders in the addresses, scopes and extra parameters of a piece, and which values may fill them.

use leno_egress::PrivateGrant;
use leno_metadata::{OAuth2, Problem, Properties, PropertyKind};
use serde_json::{Map, Value};

/// `template` with every `{name}` replaced by the member of `props` of that name: literally, in one pass, so that a
/// value is not a template itself. A name without a text, number or truth value stays as it is.
#[must_use]
pub fn fill(template: &str, props: &Map<String, Value>) -> String {
    let mut filled = String::with_capacity(template.len());
    for part in parts(template) {
        match part {
            Part::Text(text) => filled.push_str(text),
            Part::Name(name) => match props.get(name).and_then(text) {
                Some(value) => filled.push_str(&value),
                None => {
                    filled.push('{');
                    filled.push_str(name);
                    filled.push('}');
                }
            },
        }
    }
    filled
}

/// The names in `template`, in order.
pub(super) fn names(template: &str) -> impl Iterator<Item = &str> {
    parts(template).filter_map(|part| match part {
        Part::Name(name) => Some(name),
        Part::Text(_) => None,
    })
}

/// The issuer that a piece names for a value with these `props`; `None` when it names none.
#[must_use]
pub fn issuer(schema: &OAuth2, props: Option<&Value>) -> Option<String> {
    schema.issuer.as_ref().map(|issuer| fill(issuer, &with_defaults(schema, props)))
}

/// The props that fill the addresses of a piece.
pub(super) fn of_addresses(schema: &OAuth2) -> Vec<&str> {
    let addresses = [&schema.auth_url, &schema.token_url].into_iter();
    let addresses = addresses.chain(&schema.revocation_url).chain(&schema.issuer);
    addresses.flat_map(|address| names(address)).collect()
}

/// The grants of non-public addresses that count for an address which is made of `template`: where a user chooses the host,
/// those of one destination only, which the operator chose. Otherwise a user could have requests sent to any host of a granted
/// network.
pub(super) fn granted(template: &str, declared: &Properties, private: &[PrivateGrant]) -> Vec<PrivateGrant> {
    let chosen = match template.split_once("://") {
        None => true,
        Some((scheme, rest)) => {
            let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
            names(scheme).next().is_some() || names(authority).any(|name| !is_dropdown(declared, name))
        }
    };
    private.iter().filter(|grant| !chosen || grant.is_one_destination()).cloned().collect()
}

fn is_dropdown(declared: &Properties, name: &str) -> bool {
    matches!(declared.get(name).map(|property| &property.kind), Some(PropertyKind::StaticDropdown { .. }))
}

/// The text of a prop in an address or a form; `None` for null, lists and objects. `1.0` is `1`, as in JavaScript.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 1e15 => Some(format!("{float:.0}")),
            _ => Some(number.to_string()),
        },
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// `props` with the declared default of each that is missing.
pub(super) fn with_defaults(schema: &OAuth2, props: Option<&Value>) -> Map<String, Value> {
    let mut filled = props.and_then(Value::as_object).cloned().unwrap_or_default();
    for (name, property) in &schema.props {
        if let (Some(default), None | Some(Value::Null)) = (&property.default, filled.get(name)) {
            filled.insert(name.clone(), default.clone());
        }
    }
    filled
}

/// Whether `props` may choose where an operator's client secret goes.
///
/// The application of PLATFORM_OAUTH2 is the operator's, the props are a user's. A prop in the token or revocation
/// address could name a host of the user's own, which would then be sent the secret. So a prop there must be an option
/// of a STATIC_DROPDOWN, or one plain label, `[A-Za-z0-9_-]{1,63}`; and a label in the name of the host must have a fixed
/// domain of at least two labels after it, since several labels make a whole name: `{a}.{b}` is `evil.com` to a user.
///
/// # Errors
///
/// Each prop that does not keep to it, as a JSON pointer into the connection value. Never quotes the prop.
pub fn platform_rule(schema: &OAuth2, props: &Map<String, Value>) -> Result<(), Vec<Problem>> {
    let mut problems: Vec<Problem> = Vec::new();
    for template in std::iter::once(&schema.token_url).chain(&schema.revocation_url) {
        for name in names(template) {
            let Err(message) = allowed(name, &schema.props, props) else { continue };
            problems.push(problem(name, message));
        }
        if let Some(name) = free_host(template, &schema.props, props) {
            let message = "is part of the host that receives the operator's client secret, whose domain must be \
                           fixed; ask the author of the piece for a dropdown, or use an OAuth app of your own";
            problems.push(problem(name, message));
        }
    }
    problems.dedup();
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn allowed(name: &str, declared: &Properties, props: &Map<String, Value>) -> Result<(), &'static str> {
    let Some(value) = props.get(name) else { return Err("is missing; enter it") };
    match declared.get(name).map(|property| &property.kind) {
        Some(PropertyKind::StaticDropdown { options }) => {
            let known = options.contains(value) && text(value).is_some();
            if known { Ok(()) } else { Err("is not one of the options; choose one of them") }
        }
        _ => {
            let plain = |label: &str| {
                let byte = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
                (1..=63).contains(&label.len()) && label.bytes().all(byte)
            };
            if text(value).is_some_and(|label| plain(&label)) {
                Ok(())
            } else {
                Err("must have 1 to 63 letters, digits, \"-\" and \"_\", because it is part of the URL that receives \
                     the operator's client secret; correct it")
            }
        }
    }
}

/// The name of a prop that is free to be any label, in a host that has no fixed domain after it.
fn free_host<'a>(template: &'a str, declared: &Properties, props: &Map<String, Value>) -> Option<&'a str> {
    let (_, rest) = template.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let mut free = None;
    let mut domain = String::new();
    for part in parts(authority) {
        match part {
            Part::Text(text) => domain.push_str(text),
            Part::Name(name) if is_dropdown(declared, name) => {
                domain.push_str(&props.get(name).and_then(text).unwrap_or_default());
            }
            Part::Name(name) => {
                free = Some(name);
                domain.clear();
            }
        }
    }
    let name = domain.split(':').next().unwrap_or_default();
    let fixed = name.starts_with('.') && name.split('.').filter(|label| !label.is_empty()).count() >= 2;
    free.filter(|_| !fixed)
}

pub(super) fn problem(name: &str, message: &str) -> Problem {
    Problem::new(format!("/props/{}", name.replace('~', "~0").replace('/', "~1")), message)
}

enum Part<'a> {
    Text(&'a str),
    Name(&'a str),
}

/// The template in pieces. A `{` without a `}` is text, and so is one with another `{` before its `}`.
fn parts(template: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = template;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some((name, after)) = rest.strip_prefix('{').and_then(|inner| inner.split_once('}'))
            && !name.contains('{')
        {
            rest = after;
            return Some(Part::Name(name));
        }
        // At least one character, so that an unclosed brace at the front is passed.
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let end = rest.get(first..).and_then(|tail| tail.find('{')).map_or(rest.len(), |at| at + first);
        let (text, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        rest = after;
        Some(Part::Text(text))
    })
}

#[cfg(test)]
// A `json!` literal reads better without a reference.
#[allow(clippy::needless_pass_by_value)]
mod tests {
    use serde_json::json;

    use super::*;

    fn props(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn every_occurrence_is_replaced_literally_and_once() {
        let props = props(json!({"a": "$&", "b": "{a}", "n": 1, "f": 2.0, "t": true, "o": {}, "l": [], "z": null}));
        for (template, filled) in [
            ("{a}/{a}", "$&/$&"),
            ("{b}", "{a}"),
            ("{n}{f}{t}", "12true"),
            ("{missing}.{o}{l}{z}", "{missing}.{o}{l}{z}"),
            ("{", "{"),
            ("{{a}}", "{$&}"),
            ("{a", "{a"),
            ("ä{n}ö{", "ä1ö{"),
            ("", ""),
        ] {
            assert_eq!(fill(template, &props), filled, "{template}");
        }
    }

    fn schema(token_url: &str) -> OAuth2 {
        let region = json!({"options": [{"label": "EU", "value": "zoho.eu"}, {"label": "US", "value": "zoho.com"}]});
        serde_json::from_value(json!({"authUrl": "https://p.test/a", "tokenUrl": token_url, "props": {
            "shop": {"type": "SHORT_TEXT", "displayName": "S", "required": true},
            "other": {"type": "SHORT_TEXT", "displayName": "S", "required": true},
            "region": {"type": "STATIC_DROPDOWN", "displayName": "R", "required": true, "options": region}}}))
        .unwrap()
    }

    #[test]
    fn a_user_cannot_send_the_operators_secret_to_a_host_of_their_own() {
        let shop = "https://{shop}.example.com/token";
        let region = "https://accounts.{region}/token";
        for (url, value, paths) in [
            (shop, json!({"shop": "acme-1_x"}), vec![]),
            (shop, json!({"shop": 7}), vec![]),
            (shop, json!({"shop": "evil.com/"}), vec!["/props/shop"]),
            (shop, json!({"shop": "evil.com#"}), vec!["/props/shop"]),
            (shop, json!({"shop": "a@evil"}), vec!["/props/shop"]),
            (shop, json!({"shop": ""}), vec!["/props/shop"]),
            (shop, json!({"shop": "a".repeat(64)}), vec!["/props/shop"]),
            (shop, json!({"shop": ["a"]}), vec!["/props/shop"]),
            (shop, json!({}), vec!["/props/shop"]),
            (region, json!({"region": "zoho.eu"}), vec![]),
            (region, json!({"region": "evil.com"}), vec!["/props/region"]),
            (region, json!({"region": "label"}), vec!["/props/region"]),
            ("https://p.test/{shop}/token", json!({"shop": "common"}), vec![]),
            ("https://{shop}.{region}/token", json!({"shop": "acme", "region": "zoho.eu"}), vec![]),
            ("https://{shop}.{other}/token", json!({"shop": "evil", "other": "com"}), vec!["/props/other"]),
            ("https://{shop}/token", json!({"shop": "intranet"}), vec!["/props/shop"]),
            ("https://login.{shop}:8443/token", json!({"shop": "com"}), vec!["/props/shop"]),
            ("https://p.test{shop}.com/token", json!({"shop": "evil"}), vec!["/props/shop"]),
            ("https://{shop}.example.com:8443/token", json!({"shop": "acme"}), vec![]),
            ("https://p.test/token", json!({"shop": "evil.com/"}), vec![]),
            ("https://{unknown}.example.com", json!({"unknown": "evil.com/"}), vec!["/props/unknown"]),
        ] {
            let problems = platform_rule(&schema(url), &props(value.clone())).err().unwrap_or_default();
            let found: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
            assert_eq!(found, paths, "{url} {value}");
            assert!(problems.iter().all(|problem| !problem.message.contains("evil")));
        }
    }

    #[test]
    fn where_a_user_chooses_the_host_only_a_destination_of_the_operators_is_private() {
        let grants: Vec<PrivateGrant> =
            ["10.0.0.0/8", "10.1.2.3", "10.1.2.3:8443"].map(|grant| grant.parse().unwrap()).into();
        for (url, count) in [
            ("https://p.test/{shop}/token", 3),
            ("https://accounts.{region}/token", 3),
            ("https://{shop}.p.test/token", 1),
            ("https://p.test:{shop}/token", 1),
            ("{shop}://p.test/token", 1),
            ("{shop}", 1),
            ("", 1),
        ] {
            assert_eq!(granted(url, &schema(url).props, &grants).len(), count, "{url}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_template_without_props_is_what_it_was(template in "[{}a-zé]{0,20}") {
            proptest::prop_assert_eq!(fill(&template, &Map::new()), template);
        }
    }
}
