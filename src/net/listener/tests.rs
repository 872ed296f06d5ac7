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
    assert!(fault(&["localhost"]).starts_with("`localhost` in `listen` is no address: write"));
    let first = bind(&config(&["127.0.0.1:0"])).unwrap();
    let second = first.addresses()[0].to_string();
    let said = fault(&[&second]);
    assert!(said.starts_with(&format!("cannot listen on {second}: another process")), "{said}");
}

#[test]
fn taken_admin_port_fails_with_what_to_do() {
    let with_admin = |admin: &str| {
        let mut config = config(&["127.0.0.1:0"]);
        config.admin.listen = admin.to_owned();
        bind(&config)
    };
    let first = with_admin("127.0.0.1:0").unwrap();
    assert_eq!(first.addresses().len(), 1);
    let taken = first.admin_address().unwrap();
    let said = with_admin(&taken.to_string()).unwrap_err().to_string();
    let start = format!("cannot listen on {taken} (admin.listen): another process has it: set ");
    assert!(said.starts_with(&start), "{said}");
    let said = with_admin("localhost").unwrap_err().to_string();
    assert!(said.starts_with("`localhost` in `admin.listen` is no address: "), "{said}");
    assert!(with_admin("").unwrap().admin_address().is_none());
}

#[test]
fn one_port_can_be_shared_when_that_is_asked_for() {
    let shared = |address: &str| Config { reuse_port: true, ..config(&[address]) };
    let first = bind(&shared("127.0.0.1:0")).unwrap();
    let address = first.addresses()[0].to_string();
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
    let _client = std::net::TcpStream::connect(listeners.addresses()[0]).unwrap();
    match listeners.accept(0) {
        Accepted::Connection(stream, _, Role::Client) => assert!(stream.nodelay().unwrap()),
        other => panic!("{other:?}"),
    }
}
