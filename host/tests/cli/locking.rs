//! `leno lock` and `leno prune`: what is pinned, approved, signed and kept.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::Command,
    time::{Duration, SystemTime},
};

use leno_testkit::craft::versioned::versioned;
use serde_json::json;

use crate::support::{Done, Host, Place};

/// The settings that production insists on.
const PRODUCTION: [(&str, &str); 3] = [
    ("LENO_PRODUCTION", "true"),
    ("JWT_SECRET", "0123456789abcdef0123456789abcdef"),
    ("INTEGRATION_ENCRYPTION_KEY", "0123456789abcdef0123456789abcdef"),
];

fn twin(version: &str, url: &str) -> Vec<u8> {
    versioned("twin", version, "marker-1").gated(url).component()
}

/// Runs OpenSSL; `None`, with a word, where there is none.
#[allow(clippy::print_stderr)]
fn openssl(place: &Place, args: &[&str]) -> Option<Vec<u8>> {
    let Ok(output) = Command::new("openssl").args(args).current_dir(place.path()).output() else {
        eprintln!("skipped: there is no openssl");
        return None;
    };
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

fn with(place: &Place, args: &[&str], environment: &[(&str, &str)]) -> Done {
    Done::from(place.leno(args).envs(environment.iter().copied()).output().unwrap())
}

/// The status of the first file on a host in production.
async fn status(place: &Place, host: &Host) -> String {
    let token = with(place, &["token", "--admin"], &PRODUCTION).ok().stdout;
    let mut files = host.client(&token).files().await.unwrap();
    files.remove(0).status
}

#[test]
fn what_asks_for_more_than_before_is_shown_and_not_locked_until_it_is_approved() {
    let place = Place::new();
    place.write("pieces/twin.wasm", twin("1.0.0", "https://api.example.com/x"));
    let first = place.run(&["lock"]).ok();
    assert!(
        first.stdout.contains("+ twin 1.0.0") && first.stdout.contains("asks for host api.example.com"),
        "{first:?}"
    );
    let written = fs::read_to_string(place.path().join("pieces.lock")).unwrap();
    assert!(written.contains("hosts = [\"api.example.com\"]"), "{written}");
    let mode = fs::metadata(place.path().join("pieces.lock")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o644, "the user of the service can read it");

    // A new version with the same hosts needs no word.
    place.write("pieces/twin.wasm", twin("1.0.1", "https://api.example.com/y"));
    let same = place.run(&["lock"]).ok();
    assert!(!same.stdout.contains("asks for"), "{same:?}");

    place.write("pieces/twin.wasm", twin("1.0.2", "https://evil.example.com/x"));
    let refused = place.run(&["lock"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stdout.contains("asks for host evil.example.com"), "{refused:?}");
    assert!(
        refused.stderr.contains("nothing was written") && refused.stderr.contains("leno lock --approve"),
        "{refused:?}"
    );
    assert!(!fs::read_to_string(place.path().join("pieces.lock")).unwrap().contains("1.0.2"));
    let document = place.run(&["lock", "--json"]);
    assert_eq!((document.code, &document.json()["written"]), (Some(1), &json!(false)));
    assert_eq!(document.json()["needsApproval"][0]["asks"], json!(["host evil.example.com"]));

    place.run(&["lock", "--approve"]).ok();
    place.run(&["lock", "--check"]).ok();
}

#[tokio::test]
async fn in_production_the_lock_is_looked_for_outside_of_the_pieces_directory() {
    let place = Place::new();
    place.write("pieces/twin.wasm", twin("1.0.0", "https://api.example.com/x"));
    place.run(&["lock"]).ok();
    let lock = place.path().join("pieces.lock");
    let start = async || {
        let host = place.serve(&PRODUCTION).await;
        status(&place, &host).await
    };
    assert_eq!(start().await, "active");

    fs::copy(&lock, place.path().join("pieces/pieces.lock")).unwrap();
    let inside = [("LENO_PIECES_LOCK", "pieces/pieces.lock")];
    with(&place, &["serve", "--listen", "127.0.0.1:0"], &[&PRODUCTION[..], &inside].concat())
        .refused(2, &["pieces/pieces.lock is in the pieces directory", "LENO_PIECES_LOCK", "leno lock --sign"]);
    fs::set_permissions(&lock, fs::Permissions::from_mode(0o664)).unwrap();
    with(&place, &["serve", "--listen", "127.0.0.1:0"], &PRODUCTION)
        .refused(2, &["can be written to by other users (mode 0664)"]);
    // Where it used to be counts outside of production, and only there.
    fs::remove_file(&lock).unwrap();
    assert_eq!(start().await, "failed");
    place.run(&["lock", "--check"]).ok();
}

#[tokio::test]
async fn a_signed_lock_counts_wherever_it_is_and_openssl_agrees() {
    let place = Place::new();
    if openssl(&place, &["genpkey", "-algorithm", "ed25519", "-out", "key.pem"]).is_none() {
        return;
    }
    openssl(&place, &["genpkey", "-algorithm", "ed25519", "-out", "other.pem"]);
    openssl(&place, &["pkey", "-in", "key.pem", "-pubout", "-out", "public.pem"]);
    let public = fs::read_to_string(place.path().join("public.pem")).unwrap();
    place.write("pieces/twin.wasm", twin("1.0.0", "https://api.example.com/x"));
    let signed = place.run(&["lock", "--sign", "key.pem", "--pieces-lock", "pieces/pieces.lock"]).ok();
    let key = public.lines().nth(1).unwrap();
    assert!(signed.stderr.contains(&format!("LENO_LOCK_KEY={key}")), "{signed:?}");

    // OpenSSL verifies what is before the last line.
    let lock = place.path().join("pieces/pieces.lock");
    let content = fs::read_to_string(&lock).unwrap();
    let (body, signature) = content.split_once("# signature: ").unwrap();
    place.write("body", body);
    place.write("signature.b64", signature);
    openssl(&place, &["base64", "-d", "-A", "-in", "signature.b64", "-out", "signature"]);
    let verify =
        ["pkeyutl", "-verify", "-pubin", "-inkey", "public.pem", "-rawin", "-in", "body", "-sigfile", "signature"];
    openssl(&place, &verify);

    let settings = [&PRODUCTION[..], &[("LENO_PIECES_LOCK", "pieces/pieces.lock"), ("LENO_LOCK_KEY", key)]].concat();
    let start = || with(&place, &["serve", "--listen", "127.0.0.1:0"], &settings);
    let host = place.serve(&settings).await;
    assert_eq!(status(&place, &host).await, "active");
    drop(host);

    // And this host verifies what OpenSSL signs.
    openssl(&place, &["pkeyutl", "-sign", "-inkey", "key.pem", "-rawin", "-in", "body", "-out", "signature"]);
    let by_openssl = openssl(&place, &["base64", "-A", "-in", "signature"]).unwrap();
    let by_openssl = String::from_utf8(by_openssl).unwrap();
    fs::write(&lock, format!("{body}# signature: {}\n", by_openssl.trim_end())).unwrap();
    drop(place.serve(&settings).await);

    // A digest that is added is not signed, and neither is a lock of another key.
    fs::write(&lock, content.replace("1.0.0", "1.0.1")).unwrap();
    start().refused(2, &["pieces/pieces.lock does not count", "LENO_LOCK_KEY", "leno lock --sign"]);
    fs::write(&lock, body).unwrap();
    start().refused(2, &["it is not signed"]);
    let key = [("LENO_LOCK_KEY", key)];
    with(&place, &["lock"], &key).refused(2, &["--sign KEYFILE"]);
    with(&place, &["lock", "--sign", "other.pem"], &key).refused(2, &["is not the key of LENO_LOCK_KEY"]);
    place.run(&["lock", "--sign", "public.pem"]).refused(2, &["no Ed25519 private key", "openssl genpkey"]);
    // Nothing in a lock that does not count is approved.
    let lock = ["lock", "--sign", "key.pem", "--pieces-lock", "pieces/pieces.lock"];
    assert_eq!(with(&place, &lock, &key).code, Some(1));
    with(&place, &[&lock[..], &["--approve"]].concat(), &key).ok();
    drop(place.serve(&settings).await);
}

#[tokio::test]
async fn prune_removes_what_no_file_needs_and_only_when_told_to() {
    let place = Place::new();
    let (old, new) = (twin("1.0.0", "https://a.test/"), twin("1.0.1", "https://a.test/"));
    for version in [&old, &new] {
        place.write("pieces/twin.wasm", version);
        // Its end keeps the data directory.
        drop(place.serve(&[]).await);
    }
    let components = place.path().join("leno-data/components");
    let path = |bytes: &[u8]| components.join(format!("{}.wasm", leno_testkit::craft::digest(bytes)));
    assert_eq!(fs::read(path(&old)).unwrap(), old);
    // What was kept a moment ago stays.
    assert_eq!(place.run(&["prune", "--yes", "--json"]).ok().json()["components"], json!([]));
    for version in [&old, &new] {
        let file = fs::File::options().append(true).open(path(version)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
    }
    let shown = place.run(&["prune"]).ok();
    assert!(shown.stdout.starts_with(&leno_testkit::craft::digest(&old)), "{shown:?}");
    assert!(shown.stderr.contains("remove them with --yes"), "{shown:?}");
    assert!(path(&old).exists());
    place.run(&["prune", "--yes"]).ok();
    assert_eq!((path(&old).exists(), path(&new).exists()), (false, true));
}
