//! Reads a component without running or compiling it: its imports, exports and sizes.

use serde::Serialize;
use wasmparser::{ComponentExternalKind, Encoding, Instance, Parser, Payload, Validator, WasmFeatures};

use crate::{
    LoadError,
    linker::{self, SECRETS},
    settings::{MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_MEMORY, MAX_TABLE, MAX_TABLES},
};

/// The largest component accepted, in bytes. A JavaScript piece has 14 MB.
const MAX_SIZE: usize = 64 << 20;
/// The most functions of one component. A JavaScript engine has about 30,000.
const MAX_FUNCTIONS: u64 = 200_000;
/// The largest function body, in bytes: the time to compile one grows faster than its size.
const MAX_FUNCTION: usize = 2 << 20;

/// One imported interface: a permission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Import {
    /// `leno:piece/http`.
    pub interface: String,
    /// `0.1.0`; empty when the import names none.
    pub version: String,
}

/// What a component is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Inspection {
    /// Bytes of the file.
    pub size: usize,
    /// Imported interfaces, in the order of the file.
    pub imports: Vec<Import>,
    /// Exported interfaces.
    pub exports: Vec<Import>,
    /// Core modules inside.
    pub core_modules: u32,
    /// Functions inside.
    pub functions: u64,
    /// Bytes of code.
    pub code_size: u64,
    /// Initial linear memory of an instance, in bytes.
    pub initial_memory: u64,
}

/// What a component declares of the things that the pool counts. Instances may still multiply it; the engine sees those
/// once it has compiled the component.
#[derive(Default)]
struct Declared {
    memories: u64,
    tables: u64,
    core_instances: u64,
}

/// Adds `more` to `count`, unless that is past `limit`.
fn count(what: &'static str, count: &mut u64, more: u64, limit: u64) -> Result<(), LoadError> {
    *count = count.saturating_add(more);
    match *count > limit {
        true => Err(LoadError::TooLarge { what, size: *count, limit }),
        false => Ok(()),
    }
}

impl Inspection {
    /// Whether the component imports `interface`, in any version.
    #[must_use]
    pub fn imports(&self, interface: &str) -> bool {
        self.imports.iter().any(|import| import.interface == interface)
    }

    /// Whether it needs the grant for secrets.
    #[must_use]
    pub fn wants_secrets(&self) -> bool {
        self.imports(SECRETS)
    }
}

fn parse_name(name: &str) -> Import {
    let (interface, version) = name.split_once('@').unwrap_or((name, ""));
    Import { interface: interface.to_owned(), version: version.to_owned() }
}

/// The proposals that pieces may use: those that the engine is configured for.
fn features() -> WasmFeatures {
    let mut features = WasmFeatures::default();
    features.remove(WasmFeatures::THREADS | WasmFeatures::SHARED_EVERYTHING_THREADS | WasmFeatures::MEMORY64);
    features
}

/// Reads `bytes`, and refuses what is no component, is malformed, or declares more than the host has.
///
/// # Errors
/// [`LoadError`], with a text for the operator who deployed the component.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, LoadError> {
    let found = survey(bytes)?;
    validate(bytes)?;
    Ok(found)
}

/// [`inspect`] without the full validation, which costs as much as all the rest of a load: code that is cached was
/// validated when it was compiled.
pub(crate) fn survey(bytes: &[u8]) -> Result<Inspection, LoadError> {
    recognize(bytes)?;
    let mut found = Inspection {
        size: bytes.len(),
        imports: Vec::new(),
        exports: Vec::new(),
        core_modules: 0,
        functions: 0,
        code_size: 0,
        initial_memory: 0,
    };
    walk(bytes, &mut found)?;
    Ok(found)
}

/// Whether every part of the component is well-formed.
pub(crate) fn validate(bytes: &[u8]) -> Result<(), LoadError> {
    let validated = Validator::new_with_features(features()).validate_all(bytes);
    validated.map(drop).map_err(|error| LoadError::Malformed(error.to_string()))
}

/// Distinguishes a component from other files that end in `.wasm`.
fn recognize(bytes: &[u8]) -> Result<(), LoadError> {
    if bytes.len() > MAX_SIZE {
        return Err(LoadError::TooLarge { what: "the file", size: bytes.len() as u64, limit: MAX_SIZE as u64 });
    }
    if wasmtime::Engine::detect_precompiled(bytes).is_some() || bytes.starts_with(b"\x7fELF") {
        return Err(LoadError::NotAComponent(
            "native code: compiled images are never loaded from the pieces directory",
        ));
    }
    if !bytes.starts_with(b"\0asm") {
        let text = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        return Err(LoadError::NotAComponent(match text {
            Some(b'(' | b';') => "WebAssembly text: build the binary form (`wasm-tools parse`)",
            None => "empty",
            _ => "not WebAssembly: it does not begin with `\\0asm`",
        }));
    }
    if !Parser::is_component(bytes) {
        return Err(LoadError::NotAComponent(if Parser::is_core_wasm(bytes) {
            "a core module, not a component: build for wasm32-wasip2, or wrap it with `wasm-tools component new`"
        } else {
            "a WebAssembly file of an unknown version"
        }));
    }
    Ok(())
}

fn walk(bytes: &[u8], found: &mut Inspection) -> Result<(), LoadError> {
    let malformed = |error: wasmparser::BinaryReaderError| LoadError::Malformed(error.to_string());
    let mut depth = 0_u32;
    let mut declared = Declared::default();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(malformed)? {
            Payload::Version { encoding, .. } => {
                depth += 1;
                if encoding == Encoding::Module {
                    found.core_modules += 1;
                }
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    found.imports.push(parse_name(import.map_err(malformed)?.name.name));
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    let export = export.map_err(malformed)?;
                    if export.kind == ComponentExternalKind::Instance {
                        found.exports.push(parse_name(export.name.name));
                    }
                }
            }
            Payload::MemorySection(section) => {
                count("the number of memories", &mut declared.memories, section.count().into(), MAX_MEMORIES.into())?;
                for memory in section {
                    let size = memory.map_err(malformed)?.initial.saturating_mul(64 << 10);
                    count("the initial size of its memories", &mut found.initial_memory, size, MAX_MEMORY)?;
                }
            }
            Payload::InstanceSection(section) => {
                for instance in section {
                    if let Instance::Instantiate { .. } = instance.map_err(malformed)? {
                        let limit = MAX_CORE_INSTANCES.into();
                        count("the number of core instances", &mut declared.core_instances, 1, limit)?;
                    }
                }
            }
            Payload::TableSection(section) => {
                count("the number of tables", &mut declared.tables, section.count().into(), MAX_TABLES.into())?;
                for table in section {
                    let size = table.map_err(malformed)?.ty.initial;
                    if size > MAX_TABLE as u64 {
                        return Err(LoadError::TooLarge {
                            what: "a table's initial size",
                            size,
                            limit: MAX_TABLE as u64,
                        });
                    }
                }
            }
            Payload::FunctionSection(section) => {
                count("the number of functions", &mut found.functions, section.count().into(), MAX_FUNCTIONS)?;
            }
            Payload::CodeSectionEntry(body) => {
                let size = body.range().len();
                found.code_size += size as u64;
                if size > MAX_FUNCTION {
                    let (size, limit) = (size as u64, MAX_FUNCTION as u64);
                    return Err(LoadError::TooLarge { what: "a function's body", size, limit });
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Compares the imports with what this host offers.
pub(crate) fn check_imports(found: &Inspection) -> Result<(), LoadError> {
    let mut missing = Vec::new();
    let mut incompatible = Vec::new();
    for import in &found.imports {
        // A few toolchains import bare functions or types; the linker names those.
        match linker::offered().iter().find(|(interface, _)| *interface == import.interface) {
            None => missing.push(import.clone()),
            Some((_, version)) if !compatible(&import.version, version) => {
                incompatible.push(format!("`{}@{}`; this host offers {version}", import.interface, import.version));
            }
            Some(_) => {}
        }
    }
    if !incompatible.is_empty() {
        return Err(LoadError::IncompatibleApi(incompatible));
    }
    if !missing.is_empty() {
        return Err(LoadError::CapabilityMissing(
            missing
                .into_iter()
                .map(|import| match import.version.as_str() {
                    "" => import.interface,
                    version => format!("{}@{version}", import.interface),
                })
                .collect(),
        ));
    }
    Ok(())
}

/// Whether a component that imports `wanted` links to `offered`: equal up to the first non-zero number (the component
/// model's rule). A newer patch may still name a function that is not here; the linker then says which.
fn compatible(wanted: &str, offered: &str) -> bool {
    let (Ok(wanted), Ok(offered)) = (semver::Version::parse(wanted), semver::Version::parse(offered)) else {
        return wanted == offered;
    };
    if !wanted.pre.is_empty() {
        return wanted == offered;
    }
    match (wanted.major, wanted.minor) {
        (0, 0) => wanted == offered,
        (0, minor) => offered.major == 0 && offered.minor == minor,
        (major, _) => offered.major == major,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_link_as_the_component_model_says() {
        for (wanted, offered, expected) in [
            ("0.1.0", "0.1.0", true),
            ("0.1.3", "0.1.0", true),
            ("0.2.6", "0.2.12", true),
            ("0.2.0", "0.1.0", false),
            ("9.0.0", "0.1.0", false),
            ("1.4.0", "1.0.0", true),
            ("0.1.0-rc.1", "0.1.0", false),
            ("", "0.1.0", false),
        ] {
            assert_eq!(compatible(wanted, offered), expected, "{wanted} on {offered}");
        }
    }

    #[test]
    fn each_kind_of_junk_is_named() {
        let core = wat::parse_str("(module)").unwrap();
        for (bytes, word) in [
            (&b""[..], "empty"),
            (b"(component)", "text"),
            (b"\x7fELF\x02", "native"),
            (b"PK\x03\x04", "not WebAssembly"),
            (&core, "core module"),
            (b"\0asm\x63\0\x01\0", "version"),
        ] {
            let error = inspect(bytes).unwrap_err();
            assert_eq!(error.code(), "not_a_component");
            assert!(error.to_string().contains(word), "{error}");
        }
        let truncated = wat::parse_str("(component (core module (func nop)))").unwrap();
        assert_eq!(inspect(&truncated[..truncated.len() - 3]).unwrap_err().code(), "malformed");
    }
}
