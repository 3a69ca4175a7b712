//! For every URL that the egress policy accepts, a second URL parser finds an allowed host too.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|url: &str| {
    if let Err(disagreement) = leno_egress::fuzzing::allowed_by_both_parsers(url) {
        panic!("{disagreement}");
    }
});
