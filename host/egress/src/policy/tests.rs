use super::*;

fn policy(allow: &[&str], private: &[&str]) -> Policy {
    Policy::new(
        allow.iter().map(|pattern| pattern.parse().unwrap()).collect(),
        private.iter().map(|grant| grant.parse().unwrap()).collect(),
    )
}

fn kind(denied: &Denied) -> &'static str {
    match denied {
        Denied::Url { .. } => "url",
        Denied::Scheme { .. } => "scheme",
        Denied::UserInfo => "userinfo",
        Denied::Host { .. } => "host",
        Denied::OperatorHost { .. } => "operator",
        Denied::Port { .. } => "port",
        Denied::ChosenPort { .. } => "chosen-port",
        Denied::Plain { .. } => "plain",
        Denied::Address { .. } => "address",
        Denied::CredentialHost { .. } => "credential-host",
        Denied::CredentialPort { .. } => "credential-port",
        Denied::CredentialPlain { .. } => "credential-plain",
        Denied::Own { .. } => "own",
    }
}

/// `"ok"` or the kind of refusal.
fn verdict(policy: &Policy, url: &str) -> &'static str {
    policy.check_url(url).as_ref().err().map_or("ok", kind)
}

#[test]
fn a_url_passes_only_when_the_allow_list_names_its_host_scheme_and_port() {
    for (allow, private, url, expected) in [
        (&["a.test"][..], &[][..], "https://a.test/x?y#z", "ok"),
        (&["a.test"], &[], "https://A.TEST./", "ok"),
        (&["a.test"], &[], "https://a.test:443", "ok"),
        (&["a.test"], &[], "https://b.test", "host"),
        (&[], &[], "https://a.test", "host"),
        // Ports.
        (&["a.test"], &[], "https://a.test:8443", "port"),
        (&["a.test:8443"], &[], "https://a.test:8443", "ok"),
        (&["a.test:8443"], &[], "https://a.test", "port"),
        (&["*:8080"], &[], "https://a.test:8080", "ok"),
        (&["a.test", "a.test:8443"], &[], "https://a.test:8443", "ok"),
        (&["a.test"], &["10.0.0.1:8443"], "https://a.test:8443", "ok"),
        (&["a.test"], &["10.0.0.0/8"], "https://a.test:8443", "port"),
        // Plain http.
        (&["a.test"], &[], "http://a.test", "plain"),
        (&["http://a.test"], &[], "http://a.test", "ok"),
        (&["http://a.test"], &[], "https://a.test", "ok"),
        (&["http://a.test"], &[], "http://a.test:8080", "port"),
        (&["http://a.test:8080"], &[], "http://a.test:8080", "ok"),
        (&["a.test"], &[], "http://a.test:443", "port"),
        (&["a.test"], &["10.0.0.0/8"], "http://a.test", "ok"),
        (&["a.test"], &["10.0.0.1:80"], "http://a.test", "ok"),
        (&["a.test"], &["10.0.0.1:81"], "http://a.test", "plain"),
        // Addresses in the URL.
        (&["*"], &[], "https://1.1.1.1", "ok"),
        (&["1.1.1.1"], &[], "https://1.1.1.1", "ok"),
        (&["*"], &[], "https://10.1.2.3", "address"),
        (&["10.1.2.3"], &[], "https://10.1.2.3", "address"),
        (&["10.1.2.3"], &["10.0.0.0/8"], "https://10.1.2.3", "ok"),
        (&["10.1.2.3"], &["10.0.0.0/8"], "http://10.1.2.3", "ok"),
        (&["10.1.2.3"], &["10.1.2.3:80"], "https://10.1.2.3", "address"),
        (&["10.1.2.3"], &["10.1.2.3:8080"], "http://10.1.2.3:8080", "ok"),
        (&["10.1.2.3"], &["10.1.2.4:8080"], "http://10.1.2.3:8080", "address"),
        (&["10.1.2.3:8080"], &["10.0.0.0/8"], "http://10.1.2.3:8080", "ok"),
        (&["1.1.1.1"], &["10.0.0.0/8"], "http://1.1.1.1", "plain"),
        (&["*"], &["127.0.0.1"], "https://[::ffff:127.0.0.1]", "ok"),
        (&["*"], &["127.0.0.1"], "https://[::7f00:1]", "address"),
        // A grant widens no allow-list.
        (&["a.test"], &["10.0.0.0/8"], "http://10.1.2.3", "host"),
        (&[], &["0.0.0.0/0"], "https://1.1.1.1", "host"),
        // Schemes.
        (&["*"], &[], "file:///etc/passwd", "scheme"),
        (&["*"], &[], "ftp://a.test", "scheme"),
        (&["*"], &[], "ws://a.test", "scheme"),
        (&["*"], &[], "gopher://a.test", "scheme"),
        (&["*"], &[], "data:text/plain,x", "scheme"),
        (&["*"], &[], "unix:///var/run/docker.sock", "scheme"),
        // User information, also where another parser would look for the host.
        (&["*"], &[], "https://me@a.test", "userinfo"),
        (&["*"], &[], "https://me:pw@a.test", "userinfo"),
        (&["*"], &[], "https://:pw@a.test", "userinfo"),
        (&["*"], &[], "https://@a.test", "userinfo"),
        (&["*"], &[], "https://a.test/@x", "ok"),
        (&["a.test"], &[], "https://a.test@evil.test", "userinfo"),
        (&["a.test"], &[], "https://evil.test#@a.test", "host"),
        (&["a.test"], &[], "https://evil.test?@a.test", "host"),
        // What two parsers may read differently.
        (&["*"], &[], "https://a.test\\@evil.test", "url"),
        (&["*"], &[], "https:\\\\a.test", "url"),
        (&["*"], &[], "https://a.te\tst", "url"),
        (&["*"], &[], "https://a.test/\r\nX: y", "url"),
        (&["*"], &[], "https:a.test", "url"),
        (&["*"], &[], "https:/a.test", "url"),
        (&["*"], &[], "https:///a.test", "url"),
        (&["*"], &[], "a.test", "url"),
        (&["*"], &[], "", "url"),
        (&["*"], &[], "https://", "url"),
        (&["*"], &[], "https://a.test..", "url"),
        (&["*"], &[], "https://[::1", "url"),
        (&["*"], &[], "https://[fe80::1%25eth0]", "url"),
        (&["*"], &[], "https://1.2.3.4.5", "url"),
        (&["*"], &[], "https://a.test:99999", "url"),
        (&["a.test"], &[], "https://a.test/a\\b", "url"),
        (&["a.test"], &[], "https://a.test/?q=a\\b", "ok"),
        (&["a.test"], &[], "https://%61.test", "ok"),
    ] {
        assert_eq!(verdict(&policy(allow, private), url), expected, "{url} with {allow:?} and {private:?}");
    }
}

#[test]
fn every_disguise_of_a_private_address_is_refused_under_the_widest_allow_list() {
    let everything = policy(&["http://*", "*"], &[]);
    for host in DISGUISES {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{host}/");
            assert_eq!(verdict(&everything, &url), "address", "{url}");
        }
    }
    assert_eq!(verdict(&everything, "http://127.0.0.1@1.1.1.1/"), "userinfo");
    assert_eq!(verdict(&everything, "http://1.1.1.1@127.0.0.1/"), "userinfo");
}

const DISGUISES: &[&str] = &[
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0X7F.1",
    "0177.0.0.1",
    "017700000001",
    "１２７.０.０.１",
    "127。0。0。1",
    "%31%32%37.0.0.1",
    "0",
    "0.0.0.0",
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "[::]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::FFFF:169.254.169.254]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::169.254.169.254]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    "[fd00:ec2::254]",
    "[FD00:EC2::254]",
    "[fe80::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[2606:4700::5efe:127.0.0.1]",
];

#[test]
fn addresses_are_public_or_granted_for_their_port() {
    for (private, ip, port, expected) in [
        (&[][..], "1.1.1.1", 443, true),
        (&[], "10.0.0.1", 443, false),
        (&["10.0.0.0/8"], "10.0.0.1", 1, true),
        (&["10.0.0.0/8:80"], "10.0.0.1", 80, true),
        (&["10.0.0.0/8:80"], "10.0.0.1", 81, false),
        (&["10.0.0.0/8"], "11.0.0.1", 443, true),
        (&["10.0.0.0/8"], "127.0.0.1", 443, false),
        (&["::1"], "::1", 80, true),
        (&["::1"], "127.0.0.1", 80, false),
        (&["127.0.0.1"], "::ffff:127.0.0.1", 80, true),
        (&["10.0.0.0/8"], "2002:a00:1::", 80, false),
        // A network that happens to hold a metadata service does not open it.
        (&["169.254.0.0/16"], "169.254.1.1", 80, true),
        (&["169.254.0.0/16"], "169.254.169.254", 80, false),
        (&["169.254.169.254"], "169.254.169.254", 80, true),
        (&["fd00::/8"], "fd00::1", 80, true),
        (&["fd00::/8"], "fd00:ec2::254", 80, false),
        (&["0.0.0.0/0"], "169.254.169.254", 80, false),
    ] {
        let got = policy(&["*"], private).check_addr(ip.parse().unwrap(), port);
        assert_eq!(got.is_ok(), expected, "{ip} port {port} with {private:?}: {got:?}");
    }
}

#[test]
fn the_operators_list_narrows_the_pieces_and_never_widens_it() {
    let narrowed = |allow: &[&str], limit: &[&str]| {
        policy(allow, &[]).within(limit.iter().map(|pattern| pattern.parse().unwrap()).collect())
    };
    for (allow, limit, url, expected) in [
        (&["*"][..], &["a.test"][..], "https://a.test", "ok"),
        (&["*"], &["a.test"], "https://b.test", "operator"),
        (&["a.test"], &["*"], "https://b.test", "host"),
        (&["a.test"], &[], "https://a.test", "operator"),
        (&["*:8443"], &["a.test"], "https://a.test:8443", "port"),
        // A port that the operator names is open where the piece names none, on hosts that it names.
        (&["*"], &["a.test:8443"], "https://a.test:8443", "ok"),
        (&["*"], &["*", "a.test:8443"], "https://b.test:8443", "port"),
        (&["a.test:9443"], &["a.test:8443"], "https://a.test:8443", "port"),
        (&["b.test"], &["a.test:8443"], "https://a.test:8443", "host"),
        (&["http://a.test"], &["a.test"], "http://a.test", "plain"),
        (&["http://a.test"], &["http://a.test"], "http://a.test", "ok"),
    ] {
        assert_eq!(verdict(&narrowed(allow, limit), url), expected, "{url} with {allow:?} within {limit:?}");
    }
}

#[test]
fn a_port_that_a_user_chose_is_open_only_if_the_operator_names_it_or_grants_the_address() {
    let list = |patterns: &[&str]| patterns.iter().map(|pattern| pattern.parse().unwrap()).collect::<Vec<_>>();
    for (allow, chosen, private, limit, url, expected) in [
        (&[][..], &["a.test:8443"][..], &[][..], None, "https://a.test:8443", "chosen-port"),
        (&[], &["http://a.test:22"], &[], None, "http://a.test:22", "chosen-port"),
        (&[], &["1.1.1.1:8443"], &[], None, "https://1.1.1.1:8443", "chosen-port"),
        (&[], &["a.test:8443"], &[], Some(&["*", "a.test:8443"][..]), "https://a.test:8443", "ok"),
        (&[], &["a.test:8443"], &[], Some(&["*", "*:8443"]), "https://a.test:8443", "ok"),
        (&[], &["a.test:8443"], &[], Some(&["*"]), "https://a.test:8443", "port"),
        (&[], &["127.0.0.1:8080"], &["127.0.0.1:8080"], None, "http://127.0.0.1:8080", "ok"),
        (&[], &["127.0.0.1:8080"], &["127.0.0.0/8"], None, "http://127.0.0.1:8080", "ok"),
        (&[], &["127.0.0.1:8080"], &["127.0.0.1:81"], None, "http://127.0.0.1:8080", "chosen-port"),
        // The piece's own entry may say as much or more.
        (&["*:8443"], &["a.test:8443"], &[], None, "https://a.test:8443", "ok"),
        (&["*"], &["a.test:8443"], &[], None, "https://a.test:8443", "chosen-port"),
        (&["*"], &["a.test:8443"], &[], None, "https://a.test", "ok"),
    ] {
        let policy = policy(allow, private).with_chosen_ports(list(chosen));
        let policy = limit.map_or(policy.clone(), |limit: &[&str]| policy.within(list(limit)));
        assert_eq!(verdict(&policy, url), expected, "{url}: {allow:?}, {chosen:?}, {private:?}, {limit:?}");
    }
}

#[test]
fn credentials_go_only_to_their_hosts_and_not_in_the_clear() {
    for (allow, private, hosts, url, expected) in [
        (&["*"][..], &[][..], &["a.test"][..], "https://a.test", "ok"),
        (&["*"], &[], &["a.test"], "https://b.test", "credential-host"),
        (&["*"], &[], &[], "https://a.test", "credential-host"),
        (&["*", "*:8443"], &[], &["a.test"], "https://a.test:8443", "credential-port"),
        (&["*", "*:8443"], &[], &["a.test:8443"], "https://a.test:8443", "ok"),
        (&["http://*"], &[], &["http://a.test"], "http://a.test", "credential-plain"),
        (&["http://*"], &["10.0.0.0/8"], &["10.1.1.1"], "http://10.1.1.1", "ok"),
        (&["http://*"], &["10.0.0.0/8"], &["1.1.1.1"], "http://1.1.1.1", "credential-plain"),
        (&["*"], &["10.0.0.5:3000"], &["10.0.0.5"], "http://10.0.0.5:3000", "ok"),
        (&["a.test"], &[], &["*"], "https://b.test", "host"),
    ] {
        let hosts: Vec<HostPattern> = hosts.iter().map(|pattern| pattern.parse().unwrap()).collect();
        let got = policy(allow, private).admit(read_url(None, url).unwrap(), Some(&hosts), &Own::default());
        assert_eq!(got.as_ref().err().map_or("ok", kind), expected, "{url} with {allow:?}, {private:?}, {hosts:?}");
    }
}

#[test]
fn connections_are_shared_only_where_the_same_addresses_are_vetted() {
    let vetting = |allow: &[&str], private: &[&str], url: &str| {
        policy(allow, private).admit(read_url(None, url).unwrap(), None, &Own::default()).unwrap().vetting
    };
    assert_eq!(vetting(&["*"], &[], "https://a.test"), Vetting::PUBLIC);
    assert_eq!(vetting(&["*"], &["10.0.0.1:80"], "https://a.test"), Vetting::PUBLIC, "the grant is for another port");
    assert_eq!(
        vetting(&["*"], &["10.0.0.2", "10.0.0.1:443"], "https://a.test"),
        vetting(&["a.test"], &["10.0.0.1", "10.0.0.2", "10.0.0.2:443"], "https://a.test"),
    );
    assert_ne!(vetting(&["*"], &["10.0.0.1"], "https://a.test"), Vetting::PUBLIC);
    assert_ne!(
        vetting(&["*"], &["10.0.0.1"], "http://a.test"),
        vetting(&["http://*"], &["10.0.0.1"], "http://a.test"),
        "one may use public addresses over plain http, the other may not"
    );
}

#[test]
fn a_refusal_says_what_to_add_and_where() {
    let everything = policy(&["*"], &[]);
    for (policy, url, expected) in [
        (
            &policy(&[], &[]),
            "https://a.test/secret?key=canary",
            "`a.test` is not among the hosts of this piece: add it to `egress.hosts` of the piece's metadata",
        ),
        (&everything, "https://10.1.2.3:443/", "private = [\"10.1.2.3:443\"]"),
        (&everything, "https://[::1]/", "private = [\"[::1]:443\"]"),
        (&everything, "https://a.test:8443/", "add `a.test:8443` to `egress.hosts`"),
        (&everything, "http://a.test/", "add `http://a.test` to `egress.hosts`"),
    ] {
        let message = policy.check_url(url).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
        assert!(!message.contains("canary"), "{message}");
    }
}

#[test]
fn a_check_costs_microseconds() {
    let policy = policy(&["api.example.com", "*.example.org", "*.test"], &["10.0.0.0/8", "127.0.0.1:4747"]);
    let rounds = 20_000_u32;
    let start = std::time::Instant::now();
    for _ in 0..rounds {
        std::hint::black_box(policy.check_url(std::hint::black_box("https://a.test/v1/things?page=2"))).unwrap();
    }
    let each = start.elapsed() / rounds;
    eprintln!("one policy check: {each:?}");
}
