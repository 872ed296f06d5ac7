//! Two processes on one host, as `deploy/vestibule@.service` starts them: one address, and one engine by
//! its Unix socket.

use crate::crowd::{Crowd, FEW};
use crate::engine::Engine;
use crate::nodes::{Nodes, config, wait_for};
use crate::support::process::{BINARY, FILE, Scratch};
use crate::support::server::Server;

const UNIT: &str = include_str!("../../deploy/vestibule@.service");

/// The environment of an instance, in `directory` instead of the host's.
fn environment(instance: usize, directory: &str) -> Vec<(String, String)> {
    let lines = UNIT.lines().filter_map(|line| line.strip_prefix("Environment="));
    let lines = lines.map(|line| {
        let (name, value) = line.split_once('=').unwrap();
        let value = value.replace("%H", "host").replace("%S", directory).replace("%t", directory);
        (name.to_owned(), value.replace("%i", &instance.to_string()))
    });
    lines.collect()
}

#[test]
fn unit_template_makes_valid_processes() {
    let scratch = Scratch::new("server");
    scratch.write(FILE, "[log]\nlevel = 'debug'\n");
    let directory = scratch.path().to_str().unwrap();
    for instance in [1, 2] {
        // Of RuntimeDirectory=.
        std::fs::create_dir(scratch.path().join(format!("vestibule-{instance}"))).unwrap();
        let mut command = scratch.command(BINARY, &["check", "--config", FILE]);
        command.envs(environment(instance, directory));
        let done = scratch.run(&mut command);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let shown = String::from_utf8(done.stdout).unwrap();
        for value in [format!("host-{instance}"), format!("127.0.0.1:910{instance}")] {
            assert!(shown.contains(&value), "{value}: {shown}");
        }
    }
}

#[test]
fn two_processes_share_one_address() {
    let engine = Engine::lasting();
    let config = config(&format!("unix:{}", engine.socket().display()), "");
    let start = |instance: usize, listen: &str| {
        let directory = engine.path().join(instance.to_string());
        let mut environment = environment(instance, directory.to_str().unwrap());
        // The tests call a listener of TCP, and its metrics have no fixed port.
        environment.retain(|(name, _)| !name.contains("LISTEN"));
        Server::open_at(listen, &config, &environment)
    };
    let first = start(1, "127.0.0.1:0");
    let address = first.address.to_string();
    let second = start(2, &address);
    let nodes = Nodes::of(vec![first, second]);
    let crowd = Crowd::start(&nodes, &FEW, true);
    crowd.chat(60);
    // The kernel divides them as it likes; with this many, each has some.
    let open = r#"vestibule_auth_total{result="accepted"}"#;
    nodes.all().iter().for_each(|server| wait_for(server, open, |count| count > 0.0));
    let nodes = nodes.without_first();
    crowd.chat(60);
    crowd.finish("two processes, one killed");
    drop(nodes);
}
