//! A code that is good was signed by this host, and is written in one way only.
#![no_main]

use leno_authorization::code;
use libfuzzer_sys::fuzz_target;
use secrecy::SecretString;

fuzz_target!(|text: &str| {
    let secret = SecretString::from("a-code-secret");
    if let Some(payload) = code::open(text, [&secret]) {
        assert_eq!(code::sign(&payload, &secret), text);
    }
});
