//! The kernel's table of the process's descriptors, which is grown before anybody is served.

use std::net::TcpStream;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::now;
use crate::support::server::{Server, Witness};

/// Far more than a new table has room for, and fewer than any system allows that can run this.
const CONNECTIONS: usize = 2_500;

fn config(connections: usize) -> String {
    format!(
        "[limits]\nconnections = {connections}\npending = {connections}\npending_per_ip = 0\n\
         [log]\nfile = 'log'\nlevel = 'debug'"
    )
}

/// This process's own sockets need descriptors as well.
fn raise_own_limit() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
}

#[test]
fn descriptor_table_never_grows_while_serving() {
    raise_own_limit();
    let server = Server::open(&config(CONNECTIONS));
    let size = server.descriptor_table();
    assert!(size >= CONNECTIONS, "room for {size}");
    let mut witness = Witness::new(&server);
    let before = server.descriptors();
    let crowd: Vec<TcpStream> = (0..CONNECTIONS - 100).map(|_| server.connect()).collect();
    let started = now();
    while server.descriptors() < before + crowd.len() {
        assert!(
            started.elapsed() < crate::support::PATIENCE,
            "{} descriptors",
            server.descriptors()
        );
        assert_eq!(server.descriptor_table(), size);
        witness.notices_nothing();
    }
    assert_eq!(server.descriptor_table(), size);
}

#[test]
fn a_reload_grows_the_descriptor_table() {
    let server = Server::open(&config(200));
    let size = server.descriptor_table();
    assert!((200..CONNECTIONS).contains(&size), "room for {size}");
    let told = server.reload(&config(CONNECTIONS));
    assert!(told.contains("configuration reloaded"), "{told}");
    let size = server.descriptor_table();
    assert!(size >= CONNECTIONS, "room for {size}");
}
