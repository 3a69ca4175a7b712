//! Values that break the rules of the canonical ABI, or that are far larger than what carries them.

use super::{ANSWER, Crafted, OK_JSON, core};

const SEND: &str = r#"(import "leno:piece/http@0.1.0" "send" (func $send (param
    i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))"#;
const EMIT: &str = r#"(import "leno:piece/log@0.1.0" "emit" (func $emit (param i32 i32 i32 i32 i32)))"#;
/// 32 MiB of `1`s, a JSON number, from this address on.
const BLOB: u32 = 1 << 20;
const BLOB_LEN: u32 = 32 << 20;
const BLOB_MEMORY: &str = r#"(memory (export "memory") 640)"#;

/// Every crafted misuse of values, with the code of the problem that running `run` ends in.
#[must_use]
pub fn all() -> Vec<Crafted> {
    let crafted = |name, bytes, code| Crafted::new(name, bytes, code, "");
    vec![
        crafted("invalid-utf8", invalid_utf8(), "guest_trap"),
        crafted("out-of-bounds", answering("out-of-bounds", &[0, 0, 0xFFFF_0000, 0xFFFF]), "guest_trap"),
        crafted("longer-than-memory", answering("longer-than-memory", &[0, 0, 0, 200 << 20]), "guest_trap"),
        crafted("bad-discriminant", answering("bad-discriminant", &[7]), "guest_trap"),
        crafted("bad-error-kind", answering("bad-error-kind", &[1, 0, 99]), "guest_trap"),
        crafted("bad-option", answering("bad-option", &[1, 0, 0, 0, 0, 0, 0, 0, 9]), "guest_trap"),
        crafted("misaligned-answer", core("misaligned-answer").run("(i32.const 65)").component(), "guest_trap"),
        crafted("answer-out-of-bounds", core("answer-out-of-bounds").run("(i32.const -8)").component(), "guest_trap"),
        crafted("invalid-log-text", invalid_log_text(), "guest_trap"),
        crafted("bad-log-level", bad_log_level(), "guest_trap"),
        crafted("realloc-out-of-bounds", realloc("realloc-out-of-bounds", "(i32.const -16)"), "guest_trap"),
        crafted("realloc-traps", realloc("realloc-traps", "unreachable"), "guest_trap"),
        crafted("realloc-loops", realloc("realloc-loops", "(loop $l (br $l)) unreachable"), "cpu_limit"),
        crafted("realloc-calls-out", realloc_calls_out(), "guest_trap"),
        crafted("output-of-32-mib", output_of_32_mib(), "output_too_large"),
        crafted("amplified-error", amplified_error(), "output_too_large"),
        crafted("amplified-request", amplified_request(), "host_call_too_large"),
        crafted("amplified-log", amplified_log(), "host_call_too_large"),
    ]
}

/// A piece whose `run` returns the `result<json, error>` made of these words.
fn answering(name: &str, words: &[u32]) -> Vec<u8> {
    let mut core = core(name);
    core.words(ANSWER, words);
    core.run(format!("(i32.const {ANSWER})")).component()
}

fn invalid_utf8() -> Vec<u8> {
    let mut core = core("invalid-utf8");
    let text = core.data(b"\"\xc3\x28 \xed\xa0\x80 \xff\"");
    core.words(ANSWER, &[0, 0, text, 9]);
    core.run(format!("(i32.const {ANSWER})")).component()
}

fn invalid_log_text() -> Vec<u8> {
    let mut core = core("invalid-log-text").import(EMIT);
    let text = core.data(b"\xff\xfe");
    core.run(format!(
        "(call $emit (i32.const 1) (i32.const {text}) (i32.const 2) (i32.const 0) (i32.const 0)) (i32.const {OK_JSON})"
    ))
    .component()
}

fn bad_log_level() -> Vec<u8> {
    core("bad-log-level")
        .import(EMIT)
        .run(format!(
            "(call $emit (i32.const 77) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const {OK_JSON})"
        ))
        .component()
}

/// The host calls `cabi_realloc` for room for the props; this one returns what the body says.
fn realloc(name: &str, body: &str) -> Vec<u8> {
    core(name).body("cabi_realloc", body).component()
}

/// Calling an import while the host is lowering arguments is forbidden.
fn realloc_calls_out() -> Vec<u8> {
    core("realloc-calls-out")
        .import(EMIT)
        .body(
            "cabi_realloc",
            "(call $emit (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const 4096)",
        )
        .component()
}

/// Fills the blob, then does `then`.
fn with_blob(then: &str) -> String {
    format!("(local $i i32) (memory.fill (i32.const {BLOB}) (i32.const 0x31) (i32.const {BLOB_LEN})) {then}")
}

fn output_of_32_mib() -> Vec<u8> {
    let mut core = core("output-of-32-mib").memory(BLOB_MEMORY);
    core.words(ANSWER, &[0, 0, BLOB, BLOB_LEN]);
    core.run(with_blob(&format!("(i32.const {ANSWER})"))).component()
}

/// The error's code, message and details are the same 32 MiB: 96 MiB for the host out of a small guest.
fn amplified_error() -> Vec<u8> {
    let mut core = core("amplified-error").memory(BLOB_MEMORY);
    let words = [1, 0, 0, BLOB, BLOB_LEN, BLOB, BLOB_LEN, 0, 0, 0, 0, 0, 1, BLOB, BLOB_LEN];
    core.words(ANSWER, &words);
    core.run(with_blob(&format!("(i32.const {ANSWER})"))).component()
}

/// 4,096 headers, every name and value the same 32 MiB: 256 GiB if the host copied them.
fn amplified_request() -> Vec<u8> {
    let (list, fill) = amplified_list();
    let url = "http://127.0.0.1/";
    let mut core = core("amplified-request").memory(BLOB_MEMORY).import(SEND);
    let (method, url_at) = (core.data(b"GET"), core.data(url.as_bytes()));
    core.run(with_blob(&format!(
        "{fill} (call $send (i32.const {method}) (i32.const 3) (i32.const {url_at}) (i32.const {})
           (i32.const {list}) (i32.const 4096) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
           (i32.const 0) (i32.const 0) (i32.const 0) (i32.const {ANSWER})) (i32.const {OK_JSON})",
        url.len()
    )))
    .component()
}

/// 4,096 fields, every name and value the same 32 MiB.
fn amplified_log() -> Vec<u8> {
    let (list, fill) = amplified_list();
    core("amplified-log")
        .memory(BLOB_MEMORY)
        .import(EMIT)
        .run(with_blob(&format!(
            "{fill} (call $emit (i32.const 1) (i32.const 0) (i32.const 0) (i32.const {list})
               (i32.const 4096)) (i32.const {OK_JSON})"
        )))
        .component()
}

/// Address of a list of 4,096 pairs of strings, and the code that fills it.
fn amplified_list() -> (u32, String) {
    let list = BLOB / 2;
    let fill = format!(
        "(loop $next
           (i32.store (i32.add (i32.const {list}) (i32.shl (local.get $i) (i32.const 3))) (i32.const {BLOB}))
           (i32.store (i32.add (i32.const {}) (i32.shl (local.get $i) (i32.const 3))) (i32.const {BLOB_LEN}))
           (local.set $i (i32.add (local.get $i) (i32.const 1)))
           (br_if $next (i32.lt_u (local.get $i) (i32.const 8192))))",
        list + 4
    );
    (list, fill)
}

/// A trigger whose `run` returns a list of 4,096 events, all the same 32 MiB.
#[must_use]
pub fn amplified_events() -> Vec<u8> {
    let mut core = core("amplified-events").memory(BLOB_MEMORY);
    let (list, fill) = amplified_list();
    core.words(ANSWER, &[0, 0, list, 4096]);
    core.body("triggers@0.1.0#run", with_blob(&format!("{fill} (i32.const {ANSWER})"))).component()
}

/// A piece whose every action, trigger and property traps.
#[must_use]
pub fn always_traps(name: &str, version: &str) -> Vec<u8> {
    super::Core::new(&super::document(name, version).to_string())
        .run("unreachable")
        .body("properties@0.1.0#resolve", "unreachable")
        .body("authentication@0.1.0#validate", "unreachable")
        .body("triggers@0.1.0#run", "unreachable")
        .component()
}

#[cfg(test)]
mod tests {
    use super::super::tests::validate;
    use super::*;

    #[test]
    fn every_misuse_of_values_is_a_valid_component() {
        for crafted in all() {
            validate(&crafted.bytes).unwrap_or_else(|error| panic!("{}: {error}", crafted.name));
            assert!(crafted.bytes.len() < 64 << 10, "{} is {} bytes", crafted.name, crafted.bytes.len());
        }
        validate(&amplified_events()).unwrap();
        validate(&always_traps("crash", "1.0.0")).unwrap();
    }
}
