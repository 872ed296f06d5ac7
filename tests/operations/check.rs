//! `vestibule check` finds what would stop the server, and changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::cli::{Home, SECRET};
use super::issuer::jwk;
use crate::support::{PATIENCE, now};

/// Two keys that are used, and one that is not for signatures.
fn keys() -> String {
    let mut other = jwk("new");
    other["kid"] = json!("enc");
    other["use"] = json!("enc");
    json!({ "keys": [jwk("old"), other, jwk("new")] }).to_string()
}

/// A configuration whose keys are at this `place`.
fn with_keys(place: &str) -> String {
    format!("[auth]\nalgorithms = ['EdDSA', 'ES256']\n{place}\n")
}

/// Everything below `directory`: its path, and what it holds if it is a file.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        }
        found.insert(path.display().to_string(), fs::read(&path).unwrap_or_default());
    }
    found
}

/// The comment lines of the summary.
fn summary(stdout: &str) -> Vec<&str> {
    stdout.lines().skip_while(|line| *line != "# No fault was found.").skip(1).collect()
}

/// An issuer that answers each request with this head and body.
fn issuer(head: &'static str, body: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let _ = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).count();
            let length = body.len();
            let head = format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close");
            let _ = write!(stream, "{head}\r\n\r\n{body}");
        }
    });
    address
}

#[test]
fn used_and_skipped_keys_are_listed_by_kid() {
    let home = Home::new();
    home.write("keys.json", &keys());
    home.write("v.toml", &with_keys("jwks_file = 'keys.json'"));
    let done = home.run(&["check", "--config", "v.toml"]);
    let text = done.succeeded();
    assert!(text.parse::<toml::Table>().is_ok(), "{text}");
    let expected = [
        "# Keys: auth.jwks_file keys.json: 2 keys (1 ES, 1 Ed), 1 skipped",
        "#   kid \"old\": EdDSA",
        "#   kid \"new\": ES256",
        "# Addresses, which were not opened: 127.0.0.1:8080; admin: off; metrics only: off",
        "# Data directory: ./vestibule-data, will be created",
    ];
    assert_eq!(summary(text), expected, "{text}");
    let warnings: Vec<_> = done.stderr.lines().collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("warning: auth.jwks_file keys.json: "), "{warnings:?}");
    assert!(warnings[0].contains("\"enc\"") && warnings[0].contains("`use`"), "{warnings:?}");
}

#[test]
fn every_faulty_file_is_a_fault_and_nothing_changes() {
    let home = Home::new();
    home.write("file", "");
    let lines = "data = 'file/data'\n[log]\nfile = 'none/log'\n[admin]\nlisten = '127.0.0.1:0'\n\
                 key_file = 'none/key'\n";
    home.write("v.toml", &format!("{lines}{}", with_keys("public_key_file = 'none.pem'")));
    let before = files(home.0.path());
    let done = home
        .run_with(&[("VESTIBULE_ADMIN__LISTEN", "127.0.0.1:0")], &["check", "--config", "v.toml"]);
    let mut faults = done.faults();
    faults.sort_unstable();
    let expected = [
        "v.toml:1: data file/data: cannot write there: Not a directory",
        "v.toml:3: log.file none/log: No such file",
        "v.toml:6: admin.key_file: cannot read none/key: No such file",
        "v.toml:9: auth.public_key_file none.pem: No such file",
    ];
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
    for (fault, start) in faults.iter().zip(expected) {
        assert!(fault.starts_with(start), "{fault}");
    }
    assert_eq!((&*done.stdout, files(home.0.path())), ("", before));
}

#[test]
fn directory_that_only_revocations_need_is_a_warning() {
    let home = Home::new();
    // Nothing can be created there, whoever tries.
    let variables = [
        ("VESTIBULE_DATA", "/proc/vestibule"),
        ("VESTIBULE_AUTH__SECRET", SECRET),
        ("VESTIBULE_BACKEND__URL", "http://127.0.0.1:1"),
    ];
    let needed = home.run_with(&variables[..2], &["check"]);
    assert!(
        needed.faults()[0]
            .starts_with("VESTIBULE_DATA: data /proc/vestibule: cannot write there: ")
    );
    if cfg!(feature = "backend") {
        let done = home.run_with(&variables, &["check"]);
        assert!(
            done.succeeded()
                .contains("\n# Signing secret: auth.secret\n# Keys: the secret: 1 key (1 HS)\n")
        );
        assert!(done.stderr.ends_with("the server starts, but forgets revocations\n"));
        assert!(!done.stdout.contains(SECRET) && !done.stderr.contains(SECRET));
    }
}

#[cfg(feature = "tls")]
#[test]
fn key_of_another_certificate_is_a_fault() {
    use crate::support::tls::{config, fixture};
    let home = Home::new();
    let missing = fixture("missing.pem");
    for (cert_file, key_file, problems) in [
        (fixture("p256.pem"), fixture("other.key.pem"), &["not the key of the certificate"][..]),
        (fixture("p256.pem"), missing.clone(), &["tls.key_file"]),
        (missing.clone(), missing, &["tls.cert_file", "tls.key_file"]),
    ] {
        home.write("v.toml", &config(&cert_file, &key_file, ""));
        let done = home.run(&["check", "--config", "v.toml"]);
        let faults = done.faults();
        assert_eq!(faults.len(), problems.len(), "{faults:?}");
        for (fault, problem) in faults.iter().zip(problems) {
            assert!(fault.contains(problem), "{fault}");
        }
    }
}

#[test]
fn keys_at_an_address_are_fetched_once_unless_offline() {
    let home = Home::new();
    let check = |url: &str, more: &[&str]| {
        home.write("v.toml", &with_keys(&format!("jwks_url = '{url}'")));
        home.run(&[&["check", "--config", "v.toml"], more].concat())
    };
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let good = issuer("200 OK", keys());
    let unusable = "no key of the JWK set can be used";
    for (url, reason) in [
        (format!("http://{free}/jwks"), "refused"),
        (format!("https://{good}/jwks"), "does not speak TLS"),
        (format!("http://{}/jwks", issuer("500 Broken", String::new())), "the answer is 500"),
        (
            format!("http://{}/jwks", issuer("302 Found\r\nLocation: /", String::new())),
            "302: redir",
        ),
        (format!("http://{}/jwks", issuer("200 OK", "{\"keys\": [null]}".to_owned())), unusable),
    ] {
        let done = check(&url, &[]);
        let faults = done.faults();
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].starts_with(&format!("v.toml:3: auth.jwks_url {url}: ")), "{faults:?}");
        assert!(faults[0].contains(reason), "{reason}: {faults:?}");
        let done = check(&url, &["--offline"]);
        let line = format!("# Keys: auth.jwks_url {url}, which was not fetched (--offline)");
        assert!(summary(done.succeeded()).contains(&&*line), "{}", done.stdout);
    }
    let url = format!("http://{good}/jwks");
    let done = check(&url, &[]);
    let line = format!("# Keys: auth.jwks_url {url}: 2 keys (1 ES, 1 Ed), 1 skipped");
    assert!(summary(done.succeeded()).contains(&&*line), "{}", done.stdout);
    assert!(!home.0.path().join("vestibule-data").exists(), "check keeps no keys");
}

#[test]
fn each_faulty_issuer_is_named() {
    let home = Home::new();
    home.write("keys.json", &keys());
    let issuer = |name: &str, keys: &str| {
        format!(
            "[[auth.issuers]]\nissuer = 'https://{name}.example'\nalgorithms = ['ES256', 'EdDSA']\n\
             user_prefix = 'id:'\n{keys}\n"
        )
    };
    let issuers = [
        issuer("a", "jwks_file = 'keys.json'"),
        issuer("b", "jwks_file = 'none.json'"),
        issuer("c", "public_key_file = 'none.pem'"),
    ];
    home.write("v.toml", &issuers.concat());
    let done = home.run(&["check", "--config", "v.toml"]);
    let faults = done.faults();
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].contains("none.json") && faults[1].contains("none.pem"), "{faults:?}");
    home.write("v.toml", &[&*issuers[0], &issuer("d", "jwks_file = 'keys.json'")].concat());
    let done = home.run(&["check", "--config", "v.toml"]);
    let warning = "https://a.example and https://d.example can name the same user";
    done.succeeded();
    assert!(done.stderr.contains(warning), "{}", done.stderr);
}

#[test]
fn files_for_outgoing_tls_are_read_offline_too() {
    let home = Home::new();
    let keys = with_keys("jwks_url = 'https://issuer.example/jwks'\njwks_ca_file = 'none.pem'");
    let backend =
        "[backend]\nurl = 'https://app.example'\nsecret_file = 'none'\nca_file = 'none.pem'";
    home.write("v.toml", &format!("{keys}{backend}"));
    let done = home.run(&["check", "--offline", "--config", "v.toml"]);
    let faults = done.faults();
    assert_eq!(faults.len(), 3, "{faults:?}");
    for (fault, setting) in
        faults.iter().zip(["auth.jwks_ca_file", "backend.secret_file", "backend.ca_file"])
    {
        assert!(fault.contains(setting) && fault.contains("No such file"), "{fault}");
    }
}

#[test]
fn starting_server_logs_its_keys_in_one_line() {
    let home = Home::new();
    home.write("keys.json", &keys());
    home.write("v.toml", &format!("[log]\nfile = 'log'\n{}", with_keys("jwks_file = 'keys.json'")));
    let (mut child, _) = home.serve(&["--config", "v.toml", "--listen", "127.0.0.1:0"]);
    if cfg!(feature = "recipes") {
        let data = home.0.path().join("vestibule-data");
        // The server's own first look into the database empties the log of its creation.
        let (wal, began) = (data.join("recipes.db-wal"), now());
        while fs::metadata(&wal).unwrap().len() > 0 {
            assert!(began.elapsed() < PATIENCE);
            thread::yield_now();
        }
        let before = files(&data);
        let done = home.run(&["check", "--config", "v.toml"]);
        let line =
            format!("# Database of the recipe chat: in use by the server with id {}", child.id());
        assert!(summary(done.succeeded()).contains(&&*line), "{}", done.stdout);
        assert!(files(&data) == before, "check changes nothing");
    }
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let log = home.0.read("log");
    let line = "[INFO] auth.jwks_file keys.json: 2 keys (1 ES, 1 Ed), 1 skipped\n";
    assert_eq!(log.matches(line).count(), 1, "{log}");
}
