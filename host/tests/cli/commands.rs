//! The commands that only look, write files or mint.

use std::fs;

use serde_json::json;

use crate::support::Place;

#[test]
fn help_names_every_command_and_a_wrong_word_is_a_usage_error() {
    let place = Place::new();
    let help = place.run(&["--help"]).ok().stdout;
    for command in [
        "serve",
        "new",
        "inspect",
        "run",
        "grants",
        "lock",
        "prune",
        "token",
        "keys",
        "import",
        "audit",
        "backup",
        "restore",
        "completions",
    ] {
        assert!(help.lines().any(|line| line.trim_start().starts_with(command)), "{command}: {help}");
        assert!(place.run(&[command, "--help"]).ok().stdout.contains("Usage: leno"));
    }
    assert!(!help.contains("compile"), "{help}");
    place.run(&[]).refused(2, &["Usage: leno"]);
    place.run(&["sreve"]).refused(2, &["'sreve'", "'serve'"]);
    assert_eq!(place.run(&["--version"]).ok().stdout, format!("leno {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn completions_are_there_for_every_shell() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.run(&["completions", shell]).ok().stdout;
        assert!(script.contains("pieces-dir"), "{shell}");
    }
}

#[test]
fn a_component_is_explained_to_people_and_to_programs() {
    let Some(place) = Place::with(&["http"]) else { return };
    let page = place.run(&["inspect", "pieces/http.wasm"]).ok().stdout;
    for words in
        ["Connection", "Hosts", "Permissions", "Actions", "send_request", "sends HTTP requests", "required", "sha256"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains('\u{1b}'), "no colors into a pipe: {page}");
    let document = place.run(&["inspect", "pieces/http.wasm", "--json"]).ok().json();
    assert_eq!(document["name"], "http");
    assert_eq!(document["wantsSecrets"], false);
    assert!(document["metadata"]["actions"]["send_request"].is_object());
    let http = json!("leno:piece/http");
    assert!(document["permissions"].as_array().unwrap().iter().any(|import| import["interface"] == http));
}

#[test]
fn what_is_no_component_is_named_for_what_it_is() {
    let place = Place::new();
    for (file, content, words) in [
        ("text.wasm", &b"(component)"[..], "WebAssembly text"),
        ("core.wasm", b"\0asm\x01\0\0\0", "core module"),
        ("native.wasm", b"\x7fELF\x02\x01", "native code"),
        ("empty.wasm", b"", "empty"),
    ] {
        place.write(file, content);
        place.run(&["inspect", file]).refused(2, &["error:", file, words]);
        place.run(&["run", file, "x"]).refused(2, &["error:", file, words]);
    }
    place.run(&["inspect", "nowhere.wasm"]).refused(2, &["nowhere.wasm cannot be read"]);
}

#[test]
fn a_development_token_is_not_to_be_had_in_production() {
    let place = Place::new();
    let tenant = "0e4a1d9c-32c9-4c8e-8b1a-5d2f9a7e6c3b";
    let minted =
        place.run(&["token", "--tenant", tenant, "--admin", "--permission", "X", "--ttl", "60", "--json"]).ok().json();
    assert_eq!(
        (&minted["tenantId"], &minted["permissions"]),
        (
            &json!(tenant),
            &json!([
                "INTEGRATION_VIEW",
                "INTEGRATION_ADD",
                "INTEGRATION_EDIT",
                "INTEGRATION_DELETE",
                "X",
                "LENO_ADMIN"
            ])
        )
    );
    assert_eq!(minted["token"].as_str().unwrap().split('.').count(), 3);
    assert_eq!(place.run(&["token"]).ok().stdout.lines().count(), 1);

    place.run(&["token", "--production"]).refused(2, &["JWT_SECRET is not set"]);
    place.run(&["token", "--ttl", "0"]).refused(2, &["--ttl"]);
    place.run(&["token", "--tenant", "acme"]).refused(2, &["--tenant"]);
    let explicit = place
        .leno(&["token", "--production"])
        .env("JWT_SECRET", "0123456789abcdef0123456789abcdef")
        .env("AP_ENCRYPTION_KEY", "0123456789abcdef0123456789abcdef")
        .output()
        .unwrap();
    assert!(explicit.status.success());
}

#[test]
fn the_lock_says_what_changed_and_fails_a_check_until_it_is_written() {
    let Some(place) = Place::with(&["text", "store"]) else { return };
    // With a data directory, components are compiled once.
    place.run(&["token"]).ok();
    assert_eq!(place.run(&["lock", "--check"]).code, Some(1));
    let written = place.run(&["lock", "--json"]).ok().json();
    assert_eq!((&written["pieces"], &written["written"]), (&json!(2), &json!(true)));
    place.run(&["lock", "--check"]).ok();

    fs::remove_file(place.path().join("pieces/store.wasm")).unwrap();
    let differs = place.run(&["lock", "--check"]);
    assert_eq!(differs.code, Some(1));
    assert!(differs.stdout.starts_with("- store"), "{differs:?}");

    // Nothing is locked while one component is broken: a lock with a hole would be found out in production.
    let before = fs::read(place.path().join("pieces.lock")).unwrap();
    place.write("pieces/broken.wasm", b"\0asm junk");
    place.run(&["lock"]).refused(2, &["nothing was locked", "broken.wasm"]);
    assert_eq!(fs::read(place.path().join("pieces.lock")).unwrap(), before);
}

#[test]
fn grants_show_what_is_asked_what_is_given_and_what_is_misspelt() {
    let Some(place) = Place::with(&["http", "text"]) else { return };
    place.run(&["token"]).ok();
    place.write("leno.toml", "[grants.http]\nhosts = ['api.example.com']\nprivate = ['10.1.2.3:80']\n[grants.htp]\n");
    let page = place.run(&["grants"]).ok().stdout;
    for words in [
        "requests *; narrowed to api.example.com",
        "10.1.2.3:80",
        "[grants.htp] names a piece that is not in the pieces directory",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let document = place.run(&["grants", "--json"]).ok().json();
    assert_eq!(document["grantedButAbsent"], json!(["htp"]));
    assert_eq!(document["pieces"][0]["gets"]["private"], json!(["10.1.2.3:80"]));
    assert_eq!(place.run(&["grants", "text", "--json"]).ok().json()["pieces"].as_array().unwrap().len(), 1);
    place.run(&["grants", "nope"]).refused(2, &["there is no piece `nope`", "http, text"]);
    place.run(&["grants", "--pieces-dir", "nowhere"]).refused(2, &["nowhere cannot be read"]);
}
