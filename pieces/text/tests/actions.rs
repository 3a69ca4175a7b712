//! Every action by its name and its JSON, as the host calls it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use leno_sdk::{ErrorKind, Result};
use piece_text::PIECE;
use serde_json::{Value, json};

fn run(action: &str, props: Value) -> Result<Value> {
    PIECE.run_action(action, &props.to_string()).map(|text| serde_json::from_str(&text).unwrap())
}

fn ok(action: &str, props: Value) -> Value {
    run(action, props).unwrap()
}

#[test]
fn the_metadata_is_accepted_by_the_host() {
    let metadata = leno_metadata::Metadata::parse(&PIECE.describe()).unwrap();
    assert_eq!(metadata.actions.len(), 19);
    assert_eq!(metadata.actions["fill_template"].display_name, "Fill template");
    assert!(metadata.egress_hosts.is_empty());
}

#[test]
fn echo_answers_any_value_byte_for_byte() {
    for value in ["null", "1.50", "\"a\\u0041\"", "[1,  2]", "{\"b\": 1, \"a\": 1e400}", "18446744073709551616"] {
        let props = format!("{{\"value\": {value}}}");
        assert_eq!(PIECE.run_action("echo", &props).unwrap(), value);
    }
}

#[test]
fn text_is_joined_and_split() {
    assert_eq!(ok("concat", json!({"texts": ["a", "b", "c"], "separator": ", "})), "a, b, c");
    assert_eq!(ok("split", json!({"text": " a, b ,,c"})), json!(["a", "b", "", "c"]));
    assert_eq!(ok("split", json!({"text": "a;b;;c", "separator": ";", "skip_empty": true})), json!(["a", "b", "c"]));
    assert_eq!(ok("split", json!({"text": "a,b,c", "most": 2})), json!(["a", "b,c"]));
    assert_eq!(ok("split", json!({"text": "äbc", "separator": ""})), json!(["ä", "b", "c"]));
    assert_eq!(ok("split", json!({"text": "äbc", "separator": "", "most": 2})), json!(["ä", "bc"]));
}

#[test]
fn text_is_replaced_trimmed_and_cut_by_characters() {
    assert_eq!(ok("replace", json!({"text": "aXbX", "search": "X", "replacement": "-"})), "a-b-");
    assert_eq!(ok("replace", json!({"text": "aXbX", "search": "X", "first_only": true})), "abX");
    assert_eq!(run("replace", json!({"text": "a", "search": ""})).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(ok("trim", json!({"text": "  a \n"})), "a");
    assert_eq!(ok("trim", json!({"text": "--a--", "side": "start", "characters": "-"})), "a--");
    assert_eq!(ok("slice", json!({"text": "größer", "start": 2, "length": 2})), "öß");
    assert_eq!(ok("slice", json!({"text": "größer", "start": -2})), "er");
    assert_eq!(ok("slice", json!({"text": "abc", "start": -9, "length": 1})), "a");
    assert_eq!(ok("slice", json!({"text": "abc", "start": 9})), "");
    let length = ok("length", json!({"text": "grün und\nblau"}));
    assert_eq!(length, json!({"characters": 13, "bytes": 14, "words": 3, "lines": 2}));
}

#[test]
fn letters_change_their_case() {
    let case = |case: &str| ok("change_case", json!({"text": "o'NEILL says. hello-world", "case": case}));
    assert_eq!(case("lower"), "o'neill says. hello-world");
    assert_eq!(case("upper"), "O'NEILL SAYS. HELLO-WORLD");
    assert_eq!(case("title"), "O'neill Says. Hello-World");
    assert_eq!(case("sentence"), "O'neill says. Hello-world");
}

#[test]
fn the_case_of_letters_changes_by_the_rules_of_unicode() {
    for (case, text, expected) in [
        ("title", "it’s o'neill's", "It’s O'neill's"),
        ("title", "ΟΔΟΣ ΣΟΦΟΣ", "Οδος Σοφος"),
        ("title", "ΟΔΌΣ", "Οδός"),
        ("lower", "ΟΔΟΣ ΣΑΣ. Σ", "οδος σας. σ"),
        ("title", "e\u{301}cole cafe\u{301}s", "E\u{301}cole Cafe\u{301}s"),
        ("title", "ǆep ĳsje ﬁre ßa", "ǅep Ĳsje Fire Ssa"),
        ("title", "ŉa ᾄδω եւ ﬀ", "ʼNa ᾌδω Եւ Ff"),
        ("title", "3rd item_two x.y don't «quoted»", "3rd Item_two X.y Don't «Quoted»"),
        ("title", "NEW YORK-based", "New York-Based"),
        (
            "sentence",
            "see EXAMPLE.com now. it works! does it? «yes.» 3.14 is pi",
            "See example.com now. It works! Does it? «Yes.» 3.14 is pi",
        ),
        ("sentence", "ΕΔΩ Ο ΔΡΟΜΟΣ. ΤΕΛΟΣ", "Εδω ο δρομος. Τελος"),
        ("sentence", "écoute. e\u{301}coute", "Écoute. E\u{301}coute"),
        ("sentence", "¿cómo estás? bien", "¿Cómo estás? Bien"),
        ("upper", "straße ﬁ", "STRASSE FI"),
        ("title", "", ""),
    ] {
        assert_eq!(ok("change_case", json!({"text": text, "case": case})), expected, "{case} {text}");
    }
}

#[test]
fn templates_are_filled_and_what_is_missing_is_named() {
    let values = json!({"name": "Ada", "order": {"items": [{"n": 2}]}});
    let fill = |template: &str| run("fill_template", json!({"template": template, "values": values}));
    assert_eq!(
        fill("Hi [[ name ]]: [[order.items.0.n]] [[order.items]] [[open").unwrap(),
        "Hi Ada: 2 [{\"n\":2}] [[open"
    );
    let error = fill("[[order.total]]").unwrap_err();
    assert_eq!(error.message(), "values: `order.total` is missing, which the template uses");
    for missing in ["?", ""] {
        let filled = ok("fill_template", json!({"template": "[[x]]!", "values": {}, "missing": missing}));
        assert_eq!(filled, format!("{missing}!"));
    }
    let props = r#"{"template": "[[a]] [[b]] [[c.0]]", "values": {"a": 123456789012345678901234567890, "b": 1.50, "c": [0.1234567890123456789]}}"#;
    let filled = PIECE.run_action("fill_template", props).unwrap();
    assert_eq!(filled, "\"123456789012345678901234567890 1.50 0.1234567890123456789\"");
}

#[test]
fn encodings_survive_the_round_trip_and_garbage_is_refused() {
    let text = "Grüße / 100 % & mehr?";
    for alphabet in ["standard", "url"] {
        let encoded = ok("encode_base64", json!({"text": text, "alphabet": alphabet}));
        assert_eq!(ok("decode_base64", json!({"text": encoded})), text);
    }
    let encoded = ok("encode_url", json!({"text": text}));
    assert_eq!(encoded, "Gr%C3%BC%C3%9Fe%20%2F%20100%20%25%20%26%20mehr%3F");
    assert_eq!(ok("decode_url", json!({"text": encoded})), text);
    for (action, garbage) in [
        ("decode_base64", "?"),
        ("decode_base64", "/w=="),
        ("decode_url", "%4"),
        ("decode_url", "%FF"),
        ("decode_url", "%+1"),
    ] {
        assert_eq!(run(action, json!({"text": garbage})).unwrap_err().kind(), ErrorKind::InvalidInput, "{garbage}");
    }
}

#[test]
fn the_hash_is_that_of_the_standard() {
    let hash = ok("hash", json!({"text": "abc"}));
    assert_eq!(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#[test]
fn titles_become_slugs() {
    assert_eq!(
        ok("slugify", json!({"text": "  Crème brûlée: it's 100 % Über-gut! "})),
        "creme-brulee-its-100-ueber-gut"
    );
    assert_eq!(ok("slugify", json!({"text": "Москва 24", "separator": "_"})), "москва_24");
    assert_eq!(ok("slugify", json!({"text": "!!!"})), "");
    for (text, slug) in [
        ("é ễ ạ ů ș ĳ", "e-e-a-u-s-ij"),
        ("e\u{301} e\u{302}\u{303} u\u{308}", "e-e-ue"),
        ("Tiếng Việt", "tieng-viet"),
        ("हिन्दी में लिखें", "हिन्दी-में-लिखें"),
        ("Łódź Ørsted Þór Æsir groß ﬁne", "lodz-orsted-thor-aesir-gross-fine"),
        ("Ёлка й", "ёлка-й"),
        ("Άνθρωπος", "άνθρωπος"),
        ("می\u{200c}خواهم", "میخواهم"),
        ("m² 1½ don’t", "m²-1½-dont"),
        ("日本語 テスト", "日本語-テスト"),
        ("\u{301}a", "a"),
    ] {
        assert_eq!(ok("slugify", json!({"text": text})), slug, "{text}");
    }
    assert_eq!(ok("slugify", json!({"text": "a b", "separator": ""})), "ab");
}

#[test]
fn email_addresses_are_found_and_what_only_looks_like_one_is_not() {
    let text =
        "Ask <ada@example.com>, (bob.b+x@mail.example.org). Not: @home, a@b, x@-bad.com, y@1.2, ADA@example.com.";
    assert_eq!(ok("extract_emails", json!({"text": text})), json!(["ada@example.com", "bob.b+x@mail.example.org"]));
    let text = "miles.o'brien@example.com, 'quoted@example.com' mailto:a@b.example, x@xn--bcher-kva.xn--p1ai; \
                user@例え.テスト, उपयोगकर्ता@उदाहरण.भारत, ÜBER@example.com über@example.com";
    let found = [
        "miles.o'brien@example.com",
        "quoted@example.com",
        "a@b.example",
        "x@xn--bcher-kva.xn--p1ai",
        "user@例え.テスト",
        "उपयोगकर्ता@उदाहरण.भारत",
        "ÜBER@example.com",
    ];
    assert_eq!(ok("extract_emails", json!({"text": text})), json!(found));
    let all = ok("extract_emails", json!({"text": "a@x.io a@x.io", "unique": false}));
    assert_eq!(all, json!(["a@x.io", "a@x.io"]));
}

#[test]
fn json_is_parsed_written_and_defaulted() {
    assert_eq!(ok("parse_json", json!({"text": " {\"a\": [1]} "})), json!({"a": [1]}));
    let error = run("parse_json", json!({"text": "{a}"})).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::InvalidInput, "not-json"));
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    for text in ["\"\\ud800\"", "{\"\\udc00\": 1}", "[\"\\ud83d\\ud83d\"]", &deep, "", "\u{feff}"] {
        let error = run("parse_json", json!({"text": text})).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::InvalidInput, "not-json"), "{text}");
    }
    for text in ["123456789012345678901234567890", "[1.50, 1e400, -0]", "\"\\ud83d\\ude00\""] {
        for mark in ["", "\u{feff}"] {
            let props = json!({"text": format!("{mark} {text}\n")}).to_string();
            assert_eq!(PIECE.run_action("parse_json", &props).unwrap(), text);
        }
    }
    let props = "{\"value\": [1.50, 123456789012345678901234567890]}";
    assert_eq!(PIECE.run_action("to_json", props).unwrap(), "\"[1.50,123456789012345678901234567890]\"");
    assert_eq!(ok("to_json", json!({"value": {"b": 1, "a": [2]}})), "{\"b\":1,\"a\":[2]}");
    assert_eq!(ok("to_json", json!({"value": {"a": 1}, "pretty": true})), "{\n  \"a\": 1\n}");
    assert_eq!(ok("default_value", json!({"value": null, "default": 5})), 5);
    assert_eq!(ok("default_value", json!({"value": "", "default": 5})), 5);
    assert_eq!(ok("default_value", json!({"value": 0, "default": 5})), 0);
}
