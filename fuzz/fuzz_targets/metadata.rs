//! No metadata document makes the parser panic, and what it accepts survives the way through Activepieces' shape.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| leno_metadata::fuzzing::metadata(bytes));
