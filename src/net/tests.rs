//! The driver on loopback sockets, with a real node behind it.

mod client;
mod descriptors;
mod keys;
#[cfg(feature = "tls")]
mod tls;
mod work;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use socket2::{SockRef, Socket};

use self::client::Client;
use super::*;
use crate::config::Length;
use crate::node::app::{Answer, Incoming, Left, OrderFault, OrderKind, Reply, Update};
use crate::node::{TICK_MICROS, Ticket};

/// A timeout that a busy machine does not reach.
const PATIENCE: Duration = Duration::from_secs(20);

fn config() -> Config {
    let mut config = Config {
        listen: vec!["127.0.0.1:0".to_owned()],
        drain: Length::from_millis(1),
        ..Config::default()
    };
    client::configure(&mut config);
    config
}

/// An event that the application reports to the test.
#[derive(Debug)]
enum Told {
    /// A job runs. It continues when something is sent or the sender is dropped.
    Running(Sender<()>),
    /// A question is held.
    Held(Ticket),
    /// A connection has left.
    Left,
}

/// Reports its calls, and follows instructions in messages.
struct Parrot(Sender<Told>);

impl App for Parrot {
    fn on_leave(&mut self, _: &Left<'_>) {
        let _ = self.0.send(Told::Left);
    }

    fn on_message(&mut self, message: &Incoming<'_>) -> Reply<Answer> {
        let content = message.content.to_owned();
        let tell = self.0.clone();
        if let Some(length) = content.strip_prefix("repeat ") {
            return Reply::Now(Ok(Update::text("x".repeat(length.parse().unwrap()))));
        }
        match content.as_str() {
            "hold" => {
                let _ = tell.send(Told::Held(message.ticket));
                Reply::Held
            }
            "panic" => Reply::later(|| panic!("this message is part of the test")),
            "work" => Reply::later(move || {
                let (go_on, wait) = mpsc::channel();
                let _ = tell.send(Told::Running(go_on));
                let _ = wait.recv();
                Ok(Update::text("worked"))
            }),
            _ => Reply::Now(Ok(Update::text(content))),
        }
    }
}

/// A server in its own thread, which ends with the test.
struct Running {
    addresses: Vec<SocketAddr>,
    handle: Handle,
    told: Receiver<Told>,
    ended: Receiver<io::Result<Metrics>>,
}

impl Running {
    fn start(config: &Config) -> Self {
        Self::start_with(config, |_| ())
    }

    fn start_with(config: &Config, prepare: impl FnOnce(&mut Server)) -> Self {
        crate::logs::in_process("lib");
        let (tell, told) = mpsc::channel();
        let mut server = Server::bind(config, Box::new(Parrot(tell))).unwrap();
        prepare(&mut server);
        let (addresses, handle) = (server.local_addrs(), server.handle());
        let (end, ended) = mpsc::channel();
        thread::spawn(move || drop(end.send(server.run())));
        Self { addresses, handle, told, ended }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addresses[0]).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    fn join(&self) -> Client {
        Client::join(self.connect())
    }

    fn told(&self) -> Told {
        self.told.recv_timeout(PATIENCE).unwrap()
    }

    fn running(&self) -> Sender<()> {
        match self.told() {
            Told::Running(go_on) => go_on,
            other => panic!("{other:?}"),
        }
    }

    fn held(&self) -> Ticket {
        match self.told() {
            Told::Held(ticket) => ticket,
            other => panic!("{other:?}"),
        }
    }

    /// Closes the clients, requests the shutdown, and waits for it.
    fn end<T>(self, clients: T) {
        drop(clients);
        self.handle.shutdown();
        self.ended.recv_timeout(PATIENCE).unwrap().unwrap();
    }
}

#[test]
fn values_out_of_range_are_refused() {
    let server = Running::start(&config());
    let mut bad = config();
    // No connection would be read from.
    bad.limits.waiting_messages = 0;
    let refused = |error: &StartError| error.to_string().starts_with("limits.waiting_messages: ");
    let bound = Server::bind(&bad, Box::new(Parrot(mpsc::channel().0)));
    assert!(bound.is_err_and(|error| refused(&error)));
    let reloaded = server.handle.reload(&bad);
    assert!(matches!(reloaded, Err(ReloadError::Unusable(error)) if refused(&error)));
    server.end(());
}

/// An embedded server listens only where its program says.
#[test]
fn a_default_server_has_no_admin_listener() {
    crate::logs::in_process("lib");
    let mut config = Config { listen: vec!["127.0.0.1:0".to_owned()], ..Config::default() };
    config.auth.secret =
        crate::logs::known("a secret that nobody else has, or may have").to_owned();
    let bind = |config: &Config| Server::bind(config, Box::new(Parrot(mpsc::channel().0))).unwrap();
    let server = bind(&config);
    assert_eq!((server.local_addrs().len(), server.admin_addr()), (1, None));
    config.admin.listen = "127.0.0.1:0".to_owned();
    assert!(bind(&config).admin_addr().is_some());
}

#[test]
fn operator_ends_a_users_sessions_through_the_handle() {
    let server = Running::start(&config());
    let mut alice = Client::join_as(server.connect(), "alice");
    let mut bob = server.join();
    let asked = server.handle.require_auth("nobody").unwrap();
    assert_eq!(asked.recv_timeout(PATIENCE), Ok(0));
    let ended = server.handle.order(OrderKind::Disconnect, "alice").unwrap();
    assert_eq!(ended.recv_timeout(PATIENCE), Ok(Ok(1)));
    let locked = server.handle.order(OrderKind::Lock, "alice").unwrap();
    assert_eq!(locked.recv_timeout(PATIENCE), Ok(Err(OrderFault::NotSupported)));
    alice.read_to_the_end();
    bob.say("still here");
    assert_eq!(bob.hear(), "still here");
    server.end((alice, bob));
}

#[test]
fn many_connections_are_served_at_once() {
    let server = Running::start(&config());
    let mut clients: Vec<_> = (0..200).map(|_| server.join()).collect();
    for round in 0..3 {
        for (n, client) in clients.iter_mut().enumerate() {
            client.say(&format!("{round} {n}"));
        }
        for (n, client) in clients.iter_mut().enumerate() {
            assert_eq!(client.hear(), format!("{round} {n}"));
        }
    }
    server.end(clients);
}

#[test]
fn a_slow_reader_gets_everything_and_delays_nobody() {
    let server = Running::start_with(&config(), |server| {
        for listener in server.reactor.io.listeners.sockets() {
            SockRef::from(listener).set_send_buffer_size(16_384).unwrap();
        }
    });
    let slow = Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    slow.set_recv_buffer_size(16_384).unwrap();
    slow.connect(&server.addresses[0].into()).unwrap();
    let slow = TcpStream::from(slow);
    slow.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut slow, mut quick) = (Client::join(slow), server.join());
    for round in 0..2 {
        slow.say("repeat 500000");
        quick.say("hello");
        assert_eq!(quick.hear(), "hello");
        assert_eq!(slow.hear().len(), 500_000);
        slow.say(&format!("small {round}"));
        assert_eq!(slow.hear(), format!("small {round}"));
    }
    server.end((slow, quick));
}

#[test]
fn more_than_the_buffer_holds_is_read_in_order() {
    let server = Running::start(&config());
    let mut client = server.join();
    let mut writer = client.stream().try_clone().unwrap();
    let all: Vec<u8> =
        (0..100).flat_map(|n| client.frame(&format!("{n}{}", "y".repeat(9_000)))).collect();
    let writing = thread::spawn(move || writer.write_all(&all));
    for n in 0..100 {
        let heard = client.hear();
        assert_eq!(heard.trim_end_matches('y'), n.to_string());
        assert!(heard.len() > 9_000);
    }
    writing.join().unwrap().unwrap();
    server.end(client);
}

#[test]
fn bytes_that_come_one_at_a_time_are_one_message() {
    let server = Running::start(&config());
    let mut client = server.join();
    for byte in client.frame("drop by drop") {
        client.stream().write_all(&[byte]).unwrap();
    }
    assert_eq!(client.hear(), "drop by drop");
    server.end(client);
}

#[test]
fn peers_that_reset_at_once_leave_the_others_alone() {
    let server = Running::start(&config());
    let mut client = server.join();
    for round in 0..100 {
        let reset = server.connect();
        if round % 2 == 0 {
            (&reset).write_all(b"GET").unwrap();
        }
        SockRef::from(&reset).set_linger(Some(Duration::ZERO)).unwrap();
    }
    for _ in 0..20 {
        let reset = server.join();
        SockRef::from(reset.stream()).set_linger(Some(Duration::ZERO)).unwrap();
    }
    client.say("still here");
    assert_eq!(client.hear(), "still here");
    server.end(client);
}

#[test]
fn a_peer_that_ended_its_side_still_gets_its_answer() {
    let server = Running::start(&config());
    let mut client = server.join();
    client.say("last words");
    client.stream().shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.hear(), "last words");
    client.read_to_the_end();
    server.end(client);
}

#[test]
fn every_address_is_served() {
    let mut config = config();
    config.listen.push("127.0.0.1:0".to_owned());
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        config.listen.push("[::1]:0".to_owned());
    }
    let server = Running::start(&config);
    assert_eq!(server.addresses.len(), config.listen.len());
    for address in &server.addresses {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut client = Client::join(stream);
        client.say("hello");
        assert_eq!(client.hear(), "hello");
    }
    server.end(());
}

#[test]
fn silent_connection_is_closed_at_the_header_timeout() {
    let mut config = config();
    config.http.header_timeout = Length::from_millis(150);
    let server = Running::start(&config);
    let clock = Clock::start();
    let mut silent = server.connect();
    assert_eq!(silent.read(&mut [0; 1]).unwrap(), 0);
    let after = clock.monotonic().since(crate::time::Instant::START);
    assert!(after >= Duration::from_millis(150), "{after:?}");
    server.end(());
}

#[test]
fn idle_server_sleeps_until_the_next_deadline() {
    let mut server = Server::bind(&config(), Box::new(Parrot(mpsc::channel().0))).unwrap();
    let reactor = &mut server.reactor;
    assert_eq!(reactor.wait(), None);
    let address = reactor.io.listeners.sockets().next().unwrap().local_addr().unwrap();
    let silent = TcpStream::connect(address).unwrap();
    let mut events = mio::Events::with_capacity(16);
    reactor.step(&mut events).unwrap();
    let wait = reactor.wait().unwrap();
    let latest = Duration::from_secs(5) + Duration::from_micros(TICK_MICROS + 1_000);
    assert!(wait > Duration::from_secs(4) && wait <= latest, "{wait:?}");
    drop(silent);
    while reactor.wait().is_some() {
        reactor.step(&mut events).unwrap();
    }
}

#[test]
fn a_shutdown_from_another_thread_drains_and_ends() {
    let server = Running::start(&config());
    let mut client = server.join();
    let handle = server.handle.clone();
    thread::spawn(move || {
        handle.shutdown();
        handle.shutdown();
    });
    client.read_to_the_end();
    drop(client);
    server.ended.recv_timeout(PATIENCE).unwrap().unwrap();
    server.handle.shutdown();
}
