//! No connection value makes what reads it panic, and no secret of it gets among the settings or breaks out of a header.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| leno_metadata::fuzzing::connection(bytes));
