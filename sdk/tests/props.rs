//! The host's input is read into the author's types, and all problems are reported at once.

use leno_sdk::prelude::*;
use leno_sdk::props::{Props, read};

#[derive(Choice, Clone, Copy, Debug, PartialEq)]
#[choice(rename_all = "SCREAMING_SNAKE_CASE")]
enum Mode {
    FastLane,
    #[choice(value = 2)]
    Slow,
}

#[derive(Debug, PartialEq, Props)]
struct Row {
    name: String,
    #[prop(default = 1)]
    count: u8,
}

#[derive(Debug, PartialEq, serde::Deserialize)]
struct Point {
    x: i32,
}

#[derive(Debug, PartialEq, Props)]
struct Step {
    text: Option<String>,
    #[prop(min = 0, max = 10)]
    number: Option<f64>,
    #[prop(default)]
    flags: Vec<Mode>,
    rows: Option<Vec<Row>>,
    when: Option<DateTime>,
    file: Option<File>,
    point: Option<Json<Point>>,
    #[prop(default = Mode::FastLane)]
    mode: Mode,
    #[prop(default = "none")]
    note: LongText,
}

fn step(props: &Value) -> Result<Step> {
    read(&props.to_string())
}

#[test]
fn absent_and_null_values_take_their_defaults() {
    let expected = Step {
        text: None,
        number: None,
        flags: Vec::new(),
        rows: None,
        when: None,
        file: None,
        point: None,
        mode: Mode::FastLane,
        note: "none".into(),
    };
    assert_eq!(step(&json!({})).unwrap(), expected);
    assert_eq!(
        step(&json!({"text": null, "flags": null, "mode": null, "note": null, "unknown": 1})).unwrap(),
        expected
    );
}

#[test]
fn values_are_read_into_the_types_of_the_fields() {
    let read = step(&json!({
        "text": "t",
        "number": 2.5,
        "flags": ["FAST_LANE", 2],
        "rows": [{"name": "a"}, {"name": "b", "count": 2}],
        "when": "2024-03-14T00:00:00.000Z",
        "file": {"filename": "a.TXT", "extension": "txt", "base64": "aGk="},
        "point": {"x": -1},
        "mode": 2,
    }))
    .unwrap();
    assert_eq!(read.flags, [Mode::FastLane, Mode::Slow]);
    assert_eq!(read.rows.unwrap()[1], Row { name: "b".into(), count: 2 });
    assert_eq!(read.when.unwrap().millis(), 1_710_374_400_000);
    let file = read.file.unwrap();
    assert_eq!((file.data.as_slice(), file.extension().as_deref()), (b"hi".as_slice(), Some("txt")));
    assert_eq!(
        serde_json::to_value(&file).unwrap(),
        json!({"filename": "a.TXT", "extension": "txt", "base64": "aGk="})
    );
    assert_eq!(read.point.unwrap().x, -1);
    assert_eq!(read.mode, Mode::Slow);
}

#[test]
fn every_problem_is_reported_with_its_path() {
    let error = step(&json!({
        "text": 5,
        "number": 10.5,
        "flags": ["FAST_LANE", "LOST"],
        "rows": [{"name": "a"}, {"count": 300}, 7],
        "when": "soon",
        "file": {"filename": "a", "base64": "?"},
        "point": {"x": "1"},
        "mode": "slow",
    }))
    .unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::InvalidInput, "invalid-props"));
    let details = error.details().unwrap();
    let paths: Vec<&str> =
        details["problems"].as_array().unwrap().iter().map(|problem| problem["path"].as_str().unwrap()).collect();
    assert_eq!(
        paths,
        ["text", "number", "flags[1]", "rows[1].name", "rows[1].count", "rows[2]", "when", "file", "point", "mode"]
    );
    for part in [
        "text: invalid type: integer `5`, expected a string",
        "number: 10.5 is above the maximum of 10",
        "flags[1]: expected one of \"FAST_LANE\", 2; got \"LOST\"",
        "rows[1].name: is required",
        "rows[1].count: expected a whole number from 0 to 255",
        "rows[2]: expected an object",
        "when: `soon` is not a date and time",
        "point: x: invalid type: string \"1\", expected i32",
    ] {
        assert!(error.message().contains(part), "{part} is not in {error}");
    }
}

#[test]
fn a_number_out_of_its_bounds_is_refused_even_if_all_else_is_well() {
    assert_eq!(step(&json!({"number": -0.5})).unwrap_err().message(), "number: -0.5 is below the minimum of 0");
    assert_eq!(step(&json!({"number": 10})).unwrap().number, Some(10.0));
}

#[test]
fn whole_numbers_may_be_written_with_a_fraction_of_nothing() {
    #[derive(Props)]
    struct Whole {
        n: i64,
    }
    for (text, expected) in [
        ("3", Some(3)),
        ("3.0", Some(3)),
        ("-3e2", Some(-300)),
        ("300e-2", Some(3)),
        ("-0.0e9999", Some(0)),
        ("9007199254740993.0", Some(9_007_199_254_740_993)),
        ("9.007199254740993E+15", Some(9_007_199_254_740_993)),
        ("9223372036854775807", Some(i64::MAX)),
    ] {
        assert_eq!(read::<Whole>(&format!("{{\"n\": {text}}}")).ok().map(|whole| whole.n), expected, "{text}");
    }
    for text in [
        "3.5",
        "\"3\"",
        "true",
        "1e300",
        "9223372036854775808",
        "9007199254740992.5",
        "3e-1",
        "1e99999999999999999999",
        "[]",
    ] {
        assert!(read::<Whole>(&format!("{{\"n\": {text}}}")).is_err(), "{text}");
    }
}

#[test]
fn a_number_keeps_its_digits_or_is_refused() {
    #[derive(Debug, Props)]
    struct Numbers {
        any: Option<leno_sdk::props::Number>,
        #[expect(dead_code, reason = "only what is refused is looked at")]
        double: Option<f64>,
        mode: Option<Mode>,
    }
    for digits in ["123456789012345678901234567890", "0.1234567890123456789", "-0", "1.50", "1e+400"] {
        let read = read::<Numbers>(&format!("{{\"any\": {digits}}}")).unwrap();
        assert_eq!(read.any.unwrap().as_str(), digits);
    }
    assert_eq!(read::<Numbers>("{\"double\": 1e400}").unwrap_err().message(), "double: number out of range");
    assert_eq!(read::<Numbers>("{\"mode\": 2.0}").unwrap().mode, Some(Mode::Slow));
    assert!(read::<Numbers>("{\"mode\": 2.0000000000000000001}").is_err());
}

#[test]
fn what_is_no_object_is_refused() {
    assert_eq!(read::<Step>("[1]").unwrap_err().message(), "expected an object");
    assert!(read::<Step>("{\"a\":").unwrap_err().message().starts_with("it is not JSON"));
    assert!(read::<Step>("{} {}").is_err());
}

#[test]
fn no_properties_take_anything() {
    assert!(read::<NoProps>("{\"a\": 1}").is_ok());
    assert_eq!(NoProps::properties().to_json(), json!({}));
}
