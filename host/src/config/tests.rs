use std::fs;

use leno_metadata::PieceName;
use leno_sandbox::budgets;

use secrecy::ExposeSecret as _;

use super::*;

/// A working directory with a settings file, and the settings as text.
struct Setup {
    directory: tempfile::TempDir,
    sources: Sources,
}

impl Setup {
    fn new(toml: &str, environment: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("leno.toml"), toml).unwrap();
        let sources = Sources {
            environment: environment.iter().map(|(name, value)| (name.into(), value.into())).collect(),
            directory: directory.path().to_owned(),
            ..Sources::default()
        };
        Self { directory, sources }
    }

    fn flag(mut self, env: &'static str, value: &str) -> Self {
        self.sources.flags.insert(env, value.into());
        self
    }

    fn file(self, name: &str, content: &str) -> Self {
        fs::write(self.directory.path().join(name), content).unwrap();
        self
    }

    fn read(&self) -> Config {
        Config::read(&self.sources).unwrap_or_else(|problems| panic!("{problems}"))
    }

    fn problems(&self) -> Vec<String> {
        let directory = format!("{}/", self.directory.path().display());
        Config::read(&self.sources).unwrap_err().iter().map(|problem| problem.replace(&directory, "")).collect()
    }
}

fn name(text: &str) -> PieceName {
    text.parse().unwrap()
}

#[test]
fn with_nothing_set_everything_has_the_default_that_the_help_names() {
    let setup = Setup { directory: tempfile::tempdir().unwrap(), sources: Sources::default() };
    let config = setup.read();
    assert_eq!(config.listen.to_string(), setting::LISTEN.default);
    assert_eq!(config.queue_wait.as_millis().to_string(), setting::QUEUE_WAIT_MS.default);
    assert_eq!(config.limits.wall.as_millis().to_string(), setting::CALL_TIMEOUT_MS.default);
    assert_eq!(config.limits.cpu.as_millis().to_string(), setting::CALL_CPU_MS.default);
    assert_eq!((config.limits.memory >> 20).to_string(), setting::CALL_MEMORY_MB.default);
    assert_eq!(config.log, LogSettings { filter: setting::LOG.default.to_string(), format: LogFormat::Text });
    assert_eq!(config.pieces_lock, PathBuf::from("pieces.lock"));
    assert!(!config.production);
    assert!(config.jwt_secret.is_none() && config.internal_api_tokens.is_empty() && config.public_url.is_none());
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let toml = "max_calls = 1\nmax_calls_per_piece = \"1\"\nqueue_wait_ms = 1\nproduction = false\n";
    let environment = [("LENO_MAX_CALLS", "2"), ("LENO_MAX_CALLS_PER_PIECE", "2"), ("LENO_QUEUE_WAIT_MS", "")];
    let config = Setup::new(toml, &environment).flag("LENO_MAX_CALLS", "3").read();
    let limit = |spec| config.budgets.get(spec).limit();
    assert_eq!((limit(&budgets::MAX_CALLS), limit(&budgets::MAX_CALLS_PER_PIECE)), (3, 2));
    assert_eq!(config.queue_wait, Duration::from_millis(1), "an empty variable counts as unset");
}

#[test]
fn every_wrong_setting_is_told_at_once_with_where_it_is_and_what_is_expected() {
    let toml = "listen = \"4747\"\nmax_calls = 0\nlisten_port = 1\nmax_cals = 1\nlog = []\n[grants.http]\nhost = [\"a.test\"]\n";
    let setup = Setup::new(
        toml,
        &[
            ("LENO_CALL_MEMORY_MB", "4096"),
            ("LENO_PRODUCTION", "maybe"),
            ("LENO_PUBLIC_URL", "leno.example.com"),
            ("DATABASE_URL", "mysql://root:hunter2@db/leno"),
            ("LENO_LOG", "info,=,"),
        ],
    );
    let problems = setup.flag(setting::LOG_FORMAT.env, "xml").problems();
    let expected = [
        "leno.toml:7: grants.http: there is no `host` (did you mean `hosts`?)",
        "leno.toml:3: there is no setting `listen_port`",
        "leno.toml:5: log (LENO_LOG): expected one string, number or boolean",
        "leno.toml:4: there is no setting `max_cals` (did you mean `max_calls`?)",
        "LENO_PRODUCTION (environment): expected true or false; got \"maybe\"",
        "LENO_CALL_MEMORY_MB (environment): expected a whole number from 1 to 128; got \"4096\"",
        "LENO_LISTEN (leno.toml:1): expected an IP address and a port, such as 127.0.0.1:4747; got \"4747\"",
        "LENO_PUBLIC_URL (environment): expected a URL such as https://leno.example.com; got \"leno.example.com\"",
        "DATABASE_URL (environment): expected sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE",
        "LENO_MAX_CALLS (leno.toml:2): expected a whole number from 1 to 10000; got \"0\"",
        "LENO_LOG (environment): expected a log filter such as `info` or `warn,leno::api=debug`; got \"info,=,\"",
        "LENO_LOG_FORMAT (--log-format): expected text or json; got \"xml\"",
    ];
    assert_eq!(problems, expected);
}

#[test]
fn no_problem_or_debug_output_quotes_a_secret() {
    let environment = [
        ("LENO_PRODUCTION", "1"),
        ("JWT_SECRET", "hunter2"),
        ("INTERNAL_API_TOKEN", "hunter2"),
        ("DATABASE_URL", "sqlserver://sa:hunter2@db"),
        ("INTEGRATION_ENCRYPTION_KEY", "hunter2"),
        ("LENO_OLD_ENCRYPTION_KEYS", "hunter2,hunter2"),
    ];
    let problems = Setup::new("", &environment).problems();
    assert_eq!(problems.len(), 6, "{problems:?}");
    assert!(!problems.concat().contains("hunter2"), "{problems:?}");
    let config = Setup::new("", &[("JWT_SECRET", "hunter2"), ("DATABASE_URL", "postgres://a:hunter2@db/x")]).read();
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn production_takes_no_weak_or_missing_secret() {
    let long = "0123456789abcdef".repeat(2);
    let key = ("AP_ENCRYPTION_KEY", long.as_str());
    let example = format!("CHANGEME{long}");
    let repeated = "abcd".repeat(8);
    for (secret, fine) in
        [("", false), ("secretKey", false), (&long[1..], false), (&example, false), (&repeated, false), (&long, true)]
    {
        let setup = Setup::new("", &[("LENO_PRODUCTION", "true"), ("JWT_SECRET", secret), key]);
        assert_eq!(Config::read(&setup.sources).is_ok(), fine, "{secret:?}");
        assert!(Config::read(&Setup::new("", &[("JWT_SECRET", secret)]).sources).is_ok(), "{secret:?}");
    }
    let production = [("LENO_PRODUCTION", "true"), ("JWT_SECRET", &long), key];
    for (variable, value, problem) in [
        ("LENO_OLD_JWT_SECRETS", format!("{long},{repeated}"), "LENO_OLD_JWT_SECRETS: secret 2 repeats"),
        ("INTERNAL_API_TOKEN", "hunter2".to_owned(), "is too short"),
        (
            "LENO_OLD_INTERNAL_API_TOKENS",
            format!("{long},placeholder-token"),
            "LENO_OLD_INTERNAL_API_TOKENS, is an example",
        ),
        ("INTEGRATION_ENCRYPTION_KEY", "ab".repeat(32), "INTEGRATION_ENCRYPTION_KEY: the key repeats"),
        ("LENO_PUBLIC_URL", "http://leno.example.com".to_owned(), "LENO_PUBLIC_URL is not an https URL"),
    ] {
        let problems = Setup::new("", &[&production[..], &[(variable, value.as_str())]].concat()).problems();
        assert!(problems.len() == 1 && problems[0].contains(problem), "{problems:?}");
        assert!(!problems[0].contains(&value), "{problems:?}");
        assert!(Config::read(&Setup::new("", &[(variable, value.as_str())]).sources).is_ok(), "{variable}");
    }
    let rolling = [
        ("LENO_OLD_JWT_SECRETS", long.as_str()),
        ("INTERNAL_API_TOKEN", "a"),
        ("LENO_OLD_INTERNAL_API_TOKENS", "b, c"),
    ];
    let config = Setup::new("", &rolling).read();
    assert_eq!((config.old_jwt_secrets.len(), config.internal_api_tokens.len()), (1, 3));
}

#[test]
fn a_wrong_encryption_key_is_told_by_its_variable_and_its_length() {
    let (hex, text) = ("0f".repeat(32), "é".repeat(32));
    for (variable, value, problem) in [
        ("INTEGRATION_ENCRYPTION_KEY", hex[1..].to_owned(), "got 63"),
        ("INTEGRATION_ENCRYPTION_KEY", format!("{}g", &hex[1..]), "got 64, some not hexadecimal"),
        ("AP_ENCRYPTION_KEY", text.replacen('é', "", 1), "got 31"),
        ("AP_ENCRYPTION_KEY", format!("{text}x"), "got 33"),
        ("LENO_OLD_ENCRYPTION_KEYS", format!("{hex}, {}", &hex[..32 + 1]), "key 2: "),
        ("LENO_OLD_ENCRYPTION_KEYS", format!("{hex},"), "key 2: "),
    ] {
        let problems = Setup::new("", &[(variable, &value)]).problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with(variable) && problems[0].contains(problem), "{problems:?}");
        assert!(!problems[0].contains("0f0f") && !problems[0].contains('é'), "{problems:?}");
    }
    let both = [("INTEGRATION_ENCRYPTION_KEY", hex.as_str()), ("AP_ENCRYPTION_KEY", &text)];
    assert_eq!(Setup::new("", &both).read().encryption_key.unwrap().expose_secret(), hex);
    assert_eq!(Setup::new("", &both[1..]).read().encryption_key.unwrap().expose_secret(), text);
    let old = format!(" {hex} ,{text}");
    assert_eq!(Setup::new("", &[("LENO_OLD_ENCRYPTION_KEYS", &old)]).read().old_encryption_keys.len(), 2);
    let long = "0123456789abcdef".repeat(2);
    let missing = Setup::new("", &[("LENO_PRODUCTION", "1"), ("JWT_SECRET", &long)]).problems();
    assert!(missing.len() == 1 && missing[0].starts_with("INTEGRATION_ENCRYPTION_KEY is not set"), "{missing:?}");
}

#[test]
fn paths_in_a_file_are_relative_to_the_file_and_others_to_the_working_directory() {
    let setup = Setup::new("", &[("LENO_PIECES_DIR", "mine")]);
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("other.toml");
    fs::write(&file, "data_dir = \"data\"\npieces_dir = \"ignored\"\n").unwrap();
    let sources = Sources { file: Some(file), ..setup.sources.clone() };
    let config = Config::read(&sources).unwrap();
    assert_eq!(config.data_dir, elsewhere.path().join("data"));
    assert_eq!(config.pieces_dir, setup.directory.path().join("mine"));
    assert_eq!(config.pieces_lock, setup.directory.path().join("pieces.lock"));
    let missing = Sources { file: Some("nowhere.toml".into()), ..setup.sources.clone() };
    assert!(Config::read(&missing).unwrap_err().to_string().contains("there is no such file"));
}

#[test]
fn the_lock_is_beside_the_settings_and_where_it_used_to_be_only_outside_of_production() {
    let long = "0123456789abcdef".repeat(2);
    let production = [("LENO_PRODUCTION", "1"), ("JWT_SECRET", &long), ("AP_ENCRYPTION_KEY", &long)];
    for (environment, old, new, expected) in [
        (&[][..], false, false, "pieces.lock"),
        (&[], true, false, "pieces/pieces.lock"),
        (&[], true, true, "pieces.lock"),
        (&production, true, false, "pieces.lock"),
    ] {
        let setup = Setup::new("", environment);
        fs::create_dir(setup.directory.path().join("pieces")).unwrap();
        for (path, there) in [("pieces/pieces.lock", old), ("pieces.lock", new)] {
            if there {
                fs::write(setup.directory.path().join(path), "").unwrap();
            }
        }
        let config = setup.read();
        assert_eq!(config.pieces_lock, setup.directory.path().join(expected), "{old} {new}");
        let trust = if config.production { Trust::Apart(config.pieces_dir.clone()) } else { Trust::Anywhere };
        assert_eq!(config.lock_file().trust, trust);
    }
    let key = "MCowBQYDK2VwAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=";
    let signed = Setup::new("", &[&production[..], &[("LENO_LOCK_KEY", key)]].concat()).read();
    assert_eq!(signed.lock_file().trust, Trust::Signed(key.parse().unwrap()));
    let problems = Setup::new("lock_key = 'x'\n", &[]).problems();
    assert!(problems[0].starts_with("LENO_LOCK_KEY (leno.toml:1): expected an Ed25519 public key"), "{problems:?}");
}

#[test]
fn the_embedded_database_is_found_whatever_its_directory_is_called() {
    let setup = Setup::new("", &[("LENO_DATA_DIR", "/var/lib/le no?#%41/é")]);
    let url = setup.read().database_url;
    assert_eq!(url.expose_secret(), "sqlite:///var/lib/le%20no%3F%23%2541/%C3%A9/leno.db");
}

#[test]
fn a_misspelt_variable_is_pointed_out() {
    let config =
        Setup::new("", &[("LENO_LISTN", "1"), ("LENO_CONFIG", ""), ("LENO_GUESTS_DIR", "x"), ("LISTEN", "x")]).read();
    assert_eq!(config.warnings, ["the variable LENO_LISTN is not a setting (did you mean `LENO_LISTEN`?)"]);
}

#[test]
fn secrets_in_a_file_that_others_can_read_are_pointed_out() {
    use std::os::unix::fs::PermissionsExt as _;
    let setup = Setup::new("jwt_secret = \"s\"\n", &[]);
    let path = setup.directory.path().join("leno.toml");
    for (mode, warnings) in [(0o644, 1), (0o600, 0)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(setup.read().warnings.len(), warnings, "{mode:o}");
    }
}

#[test]
fn a_file_that_is_not_toml_is_told_with_its_line() {
    let problems = Setup::new("listen = \"127.0.0.1:1\"\nlisten\n", &[]).problems();
    assert!(problems[0].starts_with("leno.toml:2: "), "{problems:?}");
}

#[test]
fn a_piece_gets_its_own_grant_over_the_one_for_all_over_the_hosts_limits() {
    let toml = r#"
        call_cpu_ms = 700
        [grants."*"]
        private = ["10.0.0.0/8"]
        limits = { memory_mb = 32, wall_ms = 1000 }
        [grants."@activepieces/piece-http"]
        hosts = ["api.example.com", "*.example.org"]
        secrets = true
        limits = { wall_ms = 60_000, output_bytes = 67_108_864 }
        [grants.closed]
        hosts = []
        private = []
    "#;
    let grants = Setup::new(toml, &[("LENO_CALL_TIMEOUT_MS", "9000")]).read().grants;

    let http = grants.for_piece(&name("http"));
    assert_eq!(
        http.hosts.unwrap().iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["api.example.com", "*.example.org"]
    );
    assert_eq!(http.private[0].to_string(), "10.0.0.0/8");
    assert!(http.secrets);
    assert_eq!(
        (http.limits.wall.as_millis(), http.limits.cpu.as_millis(), http.limits.memory >> 20),
        (60_000, 700, 32)
    );
    assert!(http.limits.transfer > http.limits.output, "an answer that is allowed gets through");

    let closed = grants.for_piece(&name("closed"));
    assert_eq!((closed.hosts, closed.private, closed.secrets), (Some(vec![]), vec![], false));
    let other = grants.for_piece(&name("other"));
    assert_eq!((other.hosts, other.private.len(), other.limits.wall.as_millis()), (None, 1, 1000));
    assert_eq!(grants.pieces().collect::<Vec<_>>(), ["closed", "http"]);

    let bare = Setup::new("", &[]).read().grants.for_piece(&name("http"));
    assert_eq!((bare.hosts, bare.private.len(), bare.secrets, bare.limits), (None, 0, false, Limits::default()));
}

#[test]
fn wrong_grants_are_told_at_once_and_grant_nothing() {
    let toml = r#"
        hosts = ["a.test"]
        [grants]
        secrets = true
        [grants.Http]
        [grants.a]
        hosts = "a.test"
        secrets = "yes"
        [grants.b]
        hosts = ["https://a.test/path", 1]
        private = ["localhost"]
        limits = { cpu = 1, wall_ms = 0, memory_mb = "64" }
        limit = 1
    "#;
    let problems = Setup::new(toml, &[]).problems();
    for (line, part) in [
        (2, "no setting `hosts`"),
        (4, "move it into such a table"),
        (5, "grants.Http"),
        (7, "expected a list of strings"),
        (8, "expected true or false"),
        (10, "is not a host pattern"),
        (10, "expected a list of strings"),
        (11, "is not a private grant"),
        (12, "no limit `cpu` (did you mean `cpu_ms`?)"),
        (12, "b.limits.wall_ms: expected a whole number from 1 to"),
        (12, "b.limits.memory_mb: expected a whole number from 1 to 128"),
        (13, "no `limit` (did you mean `limits`?)"),
    ] {
        let line = format!("leno.toml:{line}: ");
        assert!(
            problems.iter().any(|problem| problem.starts_with(&line) && problem.contains(part)),
            "{part}: {problems:#?}"
        );
    }
    assert_eq!(problems.len(), 12, "{problems:#?}");
}

#[test]
fn grants_may_have_a_file_of_their_own_but_a_piece_has_one_table() {
    let toml = "[grants.a]\nsecrets = true\n";
    let environment = [("LENO_GRANTS", "grants.toml")];
    let read = |content| Setup::new(toml, &environment).file("grants.toml", content);
    let grants = read("[grants.b]\nsecrets = true\n").read().grants;
    assert!(grants.for_piece(&name("a")).secrets && grants.for_piece(&name("b")).secrets);

    let twice = read("[grants.a]\n").problems();
    assert_eq!(twice, ["grants.toml:1: [grants.a] is in leno.toml:1 already; keep one of them"]);
    let setting = read("listen = '127.0.0.1:1'\n").problems();
    assert_eq!(setting, ["grants.toml:1: `listen` is a setting; move it to leno.toml"]);
    let missing = Setup::new("", &environment).problems();
    assert_eq!(missing, ["LENO_GRANTS: there is no file grants.toml"]);
}
