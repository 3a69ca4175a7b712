//! Whatever URL the egress policy lets pass, a second URL parser sees an allowed host in it too.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|url: &str| {
    if let Err(disagreement) = leno_egress::fuzzing::allowed_by_both_parsers(url) {
        panic!("{disagreement}");
    }
});
