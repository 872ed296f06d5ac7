//! Behaviour without free descriptors, and the growth of the kernel's table before a server runs.
//! The limit is the process's, so the first test's server runs in a child process.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::*;

const CHILD: &str = "VESTIBULE_TEST_FEW_DESCRIPTORS";
const NAME: &str = "net::tests::descriptors::full_descriptor_table_delays_only_new_connections";

#[test]
fn full_descriptor_table_delays_only_new_connections() {
    if std::env::var_os(CHILD).is_some() {
        return serve_until_stdin_ends();
    }
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -n 40; exec \"$0\" --exact \"$1\" --nocapture"])
        .arg(std::env::current_exe().unwrap())
        .arg(NAME)
        .env(CHILD, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address: SocketAddr = lines
        .by_ref()
        .map_while(Result::ok)
        .find_map(|line| line.split_once("listening on ").map(|(_, text)| text.parse().unwrap()))
        .unwrap();
    let connect = || {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    let mut first = Client::join(connect());
    // The backlog holds the connections that the table has no space for.
    let crowd: Vec<_> = (0..60).map(|_| connect()).collect();
    for round in 0..20 {
        first.say(&format!("round {round}"));
        assert_eq!(first.hear(), format!("round {round}"));
    }
    let late = connect();
    drop(crowd);
    late.set_nodelay(true).unwrap();
    let mut late = Client::join(late);
    late.say("in at last");
    assert_eq!(late.hear(), "in at last");
    drop((first, late, child.stdin.take()));
    lines.for_each(drop);
    assert!(child.wait().unwrap().success());
}

fn serve_until_stdin_ends() {
    let server = Running::start(&config());
    println!("\nlistening on {}", server.addresses[0]);
    let _ = io::stdin().read_to_end(&mut Vec::new());
    server.end(());
}

/// A program that embeds the server has other threads, and its own `main`.
#[cfg(target_os = "linux")]
#[test]
fn a_server_that_is_bound_has_grown_the_table() {
    crate::logs::in_process("lib");
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let mut config = config();
    config.limits.connections = 16_000.min(limit.unwrap_or(u64::MAX) as usize);
    let server = Server::bind(&config, Box::new(Parrot(mpsc::channel().0))).unwrap();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("FDSize:")).unwrap();
    let size: usize = size.trim().parse().unwrap();
    assert!(size >= config.limits.connections, "room for {size}");
    drop(server);
}
