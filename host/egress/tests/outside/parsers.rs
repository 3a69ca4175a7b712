//! Two URL parsers never disagree about a host that the policy lets pass.

use leno_egress::Policy;
use leno_egress::fuzzing::allowed_by_both_parsers;
use proptest::prelude::*;

/// Text made of what URLs are made of, so that a good part of it passes.
fn url() -> impl Strategy<Value = String> {
    let scheme = prop_oneof![4 => Just("https://"), 2 => Just("http://"), 1 => Just("HTTPS://"), 1 => Just("https:"), 1 => Just("https:/\\"), 1 => Just("//")];
    let piece = prop_oneof![
        6 => Just("a.test".to_owned()),
        3 => Just("x.b.test".to_owned()),
        2 => Just("c.test:8080".to_owned()),
        2 => Just("1.1.1.1".to_owned()),
        2 => Just("evil.example".to_owned()),
        1 => Just("127.0.0.1".to_owned()),
        1 => Just("16843009".to_owned()),
        1 => Just("[::1]".to_owned()),
        1 => Just("ａ.test".to_owned()),
        6 => prop::sample::select(vec!["@", ":", "/", "\\", "?", "#", ".", "%", "%2e", "%40", "%2f", "%00", "[", "]", ":443", ":80", "//", "\t", "\n", " ", "\u{3002}", "\u{ad}", "&", ";", "|", "^", "\u{202e}"]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    (scheme, prop::collection::vec(piece, 1..6)).prop_map(|(scheme, pieces)| format!("{scheme}{}", pieces.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_passes_has_an_allowed_host_in_the_eyes_of_both(input in url()) {
        prop_assert_eq!(allowed_by_both_parsers(&input), Ok(()));
    }

    #[test]
    fn no_text_makes_the_policy_panic_and_what_passes_passes_again(input in any::<String>(), likely in url()) {
        let policy = Policy::new(vec!["http://*".parse().unwrap(), "*:8080".parse().unwrap()], Vec::new());
        for input in [input, likely] {
            prop_assert_eq!(allowed_by_both_parsers(&input), Ok(()));
            if let Ok(url) = policy.check_url(&input) {
                prop_assert_eq!(policy.check_url(url.as_str()), Ok(url.clone()), "{:?}", input);
            }
        }
    }
}

#[test]
fn enough_of_the_generated_urls_pass_for_the_comparison_to_mean_something() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let policy = Policy::new(vec!["a.test".parse().unwrap(), "*.b.test".parse().unwrap()], Vec::new());
    let mut runner = TestRunner::deterministic();
    let passed =
        (0..2000).filter(|_| policy.check_url(&url().new_tree(&mut runner).unwrap().current()).is_ok()).count();
    assert!(passed > 100, "{passed} of 2000");
}
