//! Components made by hand, for what no compiler would emit.
//!
//! A [`Core`] is a well-behaved piece whose functions are WebAssembly text; a test replaces the function that
//! must misbehave and makes the component. The data layout is fixed, so that bodies may name addresses: see [`Core::new`].

pub mod bombs;
pub mod imports;
pub mod junk;
pub mod loading;
pub mod memory;
pub mod residue;
#[cfg(test)]
mod running;
pub mod values;
pub mod versioned;

use std::fmt::Write as _;

use anyhow::Context as _;
use serde_json::{Value, json};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

const WIT: &str = include_str!("../../../../wit/piece.wit");

/// Where `describe` finds the pointer and length of the document.
pub const DESCRIBED: u32 = 16;
/// A `result<json, error>` that is `ok` with [`OK`].
pub const OK_JSON: u32 = 64;
/// A `result` that is `ok` with nothing, or with an empty list.
pub const OK_NOTHING: u32 = 128;
/// Room for what a test's own body returns: 256 bytes of zeros, aligned to 8.
pub const ANSWER: u32 = 256;
/// What every function that returns JSON returns unless replaced.
pub const OK: &str = r#"{"ok":true}"#;
const DATA: u32 = 1024;
const PAGE: u32 = 1 << 16;

/// Name, parameters and default body of each function of world `piece`.
const EXPORTS: &[(&str, &[&str], u32)] = &[
    ("leno:piece/metadata@0.1.0#describe", &[], DESCRIBED),
    ("leno:piece/actions@0.1.0#run", &["action", "action_len", "props", "props_len"], OK_JSON),
    (
        "leno:piece/properties@0.1.0#resolve",
        &["owner", "owner_len", "property", "property_len", "props", "props_len", "searched", "search", "search_len"],
        OK_JSON,
    ),
    ("leno:piece/authentication@0.1.0#validate", &[], OK_NOTHING),
    ("leno:piece/triggers@0.1.0#enable", &["trigger", "trigger_len", "props", "props_len"], OK_NOTHING),
    ("leno:piece/triggers@0.1.0#disable", &["trigger", "trigger_len", "props", "props_len"], OK_NOTHING),
    (
        "leno:piece/triggers@0.1.0#run",
        &["trigger", "trigger_len", "props", "props_len", "called", "event", "event_len"],
        OK_NOTHING,
    ),
    ("leno:piece/triggers@0.1.0#test", &["trigger", "trigger_len", "props", "props_len"], OK_NOTHING),
    (
        "leno:piece/triggers@0.1.0#handshake",
        &["trigger", "trigger_len", "props", "props_len", "request", "request_len"],
        OK_JSON,
    ),
    ("leno:piece/triggers@0.1.0#renew", &["trigger", "trigger_len", "props", "props_len"], OK_NOTHING),
];

/// Hands out memory from the end of the data upwards, and never takes any back: an instance serves one call.
const REALLOC: &str = r"
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))
    (global.set $heap (i32.add (local.get $at) (local.get $new_len)))
    (block $fits
      (br_if $fits (i32.le_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536))))
      (br_if $fits (i32.ne (i32.const -1) (memory.grow
        (i32.add (i32.const 1) (i32.shr_u (local.get $new_len) (i32.const 16))))))
      unreachable)
    (if (local.get $old_len) (then (memory.copy (local.get $at) (local.get $old) (local.get $old_len))))
    (local.get $at)";

/// A core module in text whose exports follow the canonical ABI of world `piece`.
#[derive(Debug, Clone)]
pub struct Core {
    imports: String,
    items: String,
    bodies: Vec<(&'static str, String)>,
    memory: Option<String>,
    data_end: u32,
    wit: String,
}

impl Core {
    /// A piece that returns `document` from `describe`, and success from everything else.
    #[must_use]
    pub fn new(document: &str) -> Self {
        let mut core = Self {
            imports: String::new(),
            items: String::new(),
            bodies: Vec::new(),
            memory: None,
            data_end: DATA,
            wit: String::new(),
        };
        let described = core.data(document.as_bytes());
        core.words(DESCRIBED, &[described, length(document)]);
        let ok = core.data(OK.as_bytes());
        core.words(OK_JSON, &[0, 0, ok, length(OK)]);
        core
    }

    /// Places `bytes` after all other data and returns their address, a multiple of 16.
    pub fn data(&mut self, bytes: &[u8]) -> u32 {
        let at = self.data_end;
        self.data_at(at, bytes);
        self.data_end = (at + u32::try_from(bytes.len()).expect("data of a test piece is small")).next_multiple_of(16);
        at
    }

    /// Places 32-bit words at `at`.
    pub fn words(&mut self, at: u32, words: &[u32]) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.data_at(at, &bytes);
    }

    fn data_at(&mut self, at: u32, bytes: &[u8]) {
        let text = bytes.iter().fold(String::with_capacity(bytes.len() * 3), |mut text, byte| {
            write!(text, "\\{byte:02x}").expect("a string takes any text");
            text
        });
        writeln!(self.items, "(data (i32.const {at}) \"{text}\")").expect("a string takes any text");
    }

    /// Replaces the body of the export whose name ends in `name`: `#describe`, `actions@0.1.0#run`, `cabi_realloc`.
    #[must_use]
    pub fn body(mut self, name: &'static str, body: impl Into<String>) -> Self {
        self.bodies.push((name, body.into()));
        self
    }

    /// Replaces the body of `actions.run`; its parameters are `$action`, `$action_len`, `$props`, `$props_len`.
    #[must_use]
    pub fn run(self, body: impl Into<String>) -> Self {
        self.body("actions@0.1.0#run", body)
    }

    /// Adds an import of the core module: the text of the `(import …)` field.
    #[must_use]
    pub fn import(mut self, field: &str) -> Self {
        self.imports.push_str(field);
        self.imports.push('\n');
        self
    }

    /// Adds any other field of the core module.
    #[must_use]
    pub fn item(mut self, field: &str) -> Self {
        self.items.push_str(field);
        self.items.push('\n');
        self
    }

    /// Replaces the memory: the text of one or more `(memory …)` fields, the first exported as `memory`.
    #[must_use]
    pub fn memory(mut self, fields: &str) -> Self {
        self.memory = Some(fields.to_owned());
        self
    }

    /// Lets the core module import `interface` instead of those of world `piece`; `packages` is the WIT text of the
    /// packages that define it.
    #[must_use]
    pub fn importing(mut self, packages: &str, interface: &str) -> Self {
        let exports: String = ["metadata", "actions", "properties", "authentication", "triggers"]
            .map(|export| format!("export leno:piece/{export}@0.1.0; "))
            .concat();
        self.wit = format!("package craft:guest;\nworld guest {{ {exports} import {interface}; }}\n{packages}");
        self
    }

    fn wat(&self) -> String {
        let pages = self.data_end.div_ceil(PAGE) + 1;
        let memory = self.memory.clone().unwrap_or_else(|| format!("(memory (export \"memory\") {pages})"));
        let mut wat = format!(
            "(module\n{}{memory}\n(global $heap (mut i32) (i32.const {}))\n{}",
            self.imports, self.data_end, self.items
        );
        for (name, params, answer) in EXPORTS {
            let body = self.replaced(name).map_or_else(|| format!("(i32.const {answer})"), str::to_owned);
            let params: String = params.iter().map(|param| format!(" (param ${param} i32)")).collect();
            writeln!(wat, "(func (export \"{name}\"){params} (result i32) {body})").expect("a string takes any text");
        }
        let realloc = self.replaced("cabi_realloc").unwrap_or(REALLOC);
        write!(
            wat,
            "(func (export \"cabi_realloc\") (param $old i32) (param $old_len i32) (param $align i32) \
             (param $new_len i32) (result i32) {realloc}))"
        )
        .expect("a string takes any text");
        wat
    }

    fn replaced(&self, export: &str) -> Option<&str> {
        self.bodies.iter().rev().find(|(name, _)| export.ends_with(name)).map(|(_, body)| body.as_str())
    }

    /// The core module's bytes, without the component around it.
    #[must_use]
    pub fn module(&self) -> Vec<u8> {
        let text = self.wat();
        wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The component's bytes.
    #[must_use]
    pub fn component(&self) -> Vec<u8> {
        componentize(self.module(), &self.wit).unwrap_or_else(|error| panic!("{error:?}"))
    }
}

fn componentize(mut module: Vec<u8>, wit: &str) -> anyhow::Result<Vec<u8>> {
    let mut resolve = Resolve::default();
    let mut package = resolve.push_source("piece.wit", WIT)?;
    let mut world = "piece";
    if !wit.is_empty() {
        package = resolve.push_source("guest.wit", wit)?;
        world = "guest";
    }
    let world = resolve.select_world(&[package], Some(world))?;
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    ComponentEncoder::default().validate(true).module(&module)?.encode().context("the component cannot be encoded")
}

/// The metadata document of a crafted piece: one action `run`, one polling trigger `poll`, no hosts.
#[must_use]
pub fn document(name: &str, version: &str) -> Value {
    json!({
        "name": name,
        "version": version,
        "displayName": name,
        "description": "",
        "logoUrl": "https://example.com/piece.svg",
        "authors": [],
        "categories": ["DEVELOPER_TOOLS"],
        "egress": { "hosts": [] },
        "actions": { "run": action("run") },
        "triggers": { "poll": {
            "name": "poll",
            "displayName": "poll",
            "description": "",
            "props": {},
            "requireAuth": false,
            "type": "POLLING",
            "sampleData": {},
            "testStrategy": "TEST_FUNCTION",
        } },
    })
}

fn action(name: &str) -> Value {
    json!({ "name": name, "displayName": name, "description": "", "props": {}, "requireAuth": false })
}

/// A well-behaved piece of this name, version 1.0.0, whose functions can be replaced.
#[must_use]
pub fn core(name: &str) -> Core {
    Core::new(&document(name, "1.0.0").to_string())
}

/// A piece that does nothing wrong: its action `run` returns [`OK`].
#[must_use]
pub fn well_behaved(name: &str) -> Vec<u8> {
    core(name).component()
}

/// One crafted component and what the host shall say about it.
#[derive(Debug, Clone)]
pub struct Crafted {
    /// The piece's name; its file is `NAME.wasm`.
    pub name: &'static str,
    /// The component.
    pub bytes: Vec<u8>,
    /// The `code` of the problem when its action `run` is run, or of the reason why it does not load.
    pub code: &'static str,
    /// What the message must contain, so that its reader knows what to do.
    pub says: &'static str,
}

impl Crafted {
    fn new(name: &'static str, bytes: Vec<u8>, code: &'static str, says: &'static str) -> Self {
        Self { name, bytes, code, says }
    }
}

/// The SHA-256 of a component, as the host shows it.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn length(text: &str) -> u32 {
    u32::try_from(text.len()).expect("texts of a test piece are small")
}

#[cfg(test)]
pub(crate) mod tests {
    use wasmparser::{Validator, WasmFeatures};

    use super::*;

    pub(crate) fn validate(bytes: &[u8]) -> Result<(), wasmparser::BinaryReaderError> {
        Validator::new_with_features(WasmFeatures::all()).validate_all(bytes).map(drop)
    }

    #[test]
    fn a_crafted_piece_exports_the_whole_world_and_imports_nothing_it_does_not_use() {
        let bytes = well_behaved("quiet");
        validate(&bytes).unwrap();
        let wit_component::DecodedWasm::Component(resolve, world) = wit_component::decode(&bytes).unwrap() else {
            panic!("not a component")
        };
        let world = &resolve.worlds[world];
        assert_eq!(world.exports.len(), 5);
        let imports: Vec<_> = world.imports.keys().map(|key| resolve.name_world_key(key)).collect();
        assert_eq!(imports, ["leno:piece/types@0.1.0"]);
    }
}
