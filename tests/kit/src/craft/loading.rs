//! Components that misbehave before their first call: while they are instantiated or described.

use super::{ANSWER, Core, Crafted, DESCRIBED, core, document};

const SPIN: &str = "(loop $again (br $again)) unreachable";

/// Every crafted misbehaviour at load, with the reason why it does not load.
#[must_use]
pub fn all() -> Vec<Crafted> {
    let described = |name: &'static str, document: &str, says| {
        Crafted::new(name, Core::new(document).component(), "invalid_metadata", says)
    };
    let not_json = |name: &'static str, document: &str, says| {
        Crafted::new(name, Core::new(document).component(), "invalid_output", says)
    };
    let renamed = |name: &str| document(name, "1.0.0").to_string();
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    let traps = core("describe-traps").body("#describe", "unreachable").component();
    vec![
        Crafted::new("describe-loops", describe_loops("describe-loops"), "cpu_limit", "CPU"),
        Crafted::new("start-loops", start_loops("start-loops"), "cpu_limit", "CPU"),
        Crafted::new("describe-traps", traps, "guest_trap", "describe"),
        Crafted::new("describe-recurses", describe_recurses(), "guest_trap", "stack"),
        Crafted::new("describe-invalid-utf8", describe_invalid_utf8(), "guest_trap", "utf-8"),
        Crafted::new("describe-32-mib", describe_32_mib(), "output_too_large", "bytes"),
        not_json("describe-garbage", "<html>not metadata</html>", "JSON"),
        not_json("describe-deep", &deep, "nested"),
        described("describe-no-name", &without("name"), "name"),
        described("describe-no-version", &without("version"), "version"),
        described("describe-strange-name", &renamed("../../etc/passwd"), "name"),
        described("describe-forged-name", &renamed("a\u{1b}[2J\nb"), "name"),
        described("describe-strange-version", &document("odd", "latest").to_string(), "version"),
    ]
}

/// A piece of this name whose `describe` never ends.
#[must_use]
pub fn describe_loops(name: &str) -> Vec<u8> {
    core(name).body("#describe", SPIN).component()
}

/// A piece of this name whose module's start function never ends.
#[must_use]
pub fn start_loops(name: &str) -> Vec<u8> {
    core(name).item(&format!("(func $start {SPIN}) (start $start)")).component()
}

/// A piece whose `describe` sends `GET url`, and traps unless that was refused.
#[must_use]
pub fn describe_calls_out(url: &str) -> Vec<u8> {
    let mut core = core("describe-calls-out").import(
        r#"(import "leno:piece/http@0.1.0" "send" (func $send (param
            i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))"#,
    );
    let (method, url_at) = (core.data(b"GET"), core.data(url.as_bytes()));
    core.body(
        "#describe",
        format!(
            "(call $send (i32.const {method}) (i32.const 3) (i32.const {url_at}) (i32.const {})
               (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
               (i32.const 0) (i32.const 0) (i32.const 0) (i32.const {ANSWER}))
             (if (i32.eqz (i32.load8_u (i32.const {ANSWER}))) (then unreachable))
             (i32.const {DESCRIBED})",
            url.len()
        ),
    )
    .component()
}

fn describe_invalid_utf8() -> Vec<u8> {
    let mut core = core("describe-invalid-utf8");
    let text = core.data(b"{\"name\":\"\xff\"}");
    core.words(ANSWER, &[text, 12]);
    core.body("#describe", format!("(i32.const {ANSWER})")).component()
}

fn describe_32_mib() -> Vec<u8> {
    let mut core = core("describe-32-mib").memory("(memory (export \"memory\") 600)");
    core.words(ANSWER, &[1 << 20, 32 << 20]);
    core.body(
        "#describe",
        format!("(memory.fill (i32.const 0x100000) (i32.const 0x20) (i32.const 0x2000000)) (i32.const {ANSWER})"),
    )
    .component()
}

fn describe_recurses() -> Vec<u8> {
    core("describe-recurses")
        .item("(func $deeper (result i32) (i32.add (call $deeper) (i32.const 1)))")
        .body("#describe", "(call $deeper)")
        .component()
}

fn without(member: &str) -> String {
    let mut document = document("lacking", "1.0.0");
    document.as_object_mut().and_then(|members| members.remove(member)).expect("the document has the member");
    document.to_string()
}

#[cfg(test)]
mod tests {
    use super::super::tests::validate;
    use super::*;

    #[test]
    fn everything_that_misbehaves_at_load_is_a_valid_component() {
        for crafted in all() {
            validate(&crafted.bytes).unwrap_or_else(|error| panic!("{}: {error}", crafted.name));
        }
        validate(&describe_calls_out("http://127.0.0.1:1/")).unwrap();
    }
}
