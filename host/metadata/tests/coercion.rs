//! From inputs to what a piece receives.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::panic,
    clippy::unwrap_used
)]

use indexmap::IndexMap;
use leno_metadata::{Coerced, FileContent, Problems, Properties, coerce, coerce_with, parse_properties};
use serde_json::{Value, json};

fn props(map: Value) -> Properties {
    parse_properties(&map.to_string()).unwrap_or_else(|problems| panic!("{problems}"))
}

/// A value from its JSON text, with the digits that a Rust literal would not have.
fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// One property named `p`.
fn one(property: Value) -> Properties {
    let mut property = property;
    property["displayName"] = json!("P");
    props(json!({ "p": property }))
}

fn optional(kind: &str) -> Properties {
    one(json!({"type": kind}))
}

fn required(kind: &str) -> Properties {
    one(json!({"type": kind, "required": true}))
}

fn paths(problems: &Problems) -> Vec<&str> {
    problems.iter().map(|problem| problem.path.as_str()).collect()
}

/// The coerced value of `p`; null when it is left out.
#[track_caller]
fn gives(props: &Properties, value: Value, expected: Value) {
    let coerced = coerce(props, json!({"p": value})).unwrap_or_else(|problems| panic!("{value}: {problems}"));
    assert_eq!(coerced.value.get("p").unwrap_or(&Value::Null), &expected, "{value}");
}

#[track_caller]
fn refuses(props: &Properties, value: Value, text: &str) {
    let problems = coerce(props, json!({"p": value})).expect_err(&format!("{value} should be refused"));
    assert!(problems.iter().all(|problem| problem.path.starts_with("/p")), "{problems}");
    assert!(problems.to_string().contains(text), "{value}: {problems}");
}

fn options() -> Value {
    json!({"options": [
        {"label": "A", "value": "a"}, {"label": "One", "value": 1}, {"label": "Object", "value": {"x": 1, "y": [true]}}
    ]})
}

#[test]
fn texts_take_any_value_as_text() {
    for kind in ["SHORT_TEXT", "LONG_TEXT", "SECRET_TEXT"] {
        let props = required(kind);
        gives(&props, json!("a"), json!("a"));
        gives(&props, json!(5), json!("5"));
        gives(&props, json!(true), json!("true"));
        gives(&props, json!({"a": [1]}), json!(r#"{"a":[1]}"#));
        refuses(&props, json!(null), "is required; give a text");
        gives(&optional(kind), json!(""), json!(""));
        gives(&optional(kind), json!(null), json!(null));
    }
    gives(&required("SHORT_TEXT"), json!(""), json!(""));
    refuses(&required("SECRET_TEXT"), json!(""), "is required");
}

#[test]
fn numbers_come_as_numbers_or_as_text() {
    let props = required("NUMBER");
    for (value, expected) in [
        (json!(12), json!(12)),
        (json!("12"), json!(12)),
        (json!(" -3.5 "), json!(-3.5)),
        (json!("1e3"), json!(1000)),
        (json!("0x10"), json!(16)),
        (json!("0b101"), json!(5)),
        (json!("0o17"), json!(15)),
        (json!(12.0), json!(12)),
        (json!("18446744073709551615"), json!(u64::MAX)),
        (json!("+.5"), json!(0.5)),
        (json!(-0.0), json!(0)),
        (json!("0x10000000000000000"), parsed("18446744073709551616")),
    ] {
        gives(&props, value, expected);
    }
    for value in ["abc", "Infinity", "inf", "NaN", "0x", "0x+1", "0xg", "1,5", "1 2", "--1", "é", "١", "1_000", "0é"]
    {
        refuses(&props, json!(value), "expected a number");
    }
    for value in [json!(true), json!([]), json!([3]), json!({})] {
        refuses(&props, value, "expected a number");
    }
    // Blank text is nothing, never zero.
    refuses(&props, json!(" "), "is required; give a number");
    gives(&optional("NUMBER"), json!(" "), json!(null));
}

#[test]
fn digits_are_kept_by_every_type_that_takes_numbers() {
    for digits in ["123456789012345678901234567890", "0.1234567890123456789", "-9007199254740993", "1.50", "1e+400"] {
        let number = parsed(digits);
        gives(&required("NUMBER"), number.clone(), number.clone());
        gives(&required("NUMBER"), json!(digits), number.clone());
        gives(&required("SHORT_TEXT"), number.clone(), json!(digits));
        gives(&required("ARRAY"), json!([number]), json!([digits]));
        for kind in ["CUSTOM", "DROPDOWN"] {
            gives(&required(kind), number.clone(), number.clone());
        }
        gives(&required("JSON"), json!({"n": number}), json!({"n": number}));
        gives(&required("OBJECT"), json!(format!("\u{feff}{{\"n\": {digits}}}")), json!({"n": number}));
        gives(&one(json!({"type": "NUMBER", "defaultValue": number})), json!(null), number.clone());
    }
    for (text, written) in [("+.50", "0.50"), ("-007.50", "-7.50"), ("5.", "5"), ("1E400", "1e+400"), ("00", "0")] {
        gives(&required("NUMBER"), json!(text), parsed(written));
    }
}

#[test]
fn a_checkbox_takes_booleans_and_their_spellings() {
    let props = required("CHECKBOX");
    gives(&props, json!(false), json!(false));
    gives(&props, json!("true"), json!(true));
    gives(&props, json!("False"), json!(false));
    for value in [json!(1), json!("yes"), json!("1"), json!([]), json!({})] {
        refuses(&props, value, "expected true or false");
    }
    refuses(&props, json!(null), "is required");
    gives(&optional("CHECKBOX"), json!(null), json!(null));
    gives(&optional("CHECKBOX"), json!(""), json!(null));
}

#[test]
fn a_date_that_could_be_two_dates_is_refused() {
    gives(&required("DATE_TIME"), json!("2024-03-14"), json!("2024-03-14T00:00:00.000Z"));
    gives(&required("DATE_TIME"), json!(1_710_374_400_000_i64), json!("2024-03-14T00:00:00.000Z"));
    refuses(
        &optional("DATE_TIME"),
        json!("03/14/2024"),
        "the text \"03/14/2024\" is not an unambiguous time; write ISO 8601",
    );
    refuses(&optional("DATE_TIME"), json!("tomorrow"), "ISO 8601");
    refuses(&required("DATE_TIME"), json!(""), "is required; give a time in ISO 8601");
}

#[test]
fn a_static_dropdown_gives_only_what_it_offers() {
    let props = one(json!({"type": "STATIC_DROPDOWN", "required": true, "options": options()}));
    gives(&props, json!("a"), json!("a"));
    gives(&props, json!(1.0), json!(1.0));
    gives(&props, json!({"y": [true], "x": 1}), json!({"y": [true], "x": 1}));
    let large = one(json!({"type": "STATIC_DROPDOWN", "options": {"options": [
        {"label": "L", "value": 9_007_199_254_740_992_i64}, {"label": "S", "value": 0.5}
    ]}}));
    gives(&large, parsed("9007199254740992.0"), parsed("9007199254740992.0"));
    gives(&large, parsed("5e-1"), parsed("5e-1"));
    refuses(&large, parsed("9007199254740993"), "9007199254740993 is not an option");
    refuses(&props, json!("b"), r#"the text "b" is not an option; choose one of "a", 1, {"x":1,"y":[true]}"#);
    refuses(&props, json!("1"), "is not an option");
    refuses(&props, json!(null), "is required; give one of");
    refuses(&props, json!(""), "is required");
}

#[test]
fn null_may_be_an_option() {
    let props = one(
        json!({"type": "STATIC_DROPDOWN", "required": true, "options": {"options": [{"label": "None", "value": null}]}}),
    );
    assert_eq!(coerce(&props, json!({"p": null})).unwrap().value, json!({"p": null}));
}

#[test]
fn each_wrong_choice_of_several_has_its_own_place() {
    let props = one(json!({"type": "STATIC_MULTI_SELECT_DROPDOWN", "required": true, "options": options()}));
    gives(&props, json!(["a", 1]), json!(["a", 1]));
    let problems = coerce(&props, json!({"p": ["a", "b", 2]})).unwrap_err();
    assert_eq!(paths(&problems), ["/p/1", "/p/2"]);
    refuses(&props, json!("a"), "expected a list of options");
    refuses(&props, json!([]), "is required; give a list of at least one option");
}

#[test]
fn a_required_dropdown_is_not_satisfied_by_nothing() {
    refuses(&required("DROPDOWN"), json!(null), "is required");
    gives(&required("DROPDOWN"), json!({"any": 1}), json!({"any": 1}));
    gives(&required("MULTI_SELECT_DROPDOWN"), json!([1, "a"]), json!([1, "a"]));
    refuses(&required("MULTI_SELECT_DROPDOWN"), json!([]), "is required");
    refuses(&optional("MULTI_SELECT_DROPDOWN"), json!("a"), "expected a list");
}

#[test]
fn json_may_come_as_text_and_is_an_object_or_a_list() {
    let json_prop = required("JSON");
    gives(&json_prop, json!([1]), json!([1]));
    gives(&json_prop, json!(r#" {"a": 1} "#), json!({"a": 1}));
    for value in [json!("5"), json!("null"), json!("\"x\""), json!("{"), json!(5), json!(true)] {
        refuses(&json_prop, value, "expected an object or a list, or its JSON text");
    }
    for name in
        ["$serde_json::private::Number", "$serde_json::private::RawValue", "\\u0024serde_json::private::RawValue"]
    {
        refuses(&json_prop, json!(format!(r#"[{{"a\"b": 1}}, {{"{name}": "[1]"}}]"#)), "expected an object or a list");
    }
    gives(&json_prop, json!(r#"["$x", "\\", {"$y": "\""}]"#), json!(["$x", "\\", {"$y": "\""}]));
    gives(&required("OBJECT"), json!(r#"{"a": 1}"#), json!({"a": 1}));
    refuses(&required("OBJECT"), json!("[]"), "expected an object");
    refuses(&required("OBJECT"), json!([]), "expected an object");
    gives(&optional("OBJECT"), json!(""), json!(null));
}

#[test]
fn a_list_of_texts_takes_scalars() {
    let props = required("ARRAY");
    gives(&props, json!(["a", 1, true, {"kept": 1}]), json!(["a", "1", "true", {"kept": 1}]));
    refuses(&props, json!("a"), "expected a list, got the text \"a\"");
    refuses(&props, json!([]), "is required; give a list");
    gives(&optional("ARRAY"), json!([]), json!([]));
    assert_eq!(paths(&coerce(&props, json!({"p": ["a", null]})).unwrap_err()), ["/p/1"]);
}

fn rows() -> Properties {
    one(json!({"type": "ARRAY", "required": true, "properties": {
        "n": {"type": "NUMBER", "displayName": "N", "required": true},
        "k": {"type": "SHORT_TEXT", "displayName": "K", "defaultValue": "k"}
    }}))
}

#[test]
fn rows_are_coerced_member_by_member() {
    gives(&rows(), json!([{"n": "1"}, {"n": 2, "k": 3}]), json!([{"n": 1, "k": "k"}, {"n": 2, "k": "3"}]));
    let problems = coerce(&rows(), json!({"p": [{"n": "x"}, {"k": "a"}, "row", {"n": 1, "z": 2}]})).unwrap_err();
    assert_eq!(paths(&problems), ["/p/0/n", "/p/1/n", "/p/2", "/p/3/z"]);
}

#[test]
fn a_text_never_becomes_rows() {
    refuses(&rows(), json!("abc"), "expected a list of objects, got the text \"abc\"");
    refuses(&rows(), json!(""), "is required");
}

#[test]
fn columns_become_rows() {
    let props = one(json!({"type": "ARRAY", "properties": {
        "n": {"type": "SHORT_TEXT", "displayName": "N"}, "k": {"type": "SHORT_TEXT", "displayName": "K"},
        "m": {"type": "NUMBER", "displayName": "M"}
    }}));
    gives(
        &props,
        json!({"n": ["a", "b"], "k": "z", "m": [1]}),
        json!([{"n": "a", "k": "z", "m": 1}, {"n": "b", "k": "z"}]),
    );
    gives(&props, json!({"n": "a"}), json!([{"n": "a"}]));
    gives(&props, json!({}), json!([]));
    gives(&props, json!({"n": []}), json!([]));
    let problems = coerce(&props, json!({"p": {"n": ["a", "b"], "x": [1, 2]}})).unwrap_err();
    assert_eq!(paths(&problems), ["/p/x"]);
    assert_eq!(paths(&coerce(&rows(), json!({"p": {"n": [1, "x"]}})).unwrap_err()), ["/p/1/n"]);
}

#[test]
fn a_small_input_cannot_grow_without_bounds() {
    let long = "x".repeat(10_000);
    let repeated = json!({"p": {"n": vec![1; 1_000], "k": long}});
    assert!(coerce(&rows(), repeated.clone()).unwrap_err().to_string().contains("give fewer rows"));
    let default = one(json!({"type": "ARRAY", "properties": {
        "k": {"type": "SHORT_TEXT", "displayName": "K", "defaultValue": long}
    }}));
    let empty = json!({"p": vec![json!({}); 1_000]});
    let problems = coerce(&default, empty.clone()).unwrap_err();
    assert!(problems.len() == 1 && problems.to_string().contains("give fewer rows"), "{problems}");
}

#[test]
fn every_problem_is_reported_at_once() {
    let props = props(json!({
        "a": {"type": "SHORT_TEXT", "displayName": "A", "required": true},
        "b": {"type": "NUMBER", "displayName": "B", "required": true},
        "c": {"type": "CHECKBOX", "displayName": "C"}
    }));
    let problems = coerce(&props, json!({"b": "x", "c": 7, "d/e~": 1})).unwrap_err();
    assert_eq!(paths(&problems), ["/a", "/b", "/c", "/d~1e~0"]);
    assert_eq!(problems.iter().next().unwrap().message, "\"a\" is required; give a text");
    assert!(problems.to_string().ends_with("/d~1e~0: unknown property; correct or remove it; known are: a, b, c"));
}

#[test]
fn the_reserved_member_auth_is_neither_passed_on_nor_refused() {
    let coerced = coerce(&optional("NUMBER"), json!({"auth": "{{connections['x']}}", "p": 1})).unwrap();
    assert_eq!(coerced.value, json!({"p": 1}));
    // Only a step has a connection, a row has none.
    assert_eq!(paths(&coerce(&rows(), json!({"p": [{"n": 1, "auth": "x"}]})).unwrap_err()), ["/p/0/auth"]);
}

#[test]
fn a_default_stands_in_for_whatever_means_nothing() {
    let props = one(json!({"type": "NUMBER", "defaultValue": "10", "required": true}));
    for input in [json!({}), json!({"p": null}), json!({"p": ""})] {
        assert_eq!(coerce(&props, input.clone()).unwrap().value, json!({"p": 10}));
    }
    gives(&props, json!(0), json!(0));
    let text = one(json!({"type": "SHORT_TEXT", "defaultValue": "d"}));
    gives(&text, json!(""), json!(""));
    gives(&text, json!(null), json!("d"));
}

#[test]
fn markdown_is_for_readers_only() {
    let props = props(json!({"note": {"type": "MARKDOWN", "description": "x", "required": true}}));
    assert_eq!(coerce(&props, json!({"note": "given"})).unwrap().value, json!({}));
}

#[test]
fn color_and_custom_pass() {
    gives(&required("COLOR"), json!("#0af"), json!("#0af"));
    refuses(&required("COLOR"), json!(5), "expected a color");
    gives(&required("CUSTOM"), json!(""), json!(""));
    refuses(&required("CUSTOM"), json!(null), "is required");
}

#[test]
fn a_dynamic_object_is_checked_when_its_properties_are_known() {
    let props = optional("DYNAMIC");
    gives(&props, json!({"a": "1"}), json!({"a": "1"}));
    refuses(&props, json!("x"), "expected an object");
    let known = IndexMap::from([("p".to_owned(), one(json!({"type": "NUMBER", "required": true})))]);
    let coerced = coerce_with(&props, &known, json!({"p": {"p": "1"}})).unwrap();
    assert_eq!(coerced.value, json!({"p": {"p": 1}}));
    assert_eq!(paths(&coerce_with(&props, &known, json!({"p": {"q": 1}})).unwrap_err()), ["/p/p", "/p/q"]);
}

#[test]
fn a_file_comes_as_base64_or_as_a_data_uri() {
    let props = required("FILE");
    let hello = json!({"filename": "a.txt", "extension": "txt", "base64": "aGVsbG8="});
    gives(&props, json!({"filename": "a.txt", "base64": "aGVsbG8="}), hello.clone());
    gives(&props, json!({"filename": "a.txt", "data": "aGVsbG8="}), hello.clone());
    gives(&props, hello.clone(), hello.clone());
    gives(&props, json!("data:text/plain;name=a.txt;base64,aGVsbG8="), hello.clone());
    gives(&props, json!("DATA:text/plain;filename=a.txt,hel%6Co"), hello);
    gives(
        &props,
        json!("data:image/jpeg;base64,AAAA"),
        json!({"filename": "unknown.jpg", "extension": "jpg", "base64": "AAAA"}),
    );
    gives(&props, json!("data:,a"), json!({"filename": "unknown.txt", "extension": "txt", "base64": "YQ=="}));
    gives(
        &props,
        json!({"base64": "", "extension": "csv"}),
        json!({"filename": "unknown.csv", "extension": "csv", "base64": ""}),
    );
}

#[test]
fn a_broken_file_is_a_problem_not_an_empty_file() {
    let props = optional("FILE");
    for value in [
        json!({"base64": "aGVsbG8"}),
        json!({"base64": "aGVs\nbG8="}),
        json!({"base64": "!!!!"}),
        json!({"base64": "aGVsbG9="}),
        json!("data:text/plain;base64,aGVsbG8"),
        json!("data:text/plain;base64,%FF"),
    ] {
        refuses(&props, value, "not base64");
    }
    refuses(&props, json!("aGVsbG8="), "neither a data: URI nor an http(s) URL");
    refuses(&props, json!("file:///etc/passwd"), "neither a data: URI");
    refuses(&props, json!("data:text/plain"), "no comma");
    refuses(&props, json!("http://"), "the URL of the file is malformed");
    refuses(&props, json!({"filename": "a"}), "has no content");
    refuses(&props, json!({"base64": "AAAA", "fliename": "a"}), "unknown member \"fliename\"");
    refuses(&props, json!({"base64": "AAAA", "data": "BBBB"}), "different contents");
    refuses(&props, json!({"base64": 5}), "must be a text");
    refuses(&props, json!(5), "expected {\"filename\", \"base64\"}");
}

#[test]
fn a_file_name_has_no_directories() {
    let coerced =
        coerce(&required("FILE"), json!({"p": {"filename": "..\\..//etc/pass\u{0}wd", "base64": "AAAA"}})).unwrap();
    assert_eq!(coerced.value["p"]["filename"], "passwd");
    let coerced = coerce(&required("FILE"), json!({"p": {"filename": "..", "base64": "AAAA"}})).unwrap();
    assert_eq!(coerced.value["p"]["filename"], "unknown.bin");
}

#[test]
fn a_file_behind_a_url_waits_for_the_host() {
    let props = props(
        json!({"rows": {"type": "ARRAY", "displayName": "R", "properties": {"a/b": {"type": "FILE", "displayName": "F"}}}}),
    );
    let input = json!({"rows": [{"a/b": "https://example.com/x.pdf"}, {"a/b": "HTTP://example.com"}]});
    let mut coerced: Coerced = coerce(&props, input.clone()).unwrap();
    let pending: Vec<_> = coerced.files.iter().map(|file| (file.pointer.as_str(), file.url.as_str())).collect();
    assert_eq!(pending, [("/rows/0/a~1b", "https://example.com/x.pdf"), ("/rows/1/a~1b", "http://example.com/")]);
    let content = FileContent::from_response("https://example.com/x.pdf", None, None, b"hello".to_vec());
    coerced.fill("/rows/0/a~1b", &content).unwrap();
    assert_eq!(coerced.value["rows"][0]["a/b"], json!({"filename": "x.pdf", "extension": "pdf", "base64": "aGVsbG8="}));
    assert_eq!(coerced.files.len(), 1);
    assert!(coerced.fill("/rows/0/a~1b", &content).is_err());
    assert!(coerced.fill("/rows", &content).is_err());
}

#[test]
fn input_that_is_not_an_object_is_a_problem() {
    for input in [json!(null), json!([]), json!("x"), json!(5)] {
        let problems = coerce(&optional("NUMBER"), input.clone()).unwrap_err();
        assert_eq!(paths(&problems), [""]);
    }
}

#[test]
fn nesting_is_bounded_also_inside_json_text() {
    let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    let nested: Value = serde_json::from_str(&deep(100)).unwrap();
    assert!(coerce(&optional("JSON"), json!({ "p": nested })).unwrap_err().to_string().contains("nests deeper"));
    refuses(&optional("JSON"), json!(deep(100)), "nests deeper than 64");
    refuses(&optional("JSON"), json!(deep(100_000)), "expected an object or a list");
    let fits: Value = serde_json::from_str(&deep(63)).unwrap();
    gives(&optional("JSON"), json!(deep(63)), fits);
}

#[test]
fn long_values_are_cut_in_messages() {
    let problems = coerce(&optional("NUMBER"), json!({"p": "é".repeat(100_000)})).unwrap_err();
    assert!(problems.to_string().len() < 400);
}
