use super::*;
use toml::Value;
use vestibule::config::{Length, Size};

fn load_texts(
    file: &str,
    environment: &[(&str, &str)],
    flags: &[(&str, &str)],
) -> Result<Config, Vec<String>> {
    let mut layers = Layers::new().unwrap();
    file::parse("v.toml", file, &mut layers);
    let variables = environment.iter().map(|(name, value)| (name.into(), value.into()));
    environment::read(variables, &mut layers);
    for (path, text) in flags {
        layers.set_text(path, text, SettingOrigin::Variable(format!("--{path}")));
    }
    layers.finish().map_err(|error| error.faults)
}

#[test]
fn nothing_set_is_the_default() {
    assert_eq!(load_texts("", &[("PATH", "/bin")], &[]), Ok(Config::program_defaults()));
}

#[test]
fn the_admin_listener_is_on_until_it_is_emptied() {
    assert_eq!(load_texts("", &[], &[]).unwrap().admin.listen, "127.0.0.1:9090");
    for file in ["[admin]\nconnections = 1", "admin = {}"] {
        assert_eq!(load_texts(file, &[], &[]).unwrap().admin.listen, "127.0.0.1:9090", "{file}");
    }
    assert_eq!(load_texts("[admin]\nlisten = ''", &[], &[]).unwrap().admin.listen, "");
    let off = [("VESTIBULE_ADMIN__LISTEN", "")];
    assert_eq!(load_texts("", &off, &[]).unwrap().admin.listen, "");
}

#[test]
fn flag_wins_over_environment_over_file_over_default() {
    let file = "listen = '127.0.0.1:1'\ndata = 'file'\ndrain = '1s'";
    let environment = [("VESTIBULE_LISTEN", "127.0.0.1:2"), ("VESTIBULE_DATA", "environment")];
    let config = load_texts(file, &environment, &[("listen", "127.0.0.1:3")]).unwrap();
    assert_eq!(config.listen, ["127.0.0.1:3"]);
    assert_eq!(config.data, "environment");
    assert_eq!(config.drain, Length::from_secs(1));
    assert_eq!(config.backlog, Config::default().backlog);
}

#[test]
fn every_kind_of_value_is_read_from_the_environment() {
    let environment = [
        ("VESTIBULE_LISTEN", "127.0.0.1:9000, [::1]:9000"),
        ("VESTIBULE_REUSE_PORT", "true"),
        ("VESTIBULE_LIMITS__MESSAGES_PER_MINUTE", "0"),
        ("VESTIBULE_LIMITS__MESSAGE_BYTES", "1MiB"),
        ("VESTIBULE_AUTH__TIMEOUT", "250ms"),
        ("VESTIBULE_HTTP__ALLOWED_ORIGINS", ""),
        ("VESTIBULE_AUTH__ISSUER", ""),
    ];
    let config = load_texts("", &environment, &[]).unwrap();
    assert_eq!(config.listen, ["127.0.0.1:9000", "[::1]:9000"]);
    assert!(config.reuse_port);
    assert_eq!(config.limits.messages_per_minute, 0);
    assert_eq!(config.limits.message_bytes, Size::kib(1_024));
    assert_eq!(config.auth.timeout, Length::from_millis(250));
    assert!(config.http.allowed_origins.is_empty());
}

#[test]
fn every_key_can_be_set_by_file_and_by_environment() {
    let defaults = toml::to_string(&Config::program_defaults()).unwrap();
    let known = Layers::new().unwrap().known;
    // It is told which keys were set, though to what they are without.
    let mut all = load_texts(&defaults, &[], &[]).unwrap();
    let given = std::mem::take(&mut all.given);
    assert!(given.keys().eq(known.keys()));
    assert_eq!(all, Config::program_defaults());
    for (path, value) in known {
        let text = match value {
            Value::String(text) => text,
            Value::Array(items) => {
                items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")
            }
            other => other.to_string(),
        };
        let name = format!("VESTIBULE_{}", path.to_uppercase().replace('.', "__"));
        let one = Config { given: [(path, name.clone())].into(), ..Config::program_defaults() };
        assert_eq!(load_texts("", &[(&name, &text)], &[]), Ok(one), "{name}");
    }
}

#[test]
fn an_unknown_key_names_its_line_and_the_nearest_key() {
    let file = "drian = '1s'\n\n[limits]\nmesage_bytes = 1\n[limit]\nping = '1s'\n";
    let faults = load_texts(file, &[], &[]).unwrap_err();
    let expected = [
        "v.toml:1: unknown key `drian`; did you mean `drain`?",
        "v.toml:4: unknown key `limits.mesage_bytes`; did you mean `limits.message_bytes`?",
        "v.toml:5: unknown key `limit`; did you mean `limits`?",
    ];
    assert_eq!(faults, expected);
}

#[test]
fn a_key_outside_its_section_is_sent_there() {
    let faults = load_texts("secret = 'x'\nlog = 5", &[], &[]).unwrap_err();
    let expected = [
        "v.toml:1: unknown key `secret`; did you mean `auth.secret`?",
        "v.toml:2: `log` is a section: write [log] and its keys below it",
    ];
    assert_eq!(faults, expected);
}

#[test]
fn an_unknown_variable_names_the_nearest_one() {
    let environment = [("VESTIBULE_AUTH_SECRET", "hush"), ("VESTIBULE_", "hush")];
    let faults = load_texts("", &environment, &[]).unwrap_err();
    assert_eq!(faults.len(), 2);
    assert!(faults.iter().all(|fault| !fault.contains("hush")));
    assert_eq!(
        faults.last().unwrap(),
        "VESTIBULE_AUTH_SECRET: unknown variable; did you mean VESTIBULE_AUTH__SECRET?"
    );
    assert_eq!(faults[0], "VESTIBULE_: unknown variable");
}

#[test]
fn names_are_suggested_only_where_they_are_near() {
    let layers = Layers::new().unwrap();
    for (written, hint) in [
        ("tls.cert", "; did you mean `tls.cert_file`?"),
        ("tls.key", "; did you mean `tls.key_file`?"),
        ("auth.header_timeout", "; did you mean `http.header_timeout`?"),
        ("limits.outbound", "; did you mean `limits.outbound_bytes` or `limits.outbound_total`?"),
        (
            "limits.queue",
            "; did you mean `accounts.queue` or `assistant.queue` or `backend.queue` or `log.queue`?",
        ),
        ("limit.ping", "; did you mean `limits.ping`?"),
        ("accounts.hue", ""),
        ("tls.colour", ""),
        ("port", ""),
        ("x", ""),
    ] {
        assert_eq!(layers.hint(written), hint, "{written}");
    }
    let port = load_texts("", &[("VESTIBULE_PORT", "tcp://10.0.0.1:80")], &[]).unwrap_err();
    assert_eq!(
        port,
        ["VESTIBULE_PORT: unknown variable; Kubernetes sets it for a Service: write \
          enableServiceLinks: false"]
    );
}

#[test]
fn number_that_does_not_fit_is_told_with_its_range() {
    let file = "[limits]\nconnections = -1\nroom_members = 5000000000\nrooms = -2\n";
    let faults = load_texts(file, &[("VESTIBULE_BACKLOG", "-1")], &[]).unwrap_err();
    let expected = [
        "v.toml:2: limits.connections: -1 is out of range (0 to 16777216 connections)",
        "v.toml:3: limits.room_members: 5000000000 is out of range (0 to 4294967295 connections)",
        "v.toml:4: limits.rooms: -2 is out of range (0 or more rooms)",
        "VESTIBULE_BACKLOG: -1 is out of range (1 to 2147483647 connections)",
    ];
    assert_eq!(faults, expected);
}

#[test]
fn faults_of_all_layers_are_told_with_their_places() {
    let file = "[auth]\ntimeout = 5\nreauth_grace = '0s'\n[limits]\nworkers = 'many'\n";
    let environment = [("VESTIBULE_LIMITS__PING", "often"), ("VESTIBULE_BACKLOG", "x")];
    let faults = load_texts(file, &environment, &[("listen", "here")]).unwrap_err();
    let starts = [
        "v.toml:2: auth.timeout: invalid value: integer `5`, expected a length",
        "v.toml:5: limits.workers: expected a whole number",
        "VESTIBULE_BACKLOG: `x` is not a whole number",
        "VESTIBULE_LIMITS__PING: `often` is not a valid length of time",
        "--listen: `here` is not a valid address",
        "v.toml:3: auth.reauth_grace: 0s is out of range (1ms to 366d)",
    ];
    assert_eq!(faults.len(), starts.len(), "{faults:#?}");
    for (fault, start) in faults.iter().zip(starts) {
        assert!(fault.starts_with(start), "{fault}");
    }
}

#[test]
fn no_fault_shows_a_secret() {
    let files = [
        "[auth]\nsecret = 1234512345",
        "[auth]\nsecret = 'hush-hush",
        "[auth]\nsecret = hush-hush",
        "[auth]\nsecret = 'hush-hush'",
        "[auth]\nsecret = ['hush-hush']",
    ];
    for file in files {
        let faults = load_texts(file, &[], &[]).unwrap_err().join("\n");
        assert!(!faults.contains("hush-hush") && !faults.contains("12345"), "{faults}");
        assert!(faults.starts_with("v.toml:2: "), "{faults}");
    }
}

#[test]
fn a_number_of_bytes_needs_no_unit() {
    let config = load_texts("limits.message_bytes = 65536", &[], &[]).unwrap();
    assert_eq!(config.limits.message_bytes, Size::kib(64));
}

#[test]
fn fault_of_a_file_says_where_its_key_was_set() {
    let variables = [("VESTIBULE_ADMIN__KEY_FILE", "none")];
    let config =
        load_texts("[auth]\nsecret_file = 'none'", &variables, &[("app", "memory")]).unwrap();
    let told = |fault: &str| located(&config.given, fault.to_owned());
    let with_place = [
        ("auth.secret_file none: too short", "v.toml:2: auth.secret_file none: too short"),
        ("admin.key_file: cannot", "VESTIBULE_ADMIN__KEY_FILE: admin.key_file: cannot"),
    ];
    for (fault, expected) in with_place {
        assert_eq!(told(fault), expected);
    }
    // A key that has its default, and what is no key.
    for fault in ["data x: cannot write there", "the server failed: x"] {
        assert_eq!(told(fault), fault);
    }
}
