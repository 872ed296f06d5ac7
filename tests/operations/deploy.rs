//! What is in `deploy/` goes with the program. The proxies' files are run by `proxies`, the
//! units and the package by `scripts/package`.

use std::process::Command;

use vestibule::config::Config;

const CARGO: &str = include_str!("../../Cargo.toml");
const CONFIG: &str = include_str!("../../deploy/vestibule.toml");
const DOCKERFILE: &str = include_str!("../../deploy/Dockerfile");
const SERVICE: &str = include_str!("../../deploy/vestibule.service");
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
}

#[test]
fn image_and_package_name_the_same_compiler() {
    let version = CARGO.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap();
    assert!(DOCKERFILE.contains(&format!("FROM rust:{}-", version.trim_matches('"'))));
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
