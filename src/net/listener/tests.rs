//! Addresses that cannot be listened on, and errors of an accept.

use super::*;

fn bind(config: &Config) -> Result<Listeners, StartError> {
    Listeners::open(config, Sockets::default())
}

fn config(listen: &[&str]) -> Config {
    let listen = listen.iter().map(ToString::to_string).collect();
    Config { listen, ..Config::default() }
}

fn fault(listen: &[&str]) -> String {
    bind(&config(listen)).unwrap_err().to_string()
}

#[test]
fn bad_listen_address_fails_with_what_to_do() {
    assert_eq!(fault(&[]), "`listen` is empty: name an address");
    assert!(fault(&["here"]).starts_with("listen: `here` is not a valid address: write"));
    let first = bind(&config(&["127.0.0.1:0"])).unwrap();
    let second = first.addresses(Role::Client)[0].to_string();
    let said = fault(&[&second]);
    assert!(
        said.starts_with(&format!("listen: cannot listen on {second}: another process")),
        "{said}"
    );
}

#[test]
fn taken_admin_port_fails_with_what_to_do() {
    let with_admin = |admin: &str| {
        let mut config = config(&["127.0.0.1:0"]);
        config.admin.listen = admin.to_owned();
        bind(&config)
    };
    let first = with_admin("127.0.0.1:0").unwrap();
    assert_eq!(first.addresses(Role::Client).len(), 1);
    let taken = first.addresses(Role::Operator).remove(0);
    let said = with_admin(&taken.to_string()).unwrap_err().to_string();
    let start = format!("admin.listen: cannot listen on {taken}: another process has it: take ");
    assert!(said.starts_with(&start), "{said}");
    let said = with_admin("here").unwrap_err().to_string();
    assert!(said.starts_with("admin.listen: `here` is not a valid address: "), "{said}");
    assert!(with_admin("").unwrap().addresses(Role::Operator).is_empty());
    let said = with_admin("0.0.0.0:0").unwrap_err().to_string();
    assert!(said.contains("others can reach 0.0.0.0:0: name a file"), "{said}");
}

#[test]
fn one_port_can_be_shared_when_that_is_asked_for() {
    let shared = |address: &str| Config { reuse_port: true, ..config(&[address]) };
    let first = bind(&shared("127.0.0.1:0")).unwrap();
    let address = first.addresses(Role::Client)[0].to_string();
    assert!(bind(&shared(&address)).is_ok());
    assert!(bind(&config(&[&address])).is_err());
}

#[test]
fn accept_skips_an_aborted_peer_and_pauses_on_emfile() {
    let mut listeners = bind(&config(&["127.0.0.1:0"])).unwrap();
    let aborted = io::Error::from(ErrorKind::ConnectionAborted);
    assert!(matches!(listeners.judge(&aborted), Accepted::Again));
    assert!(matches!(listeners.accept(0), Accepted::Empty));

    let emfile = io::Error::from_raw_os_error(24);
    assert!(matches!(listeners.judge(&emfile), Accepted::Failed));
    assert!(matches!(listeners.accept(0), Accepted::Empty));
}

#[test]
fn accepted_sockets_inherit_nodelay() {
    let mut listeners = bind(&config(&["127.0.0.1:0"])).unwrap();
    let _client = std::net::TcpStream::connect(listeners.tcp()).unwrap();
    match listeners.accept(0) {
        Accepted::Connection(stream, _, Role::Client) => {
            assert!(socket2::SockRef::from(&stream).tcp_nodelay().unwrap());
        }
        other => panic!("{other:?}"),
    }
}

impl Listeners {
    fn tcp(&self) -> SocketAddr {
        self.sockets().next().unwrap().local_addr().unwrap()
    }
}

#[test]
fn name_is_listened_on_at_each_of_its_addresses() {
    let mut config = config(&["localhost:0", "localhost:0"]);
    config.admin.listen = "localhost:0".to_owned();
    config.admin.metrics_listen = "127.0.0.1:0".to_owned();
    assert!(inspect(&config).is_empty());
    let listeners = bind(&config).unwrap();
    let public = listeners.sockets.iter().filter(|(_, role)| *role == Role::Client).count();
    assert!(public >= 2 && (0..public).all(|number| listeners.is_public(number)));
    assert!(!listeners.is_public(public));
    assert!(listeners.sockets().all(|socket| socket.local_addr().unwrap().ip().is_loopback()));
    assert_eq!(listeners.addresses(Role::Collector).len(), 1);
    // Longer than a label may be, so nobody is asked.
    let nowhere = "n".repeat(64);
    config.listen = vec![format!("{nowhere}:0")];
    let said = inspect(&config).remove(0).to_string();
    assert!(said.starts_with(&format!("listen: `{nowhere}` is not found: ")), "{said}");
}

/// The address of whom a client that connects to `target` is seen as.
fn seen(listeners: &mut Listeners, target: IpAddr) -> Option<IpAddr> {
    let target = SocketAddr::new(target, listeners.tcp().port());
    let _client = std::net::TcpStream::connect(target).ok()?;
    match listeners.accept(0) {
        Accepted::Connection(_, peer, _) => Some(peer.ip()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_interface_is_both_families_unless_told() {
    if !has_ipv6() {
        let mut listeners = bind(&config(&[":0"])).unwrap();
        assert!(seen(&mut listeners, Ipv4Addr::LOCALHOST.into()).is_some());
        return;
    }
    let (v4, v6) = (IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST));
    for text in [":0", "[::]:0"] {
        let mut listeners = bind(&config(&[text])).unwrap();
        assert_eq!(seen(&mut listeners, v4), Some(v4), "in the form of IPv4");
        assert_eq!(seen(&mut listeners, v6), Some(v6));
        let mut listeners = bind(&Config { ipv6_only: true, ..config(&[text]) }).unwrap();
        assert_eq!(seen(&mut listeners, v4), None);
        assert_eq!(seen(&mut listeners, v6), Some(v6));
    }
    // With `0.0.0.0` beside it, each has its own family.
    assert_eq!(bind(&config(&["[::]:0", "0.0.0.0:0"])).unwrap().sockets.len(), 2);
}

#[test]
fn unix_socket_is_accepted_from_and_removed_at_end() {
    let path = std::env::temp_dir().join(format!("vestibule-listener-{}", std::process::id()));
    let text = format!("unix:{}", path.display());
    let mut listeners = bind(&config(&[&text])).unwrap();
    assert_eq!(listeners.addresses(Role::Client)[0].to_string(), text);
    assert!(inspect(&config(&[&text])).is_empty(), "a running server is no fault of a check");
    let said = fault(&[&text]);
    assert!(
        said.starts_with(&format!("listen: cannot listen on {text}: another process")),
        "{said}"
    );
    let _client = std::os::unix::net::UnixStream::connect(&path).unwrap();
    assert!(matches!(listeners.accept(0), Accepted::Connection(_, UNIX_PEER, Role::Client)));
    // Another start has looked whether somebody listens, and is gone.
    drop(listeners);
    assert!(!path.exists());
}
