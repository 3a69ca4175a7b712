//! Components that import what no piece may have, or what this host does not offer.

use super::{Crafted, OK_JSON, core};

const SOCKETS: &str = "package wasi:sockets@0.2.6 {
  interface network { resource network; }
  interface instance-network { use network.{network}; instance-network: func() -> network; }
}";
const FILESYSTEM: &str = "package wasi:filesystem@0.2.6 {
  interface types { resource descriptor; }
  interface preopens { use types.{descriptor}; get-directories: func() -> list<tuple<descriptor, string>>; }
}";
const WASI_HTTP: &str = "package wasi:http@0.2.6 {
  interface types { resource fields { constructor(); } }
}";
const HTTP_9: &str = "package leno:piece@9.0.0 { interface http { send: func(url: string) -> u32; } }";
const NEWER_HTTP: &str = "package leno:piece@0.1.7 { interface http { send-later: func(url: string) -> u32; } }";
const UNKNOWN: &str = "package acme:rockets@1.2.3 { interface launch { now: func(); } }";

const MISSING: &str = "capability_missing";
const INCOMPATIBLE: &str = "incompatible_api";

/// An import as the core module sees it.
struct Import {
    interface: &'static str,
    function: &'static str,
    params: usize,
    answers: bool,
}

/// Every crafted import, with the reason why it does not load; the reason must name the interface.
#[must_use]
pub fn all() -> Vec<Crafted> {
    let import = |interface, function, params, answers| Import { interface, function, params, answers };
    let sockets = import("wasi:sockets/instance-network@0.2.6", "instance-network", 0, true);
    let files = import("wasi:filesystem/preopens@0.2.6", "get-directories", 1, false);
    let wasi_http = import("wasi:http/types@0.2.6", "[constructor]fields", 0, true);
    let http_9 = import("leno:piece/http@9.0.0", "send", 2, true);
    let newer_http = import("leno:piece/http@0.1.7", "send-later", 2, true);
    let rockets = import("acme:rockets/launch@1.2.3", "now", 0, false);
    vec![
        Crafted::new("wants-sockets", importing("wants-sockets", SOCKETS, &sockets), MISSING, "wasi:sockets/"),
        Crafted::new("wants-files", importing("wants-files", FILESYSTEM, &files), MISSING, "wasi:filesystem/"),
        Crafted::new("wants-wasi-http", importing("wants-wasi-http", WASI_HTTP, &wasi_http), MISSING, "wasi:http/"),
        Crafted::new("wants-rockets", importing("wants-rockets", UNKNOWN, &rockets), MISSING, "acme:rockets/launch"),
        Crafted::new("wants-http-9", importing("wants-http-9", HTTP_9, &http_9), INCOMPATIBLE, "0.1.0"),
        // The version would fit; the function does not exist. The linker reports it.
        Crafted::new("wants-newer", importing("wants-newer", NEWER_HTTP, &newer_http), "wrong_world", "send-later"),
    ]
}

/// A piece that would call the import, were it ever linked.
fn importing(name: &str, packages: &str, import: &Import) -> Vec<u8> {
    let Import { interface, function, params, answers } = import;
    let signature = format!("(param{}) {}", " i32".repeat(*params), if *answers { "(result i32)" } else { "" });
    let arguments = "(i32.const 0)".repeat(*params);
    let drop = if *answers { "drop" } else { "" };
    core(name)
        .importing(packages, interface)
        .import(&format!("(import \"{interface}\" \"{function}\" (func $wanted {signature}))"))
        .run(format!("(call $wanted {arguments}) {drop} (i32.const {OK_JSON})"))
        .component()
}

/// A component that exports nothing: no piece at all.
#[must_use]
pub fn not_a_piece() -> Vec<u8> {
    wat::parse_str("(component (core module (func (export \"f\"))))").expect("the text is right")
}

#[cfg(test)]
mod tests {
    use super::super::tests::validate;
    use super::*;

    #[test]
    fn every_forbidden_import_is_in_a_valid_component() {
        for crafted in all() {
            validate(&crafted.bytes).unwrap_or_else(|error| panic!("{}: {error}", crafted.name));
            let wit_component::DecodedWasm::Component(resolve, world) = wit_component::decode(&crafted.bytes).unwrap()
            else {
                panic!("{} is no component", crafted.name)
            };
            let imports: Vec<_> = resolve.worlds[world].imports.keys().map(|key| resolve.name_world_key(key)).collect();
            assert!(imports.iter().any(|import| *import != "leno:piece/types@0.1.0"), "{}: {imports:?}", crafted.name);
        }
        validate(&not_a_piece()).unwrap();
    }
}
