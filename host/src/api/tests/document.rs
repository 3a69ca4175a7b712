//! The OpenAPI document is complete and true.

use std::{collections::BTreeMap, sync::LazyLock};

use super::*;

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::to_value(openapi::complete(crate::api::routes().into_openapi())).unwrap());

/// The declared operation at an address: fixed parts go before parameters, as in the router.
fn operation(method: &Method, path: &str) -> Option<(&'static str, &'static Value)> {
    let parts: Vec<&str> = path.split('/').collect();
    let fits = |template: &str| {
        let declared: Vec<&str> = template.split('/').collect();
        let same = |(declared, part): (&&str, &&str)| declared.starts_with('{') || declared == part;
        declared.len() == parts.len() && declared.iter().zip(&parts).all(same)
    };
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let found =
        paths.iter().filter(|(template, _)| fits(template)).min_by_key(|(template, _)| template.matches('{').count());
    let (template, item) = found?;
    let method = if *method == Method::HEAD { "get".to_owned() } else { method.as_str().to_lowercase() };
    item.get(&method).map(|operation| (template.as_str(), operation))
}

/// Panics unless the response is declared in the document.
pub(super) fn hold_against(method: &Method, path: &str, answer: &Answer) {
    let content_type = answer.headers.get("content-type").map_or("", |value| value.to_str().unwrap());
    for name in ["x-request-id", "x-content-type-options", "cache-control", "content-security-policy"] {
        assert!(answer.headers.contains_key(name), "{name} is missing from {method} {path}");
    }
    if answer.status >= 400 && *method != Method::HEAD {
        assert_eq!(content_type, "application/problem+json", "{}", answer.text);
        assert_eq!(answer.body["status"], answer.status);
        for member in ["type", "title", "detail", "error", "code"] {
            assert!(answer.body[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {}", answer.text);
        }
    }
    let Some((template, operation)) = operation(method, path) else { return };
    let status = answer.status.to_string();
    let declared = operation["responses"].get(&status);
    let declared = declared.unwrap_or_else(|| panic!("{method} {template} does not declare {status}: {}", answer.text));
    let Some(content) = declared.get("content").and_then(Value::as_object) else {
        assert!(answer.text.is_empty(), "{method} {template} declares no body for {status}: {}", answer.text);
        return;
    };
    let essence = content_type.split(';').next().unwrap();
    let schema =
        content.get(essence).unwrap_or_else(|| panic!("{method} {template} {status} does not declare {essence}"));
    if essence.ends_with("json") && *method != Method::HEAD {
        validate(&schema["schema"], &answer.body, &format!("{method} {template} {status}"));
    }
}

fn validate(schema: &Value, value: &Value, what: &str) {
    let whole = json!({"allOf": [schema], "components": DOCUMENT["components"]});
    let validator = jsonschema::draft202012::new(&whole).unwrap_or_else(|error| panic!("{what}: {error}"));
    let errors: Vec<String> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{what}: {errors:#?}\n{value:#}");
}

/// Every operation: method, address, declaration.
pub(super) fn operations() -> Vec<(String, String, Value)> {
    let paths = DOCUMENT["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(|(method, operation)| (method.to_uppercase(), path.clone(), operation.clone()))
    });
    operations.collect()
}

#[test]
fn every_schema_and_every_example_holds() {
    let schemas: &BTreeMap<String, Value> = &serde_json::from_value(DOCUMENT["components"]["schemas"].clone()).unwrap();
    assert!(schemas.len() > 10);
    for (name, schema) in schemas {
        let reference = json!({"$ref": format!("#/components/schemas/{name}")});
        if let Some(example) = schema.get("example") {
            validate(&reference, example, name);
        } else {
            // Compiles, so that no reference leads nowhere.
            jsonschema::draft202012::new(&json!({"allOf": [reference], "components": DOCUMENT["components"]})).unwrap();
        }
    }
    for (method, path, operation) in operations() {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            if let Some(example) = parameter.get("example") {
                validate(&parameter["schema"], example, &format!("{method} {path} {}", parameter["name"]));
            }
        }
    }
}

#[test]
fn no_reference_leads_nowhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    references(&DOCUMENT, &mut found);
    assert!(found.len() > 50);
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(DOCUMENT.pointer(pointer).is_some(), "{reference}");
    }
}

#[test]
fn every_operation_has_words_a_tag_and_a_name_of_its_own() {
    let mut names = std::collections::BTreeSet::new();
    for (method, path, operation) in operations() {
        assert!(operation["summary"].as_str().is_some_and(|text| text.len() > 5), "{method} {path}");
        assert!(operation["tags"].as_array().is_some_and(|tags| tags.len() == 1), "{method} {path}");
        assert!(names.insert(operation["operationId"].as_str().unwrap().to_owned()), "{method} {path}: {operation}");
    }
}

#[tokio::test]
async fn the_document_and_its_pages_need_no_token_and_nothing_from_elsewhere() {
    let host = Host::empty().await;
    let get = async |path: &str| host.send(request("GET", path).body(Body::empty()).unwrap()).await;
    let served = get("/api/openapi.json").await;
    assert_eq!(served.status, 200);
    assert_eq!(served.body, *DOCUMENT);
    assert!(served.body["openapi"].as_str().unwrap().starts_with("3.1"));

    assert_eq!(get("/docs").await.headers["location"], "/docs/");
    let page = get("/docs/").await;
    assert_eq!(page.status, 200);
    assert!(page.headers["content-security-policy"].to_str().unwrap().contains("script-src 'self';"));
    // Everything that the page refers to exists, and has no other origin.
    assert!(!page.text.contains("http://") && !page.text.contains("https://"), "{}", page.text);
    assert!(!page.text.contains("<script>"), "the policy allows no inline scripts: {}", page.text);
    let mut named = 0;
    for attribute in ["src=\"", "href=\""] {
        for rest in page.text.split(attribute).skip(1) {
            let file = rest.split('"').next().unwrap().trim_start_matches("./");
            assert_eq!(get(&format!("/docs/{file}")).await.status, 200, "{file}");
            named += 1;
        }
    }
    assert!(named >= 5, "{}", page.text);
    let script = get("/docs/swagger-initializer.js").await;
    assert!(script.text.contains("/api/openapi.json"), "{}", script.text);
    get("/docs/nothing.js").await.refused(404, "no_route");
}
