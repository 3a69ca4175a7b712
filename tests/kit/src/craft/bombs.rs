//! Components that are cheap to read and dear to compile.
//!
//! The bomb is a core module that is never instantiated: it costs nothing to run, but a host compiles every module.

use wasm_encoder::{BlockType, CodeSection, Function, FunctionSection, Module, TypeSection, ValType};

use super::memory::with_instances;
use super::well_behaved;

/// `count` small functions, no two alike, of some 20 bytes.
#[must_use]
pub fn many_functions(name: &str, count: u32) -> Vec<u8> {
    let mut bodies = CodeSection::new();
    for index in 0..count {
        let mut function = Function::new([]);
        let constant = i32::try_from(index).unwrap_or(i32::MAX);
        let mut code = function.instructions();
        code.local_get(0).i32_const(constant).i32_mul().local_get(0).i32_xor().i32_const(constant).i32_add().end();
        bodies.function(&function);
    }
    bomb(name, count, &bodies)
}

/// `count` functions of about `size` bytes, each with 1,000 locals that are all live across thousands of blocks: what
/// register allocation takes longest for. WebAssembly implementations accept bodies of up to 7,654,321 bytes.
#[must_use]
pub fn giant_functions(name: &str, count: u32, size: usize) -> Vec<u8> {
    const LOCALS: u32 = 1_000;
    let mut function = Function::new([(LOCALS, ValType::I32)]);
    let mut round = 0_u32;
    while function.byte_len() + 64 < size {
        let (left, right) = (round % LOCALS + 1, round.wrapping_mul(31) % LOCALS + 1);
        let mut code = function.instructions();
        code.local_get(left).if_(BlockType::Empty);
        code.local_get(right).local_get(left).i32_add().local_set(round.wrapping_mul(7) % LOCALS + 1).end();
        round += 1;
    }
    function.instructions().local_get(1).end();
    let mut bodies = CodeSection::new();
    for _ in 0..count {
        bodies.function(&function);
    }
    bomb(name, count, &bodies)
}

/// A piece of this name that is accepted, and takes about a minute to compile: many functions, each of which takes a second.
#[must_use]
pub fn long(name: &str) -> Vec<u8> {
    giant_functions(name, 120, 300 << 10)
}

fn bomb(name: &str, functions: u32, bodies: &CodeSection) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], [ValType::I32]);
    let mut declared = FunctionSection::new();
    for _ in 0..functions {
        declared.function(0);
    }
    let mut module = Module::new();
    module.section(&types).section(&declared).section(bodies);
    with_instances(well_behaved(name), &module, 0)
}

#[cfg(test)]
mod tests {
    use super::super::tests::validate;
    use super::*;

    #[test]
    fn bombs_are_valid_and_small_enough_to_pass_a_size_check() {
        for bytes in [
            many_functions("many-functions", 300_000),
            giant_functions("giant-function", 1, 7_654_321),
            giant_functions("giant-functions", 8, 2 << 20),
        ] {
            validate(&bytes).unwrap();
            assert!(bytes.len() < 20 << 20, "{} bytes", bytes.len());
        }
    }
}
