//! No input makes the coercion panic, and what it accepts is coerced to itself.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| leno_metadata::fuzzing::coercion(bytes));
