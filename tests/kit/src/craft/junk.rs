//! Files that are no piece.

use super::{core, well_behaved};

/// The first half of a component.
#[must_use]
pub fn truncated() -> Vec<u8> {
    let mut bytes = well_behaved("truncated");
    bytes.truncate(bytes.len() / 2);
    bytes
}

/// A component whose last bytes are noise.
#[must_use]
pub fn trailing_noise() -> Vec<u8> {
    let mut bytes = well_behaved("trailing-noise");
    bytes.extend_from_slice(&[0xFF; 64]);
    bytes
}

/// A valid core module with the exports of a piece, but no component around it.
#[must_use]
pub fn core_module() -> Vec<u8> {
    core("core-module").module()
}

/// A component in text format.
#[must_use]
pub fn text_format() -> Vec<u8> {
    b"(component (core module (func (export \"f\"))))".to_vec()
}

/// What wasmtime takes for its own compiled code: an ELF header with its operating system number (200) and the flag for
/// a component (2), as in `wasmtime_environ::obj`. Loading it as such would run whatever it holds.
#[must_use]
pub fn native_image() -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    bytes[..9].copy_from_slice(&[0x7F, b'E', b'L', b'F', 2, 1, 1, 200, 0]);
    // e_type, e_machine, e_version.
    bytes[16..24].copy_from_slice(&[1, 0, 0x3E, 0, 1, 0, 0, 0]);
    // e_flags, e_ehsize.
    bytes[48..54].copy_from_slice(&[2, 0, 0, 0, 64, 0]);
    // e_shentsize.
    bytes[58..60].copy_from_slice(&[64, 0]);
    bytes
}

/// The native program that is running.
///
/// # Errors
/// When it cannot be read.
pub fn native_program() -> std::io::Result<Vec<u8>> {
    let mut bytes = std::fs::read(std::env::current_exe()?)?;
    bytes.truncate(1 << 20);
    Ok(bytes)
}

/// Right magic number, unknown version.
#[must_use]
pub fn future_version() -> Vec<u8> {
    let mut bytes = well_behaved("future-version");
    bytes[4] = 0xEE;
    bytes
}

#[cfg(test)]
mod tests {
    use super::super::tests::validate;
    use super::*;

    #[test]
    fn junk_is_not_a_valid_component() {
        let junk =
            [truncated(), trailing_noise(), text_format(), native_image(), native_program().unwrap(), future_version()];
        for (index, bytes) in junk.iter().enumerate() {
            assert!(validate(bytes).is_err(), "{index}");
        }
        validate(&core_module()).unwrap();
        assert!(wasmparser::Parser::is_core_wasm(&core_module()));
    }
}
