//! The binary behind a real nginx, haproxy and Caddy, as `deploy/` has them: whose address it sees.
//!
//! Everything is on loopback. Clients come from 127.0.0.2, proxies from 127.0.0.1, and each proxy
//! listens on an address that nobody else uses, so that a port which was free a moment ago still is.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::Signal;
use socket2::{Domain, Socket, Type};
use vestibule::testing::logs;

use crate::support::process::{BINARY, FILE, Process, Scratch};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const SPOOFED: &str = "203.0.113.66";
/// For anything that takes a moment.
const PATIENCE: Duration = Duration::from_secs(20);
const MOMENT: Duration = Duration::from_millis(20);

/// A directory, an address and processes of one test's own; gone at its end.
struct Scene {
    /// Where the proxy listens.
    front: SocketAddr,
    server: Option<Process>,
    proxy: Option<Process>,
    /// A second server, asked first, for the proxies that are told of it.
    draining: Option<SocketAddr>,
    scratch: Scratch,
}

impl Scene {
    /// Vestibule with these lines in its `[http]`; answers its address, too.
    fn new(http: &str) -> (Self, SocketAddr) {
        static COUNT: AtomicU8 = AtomicU8::new(0);
        let number = 10 + COUNT.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        let address = Ipv4Addr::new(127, number, (process >> 8) as u8, process as u8);
        let front = TcpListener::bind((address, 0)).unwrap().local_addr().unwrap();
        let scratch = Scratch::new("proxies");
        let mut scene = Self { scratch, front, server: None, proxy: None, draining: None };
        let config = format!(
            "drain = '0s'\n[admin]\nlisten = ''\n[auth]\nsecret = '{SECRET}'\n[log]\nlevel = 'debug'\nfile = 'log'\n[http]\n{http}\n"
        );
        logs::known(SECRET);
        scene.scratch.write(FILE, &config);
        let back = scene.serve();
        (scene, back)
    }

    fn serve(&mut self) -> SocketAddr {
        let arguments = ["serve", "--config", FILE, "--listen", "127.0.0.1:0", "--app", "memory"];
        let mut command = self.scratch.command(BINARY, &arguments);
        let command = self.scratch.follow(command.stdout(Stdio::piped()));
        self.server.insert(Process::start(command)).addresses().0
    }

    /// Starts a proxy that stays in the foreground, and waits until it takes connections.
    fn front(&mut self, program: &str, arguments: &[&str], config: &str) {
        self.scratch.write("proxy.conf", config);
        let mut command = Command::new(find(program));
        command.args(arguments).current_dir(self.scratch.path());
        // Where Caddy keeps its own.
        command
            .env("HOME", self.scratch.path())
            .env_remove("XDG_DATA_HOME")
            .env_remove("XDG_CONFIG_HOME");
        command
            .stdout(Stdio::null())
            .stderr(fs::File::create(self.scratch.path().join("said")).unwrap());
        let child = self.proxy.insert(Process::start(&mut command));
        let (_keep, never) = mpsc::channel::<()>();
        for _ in 0..PATIENCE.as_millis() / MOMENT.as_millis() {
            if TcpStream::connect(self.front).is_ok() {
                return;
            }
            let ended = child.ended();
            let said = || fs::read_to_string(self.scratch.path().join("said")).unwrap_or_default();
            assert!(ended.is_none(), "{program} ended with {ended:?}:\n{}", said());
            let _ = never.recv_timeout(MOMENT);
        }
        panic!("{program} does not listen on {}", self.front);
    }

    /// Ends the server and answers the addresses from which there were upgrades.
    fn upgraded_from(mut self) -> Vec<String> {
        let mut server = self.server.take().unwrap();
        server.signal(Signal::TERM);
        server.exit_code();
        let log = self.scratch.read("log");
        let from = log.lines().filter_map(|line| line.split_once("upgraded from "));
        from.map(|(_, address)| address.to_owned()).collect()
    }
}

/// The program, where Debian puts it or on the path.
fn find(program: &str) -> PathBuf {
    let path = std::env::var("PATH").unwrap_or_default();
    let folders = ["/usr/sbin"].into_iter().chain(path.split(':'));
    let mut places = folders.map(|folder| Path::new(folder).join(program));
    places.find(|place| place.is_file()).unwrap_or_else(|| {
        panic!("{program} is not installed, and this test needs it: apt-get install -y {program}")
    })
}

/// An upgrade from [`CLIENT`] with these header lines; answers the status, and the client's port.
fn upgrade(to: SocketAddr, lines: &str) -> (String, u16) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((CLIENT, 0)).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!(
        "GET /v1/chat/soup HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{lines}\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let port = stream.local_addr().unwrap().port();
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while reader.read_line(&mut head).is_ok_and(|read| read > 0) && !head.ends_with("\r\n\r\n") {}
    let status = head.split(' ').nth(1).unwrap_or_default().to_owned();
    if status == "101" {
        // A ping is answered: bytes pass, as they come, both ways.
        reader.get_mut().write_all(&[0x89, 0x80, 0, 0, 0, 0]).unwrap();
        let mut pong = [0; 2];
        reader.read_exact(&mut pong).unwrap();
        assert_eq!(pong, [0x8a, 0]);
    }
    (status, port)
}

/// A file of `deploy/`, with each of these replaced: what is tested is what is shipped.
fn shipped(name: &str, changes: &[(&str, &str)]) -> String {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name);
    let mut text = fs::read_to_string(place).unwrap();
    for (old, new) in changes {
        assert_eq!(text.matches(old).count(), 1, "{old} in deploy/{name}");
        text = text.replace(old, new);
    }
    text
}

/// With what `deploy/nginx.conf` says, but for these changes.
fn nginx(scene: &mut Scene, back: SocketAddr, changes: &[(&str, &str)]) {
    let folder = scene.scratch.path().display().to_string();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {folder}/{name};\n"))
        .concat();
    let listen = format!("listen {};", scene.front);
    let server: String =
        scene.draining.iter().chain([&back]).map(|it| format!("server {it};")).collect();
    let ours = [("listen 80;", listen.as_str()), ("server 127.0.0.1:8080;", server.as_str())];
    let shipped = shipped("nginx.conf", &[&ours, changes].concat());
    let config = format!(
        "daemon off; master_process off; pid {folder}/pid; error_log stderr warn;\n\
         events {{}}\nhttp {{ access_log off; {temporary}{shipped} }}\n"
    );
    let place = format!("{folder}/proxy.conf");
    scene.front("nginx", &["-e", "stderr", "-p", &folder, "-c", &place], &config);
}

/// With what `deploy/haproxy.cfg` says.
fn haproxy_as_shipped(scene: &mut Scene, back: SocketAddr) {
    let bind = format!("bind {}\n", scene.front);
    let draining = scene.draining.map_or_else(String::new, |it| format!("edge0 {it}\n    server "));
    let server = format!("{draining}edge1 {back} check");
    let changes = [("bind :80\n", bind.as_str()), ("edge1 127.0.0.1:8080 check", &server)];
    scene.front("haproxy", &["-db", "-f", "proxy.conf"], &shipped("haproxy.cfg", &changes));
}

/// With what `deploy/Caddyfile` says. Its own admin interface, a fixed port, is left out.
fn caddy(scene: &mut Scene, back: SocketAddr) {
    let (ip, port) = (scene.front.ip(), scene.front.port());
    let site = format!("http://:{port} {{\n\tbind {ip}\n");
    let (admin, proxy) = ("{\n\tadmin off\n\tservers {", format!("reverse_proxy {back} {{"));
    let changes = [
        ("{\n\tservers {", admin),
        ("chat.example.com {\n", &site),
        ("reverse_proxy 127.0.0.1:8080 {", &proxy),
    ];
    let arguments = ["run", "--adapter", "caddyfile", "--config", "proxy.conf"];
    scene.front("caddy", &arguments, &shipped("Caddyfile", &changes));
}

fn haproxy(scene: &mut Scene, back: SocketAddr, how: &str) {
    let config = format!(
        "defaults\n mode tcp\n timeout connect 5s\n timeout client 1m\n timeout server 1m\n\
         listen front\n bind {}\n server back {back} {how}\n",
        scene.front
    );
    scene.front("haproxy", &["-db", "-f", "proxy.conf"], &config);
}

#[test]
fn nginx_client_is_seen_and_its_headers_are_not() {
    let (mut scene, back) = Scene::new("trusted_proxies = ['127.0.0.1']");
    nginx(&mut scene, back, &[("proxy_set_header Forwarded \"\";", "")]);
    let front = scene.front;
    assert_eq!(upgrade(front, "").0, "101");
    assert_eq!(upgrade(front, &format!("X-Forwarded-For: {SPOOFED}\r\n")).0, "101");
    assert_eq!(upgrade(front, &format!("X-Forwarded-For: \"{SPOOFED}, x\r\n")).0, "101");
    // nginx lets this one through if it is not told otherwise, and says something else itself.
    assert_eq!(upgrade(front, &format!("Forwarded: for={SPOOFED}\r\n")).0, "101");
    let seen = scene.upgraded_from();
    let client = CLIENT.to_string();
    assert_eq!(seen.get(..3), Some(&[client.clone(), client.clone(), client][..]), "{seen:?}");
    assert!(seen.last().is_some_and(|seen| seen.starts_with("127.0.0.1:")), "{seen:?}");
}

#[test]
fn each_shipped_proxy_shows_the_client_as_it_is() {
    type Start = fn(&mut Scene, SocketAddr);
    let proxies: [(&str, Start); 3] = [
        ("nginx", |scene, back| nginx(scene, back, &[])),
        ("haproxy", haproxy_as_shipped),
        ("caddy", caddy),
    ];
    for (name, start) in proxies {
        let (mut scene, back) = Scene::new("trusted_proxies = ['127.0.0.1']");
        start(&mut scene, back);
        let front = scene.front;
        for lines in ["", "X-Forwarded-For: ", "Forwarded: for="] {
            let lines = if lines.is_empty() { lines } else { &format!("{lines}{SPOOFED}\r\n") };
            assert_eq!(upgrade(front, lines).0, "101", "{name} {lines}");
        }
        let cookies = format!("Cookie: {}\r\n", "x".repeat(20_000));
        let refused = upgrade(front, &cookies).0;
        assert!(["400", "431", ""].contains(&refused.as_str()), "{name}: {refused}");
        let seen = scene.upgraded_from();
        assert_eq!(seen, [CLIENT.to_string(), CLIENT.to_string(), CLIENT.to_string()], "{name}");
    }
}

/// What a server that drains says to newcomers, for as long as the process lives; each is told of.
fn draining_server() -> (SocketAddr, mpsc::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, told) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = BufReader::new(&stream).lines();
            while head.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let answer = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\
                          Retry-After: 5\r\nConnection: close\r\n\r\n";
            let _ = stream.write_all(answer.as_bytes());
            let _ = asked.send(());
        }
    });
    (address, told)
}

#[test]
fn proxy_takes_newcomers_from_a_draining_server() {
    type Start = fn(&mut Scene, SocketAddr);
    let proxies: [Start; 2] = [|scene, back| nginx(scene, back, &[]), haproxy_as_shipped];
    for start in proxies {
        let (mut scene, back) = Scene::new("trusted_proxies = ['127.0.0.1']");
        let (draining, asked) = draining_server();
        scene.draining = Some(draining);
        start(&mut scene, back);
        for _ in 0..4 {
            assert_eq!(upgrade(scene.front, "").0, "101");
        }
        asked.recv_timeout(PATIENCE).unwrap();
        assert_eq!(scene.upgraded_from().len(), 4);
    }
}

#[test]
fn both_versions_of_proxy_protocol_show_the_client() {
    for how in ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id"] {
        let http = "trusted_proxies = ['127.0.0.1']\nproxy_protocol = true";
        let (mut scene, back) = Scene::new(http);
        haproxy(&mut scene, back, how);
        let (plain, first) = upgrade(scene.front, "");
        let (spoofed, second) = upgrade(
            scene.front,
            &format!("X-Forwarded-For: {SPOOFED}\r\nForwarded: for={SPOOFED}\r\n"),
        );
        assert_eq!((plain.as_str(), spoofed.as_str()), ("101", "101"), "{how}");
        let expected = [first, second].map(|port| format!("{CLIENT}:{port}"));
        assert_eq!(scene.upgraded_from(), expected, "{how}");
    }
}

#[test]
fn haproxy_without_its_header_is_dropped() {
    let http = "trusted_proxies = ['127.0.0.1']\nproxy_protocol = true";
    let (mut scene, back) = Scene::new(http);
    haproxy(&mut scene, back, "");
    assert_eq!(upgrade(scene.front, "").0, "");
    assert_eq!(scene.upgraded_from(), [""; 0]);
}

#[test]
fn untrusted_peer_is_seen_as_itself() {
    for http in ["trusted_proxies = ['127.0.0.1']", ""] {
        let (scene, back) = Scene::new(http);
        let (status, port) = upgrade(back, &format!("X-Forwarded-For: {SPOOFED}\r\n"));
        assert_eq!(status, "101");
        assert_eq!(scene.upgraded_from(), [format!("{CLIENT}:{port}")]);
    }
    // A proxy that nobody trusts may say what it likes: it is the client.
    let (mut scene, back) = Scene::new("trusted_proxies = ['127.0.0.9']\nproxy_protocol = true");
    haproxy(&mut scene, back, "send-proxy");
    assert_eq!(upgrade(scene.front, "").0, "400");
    assert_eq!(scene.upgraded_from(), [""; 0]);
}
