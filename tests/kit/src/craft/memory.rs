//! Components that declare more memory, tables or instances than their code uses.

use wasm_encoder::{
    ComponentSection, InstanceSection, MemorySection, MemoryType, Module, ModuleArg, ModuleSection, RefType,
    TableSection, TableType,
};
use wasmparser::{Parser, Payload};

use super::versioned::versioned;
use super::{Crafted, core, well_behaved};

/// Every crafted misuse of memory, with the reason why it does not load.
#[must_use]
pub fn all() -> Vec<Crafted> {
    let crafted = |name, bytes, says| Crafted::new(name, bytes, "too_large", says);
    vec![
        crafted("forty-memories", forty_memories(), "memories is 40; this host allows 4"),
        crafted("three-memories-of-60-mib", three_memories(), "188743680"),
        crafted("forty-instances-with-memory", instances_with_memory("forty-instances-with-memory", 40), "instance"),
        // Small enough to inspect; only the engine sees that each has a memory of its own.
        crafted(
            "ten-instances-with-memory",
            instances_with_memory("ten-instances-with-memory", 10),
            "11 Wasm linear memories",
        ),
        crafted("forty-tables", forty_tables(), "tables is 40; this host allows 16"),
        crafted("four-gib-at-start", initial_memory("four-gib-at-start", 1 << 16), "4294967296"),
        crafted("three-gib-at-start", initial_memory("three-gib-at-start", 3 << 14), "3221225472"),
        crafted("huge-table", huge_table(), "10000000"),
        crafted("many-instances", many_instances(), "instance"),
    ]
}

/// One core module with 40 memories of 16 MiB.
fn forty_memories() -> Vec<u8> {
    let memory = format!("(memory (export \"memory\") 256){}", " (memory 256)".repeat(39));
    core("forty-memories").memory(&memory).component()
}

/// A memory of `pages` pages of 64 KiB from the start.
fn initial_memory(name: &str, pages: u32) -> Vec<u8> {
    core(name).memory(&format!("(memory (export \"memory\") {pages})")).component()
}

/// One core module with three memories of 60 MiB: each under the cap, 180 MiB together.
fn three_memories() -> Vec<u8> {
    let memory = format!("(memory (export \"memory\") 960){}", " (memory 960)".repeat(2));
    core("three-memories-of-60-mib").memory(&memory).component()
}

/// `count` instances of a module that has nothing but a memory of 16 MiB, each under any cap.
fn instances_with_memory(name: &str, count: usize) -> Vec<u8> {
    let mut module = Module::new();
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: 256, maximum: None, memory64: false, shared: false, page_size_log2: None });
    module.section(&memories);
    with_instances(well_behaved(name), &module, count)
}

/// 40 tables of one element.
fn forty_tables() -> Vec<u8> {
    core("forty-tables").item(&"(table 1 funcref)".repeat(40)).component()
}

/// A piece that takes the maximum of everything - memories, tables, instances - and holds it, in its action `hold`,
/// until `url` has responded.
#[must_use]
pub fn hoarder(name: &str, url: &str) -> Vec<u8> {
    let mut module = Module::new();
    let mut tables = TableSection::new();
    let table = TableType { element_type: RefType::FUNCREF, minimum: 1, maximum: None, table64: false, shared: false };
    for _ in 0..4 {
        tables.table(table);
    }
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
    module.section(&tables).section(&memories);
    let component = with_instances(versioned(name, "1.0.0", "hoarding").gated(url).component(), &module, 3);
    with_instances(component, &Module::new(), 20)
}

/// A table of ten million elements, 80 MB in the host.
fn huge_table() -> Vec<u8> {
    let mut module = Module::new();
    let mut tables = TableSection::new();
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        minimum: 10_000_000,
        maximum: None,
        table64: false,
        shared: false,
    });
    module.section(&tables);
    with_instances(well_behaved("huge-table"), &module, 1)
}

/// 900 instances of an empty module: nothing each, 900 times the host's bookkeeping.
fn many_instances() -> Vec<u8> {
    with_instances(well_behaved("many-instances"), &Module::new(), 900)
}

/// Adds `module` to the component, instantiated `count` times before anything can be called.
pub(super) fn with_instances(mut component: Vec<u8>, module: &Module, count: usize) -> Vec<u8> {
    let index = core_modules(&component);
    ModuleSection(module).append_to_component(&mut component);
    let mut instances = InstanceSection::new();
    for _ in 0..count {
        instances.instantiate(index, Vec::<(&str, ModuleArg)>::new());
    }
    if count > 0 {
        instances.append_to_component(&mut component);
    }
    component
}

/// How many core modules the component has: the index of the next one.
fn core_modules(component: &[u8]) -> u32 {
    let payloads = Parser::new(0).parse_all(component);
    let modules = payloads.filter(|payload| matches!(payload, Ok(Payload::ModuleSection { .. }))).count();
    u32::try_from(modules).expect("a component has few modules")
}

#[cfg(test)]
mod tests {
    use super::super::tests::validate;
    use super::*;

    #[test]
    fn every_misuse_of_memory_is_a_valid_component() {
        for crafted in all() {
            validate(&crafted.bytes).unwrap_or_else(|error| panic!("{}: {error}", crafted.name));
            assert!(crafted.bytes.len() < 64 << 10, "{} is {} bytes", crafted.name, crafted.bytes.len());
        }
        validate(&hoarder("hoarder", "http://127.0.0.1:1/hold")).unwrap();
    }
}
