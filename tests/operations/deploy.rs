//! What is in `deploy/` goes with the program. The proxies' files are run by `proxies`, the
//! units by `scripts/deployment`, the package by `scripts/package`.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use vestibule::config::Config;

const CARGO: &str = include_str!("../../Cargo.toml");
const LOCK: &str = include_str!("../../Cargo.lock");
const CONFIG: &str = include_str!("../../deploy/vestibule.toml");
const COMPOSE: &str = include_str!("../../deploy/compose.yaml");
const DOCKERFILE: &str = include_str!("../../deploy/Dockerfile");
const SERVICE: &str = include_str!("../../deploy/vestibule.service");
const TEMPLATE: &str = include_str!("../../deploy/vestibule@.service");
const SOCKET: &str = include_str!("../../deploy/vestibule.socket");

/// `vestibule check` of a file with this text: does it pass, and what does it say?
fn check(text: &str) -> (bool, String) {
    let name = format!("vestibule-deploy-{}-{}.toml", std::process::id(), text.len());
    let file = std::env::temp_dir().join(name);
    std::fs::write(&file, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    command.arg("--config").arg(&file).arg("check").env_clear();
    // The packaged directory can be created by root only.
    let done = command.env("VESTIBULE_DATA", file.with_extension("data")).output().unwrap();
    std::fs::remove_file(file).unwrap();
    (done.status.success(), String::from_utf8(done.stderr).unwrap())
}

#[test]
fn packaged_configuration_and_proposals_are_valid() {
    assert_eq!(check(CONFIG), (true, String::new()));
    // Files that are proposed are not there, and of two ways to check tokens one is enough.
    let left_alone = ["_file = ", "#algorithms", "#jwks_url", "#issuer", "#audience"];
    let taken = |line: &&str| !left_alone.iter().any(|key| line.contains(key));
    let lines = CONFIG.lines().filter(taken).map(|line| match line.strip_prefix('#') {
        Some(proposal) if !proposal.starts_with(' ') => proposal,
        _ => line,
    });
    let proposed = lines.collect::<Vec<_>>().join("\n");
    assert_ne!(proposed, CONFIG);
    assert_eq!(check(&proposed), (true, String::new()));
}

#[test]
fn the_units_agree_with_the_configuration() {
    let config: Config = toml::from_str(CONFIG).unwrap();
    assert!(SOCKET.contains(&format!("\nListenStream={}\n", config.listen[0])));
    let directory = SERVICE.lines().find_map(|line| line.strip_prefix("StateDirectory=")).unwrap();
    assert_eq!(config.data, format!("/var/lib/{directory}"));
    // A crash or a full disk is tried again for as long as it takes, and before the addresses are there
    // nothing is tried.
    for line in ["StartLimitIntervalSec=0", "Wants=network-online.target"] {
        assert!(SERVICE.contains(&format!("\n{line}\n")), "{line}");
    }
    assert!(
        SERVICE
            .lines()
            .any(|line| { line.starts_with("After=") && line.contains(" network-online.target") })
    );
}

/// The process within `limits.memory`, and twice as much for what the kernel holds for it. Connections
/// that the descriptors allow take 5 KiB of that, each.
#[test]
fn memory_of_packages_is_three_times_the_process() {
    let config: Config = toml::from_str(CONFIG).unwrap();
    let memory = config.limits.memory.get();
    let value = |text: &str, key: &str| -> usize {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(key)).unwrap();
        let number = line.trim().trim_end_matches(|it: char| it.is_ascii_alphabetic());
        number.parse().unwrap()
    };
    assert_eq!(value(SERVICE, "MemoryMax=") << 20, 3 * memory);
    let connections = value(SERVICE, "LimitNOFILE=");
    assert!(connections * (5 << 10) < memory, "the rest is for buffers and the database's pages");
    assert_eq!(value(COMPOSE, "VESTIBULE_LIMITS__MEMORY:") << 20, memory);
    assert_eq!(value(COMPOSE, "mem_limit:") << 20, 3 * memory);
    assert_eq!(value(COMPOSE, "nofile:"), connections);
}

/// Several processes have what one has, each in directories of its own. They need the groups of the host,
/// for the engine's socket.
#[test]
fn template_has_what_the_service_has() {
    let settings = |unit: &'static str| -> Vec<&str> {
        let (_, section) = unit.split_once("[Service]").unwrap();
        let own = ["#", "Environment=", "StateDirectory=", "RuntimeDirectory=", "Also="];
        let is_shared =
            |line: &&str| !line.is_empty() && !own.iter().any(|it| line.starts_with(it));
        section.lines().filter(is_shared).filter(|line| *line != "PrivateUsers=yes").collect()
    };
    assert_eq!(settings(TEMPLATE), settings(SERVICE));
    assert!(TEMPLATE.contains("Conflicts=vestibule.socket vestibule.service"));
}

/// The bill of materials has what is locked, and nothing that is only tested with.
#[test]
fn bill_of_materials_has_the_locked_crates() {
    let root = env!("CARGO_MANIFEST_DIR");
    let made = Command::new("scripts/sbom").current_dir(root).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let bill: Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!((&bill["bomFormat"], &bill["specVersion"]), (&json!("CycloneDX"), &json!("1.6")));
    assert_eq!(bill["metadata"]["component"]["version"], env!("CARGO_PKG_VERSION"));
    let locked: toml::Table = toml::from_str(LOCK).unwrap();
    let locked: Vec<Value> =
        serde_json::to_value(&locked["package"]).unwrap().as_array().unwrap().clone();
    let components = bill["components"].as_array().unwrap();
    for component in components {
        let (name, version) = (&component["name"], &component["version"]);
        let package = locked.iter().find(|it| it["name"] == *name && it["version"] == *version);
        assert_eq!(component["hashes"][0]["content"], package.unwrap()["checksum"], "{component}");
        assert!(component["licenses"][0]["expression"].is_string(), "{component}");
    }
    let has = |name: &str| components.iter().any(|component| component["name"] == name);
    assert!(
        ["mio", "tungstenite", "rusqlite", "libsqlite3-sys", "simplelog"].iter().all(|it| has(it))
    );
    assert!(!has("clap_mangen") && !has("criterion"));
    let known: Vec<&Value> = components.iter().map(|component| &component["bom-ref"]).collect();
    let needed = bill["dependencies"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|it| it["dependsOn"].as_array().unwrap());
    assert!(needed.into_iter().all(|reference| known.contains(&reference)));
}

#[test]
fn image_and_package_name_the_same_compiler() {
    let version = CARGO.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap();
    assert!(DOCKERFILE.contains(&format!("ARG RUST=rust:{}.", version.trim_matches('"'))));
}

/// What `docker build` does not send is not there when the image's binary is compiled.
#[test]
fn image_gets_every_file_that_the_binary_includes() {
    const IGNORE: &str = include_str!("../../.dockerignore");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let is_sent = |path: &Path| {
        let sent = IGNORE.lines().filter_map(|line| line.strip_prefix('!'));
        sent.map(|it| it.trim_end_matches('*')).any(|it| path.to_string_lossy().starts_with(it))
    };
    let mut directories = vec![root.join("src")];
    let mut included = 0;
    while let Some(directory) = directories.pop() {
        for path in std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            if !name.ends_with(".rs") || name.contains("/test") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            // Neither tests nor examples in documents are in the binary.
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            for line in code.lines().filter(|line| !line.contains("#[doc")) {
                let Some((_, rest)) = line.split_once("include_str!(\"") else { continue };
                let file = directory.join(rest.split('"').next().unwrap()).canonicalize().unwrap();
                let file = file.strip_prefix(root.canonicalize().unwrap()).unwrap();
                assert!(is_sent(file), "{} is not in the image's sources", file.display());
                included += 1;
            }
        }
    }
    assert!(included > 0 && !is_sent(Path::new("docs/admin.md")));
}

#[test]
fn no_proxy_loses_patience_before_the_next_ping() {
    let ping = Config::default().limits.ping.get().as_secs();
    for (file, key) in [
        (include_str!("../../deploy/nginx.conf"), "proxy_read_timeout "),
        (include_str!("../../deploy/nginx.conf"), "proxy_send_timeout "),
        (include_str!("../../deploy/haproxy.cfg"), "timeout tunnel "),
    ] {
        let (_, rest) = file.split_once(key).unwrap();
        let seconds: u64 = rest.split_once('s').unwrap().0.parse().unwrap();
        assert!(seconds > 2 * ping, "{key}{seconds}");
    }
}
