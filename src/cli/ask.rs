//! One HTTP/1.1 request to an admin listener.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use socket2::{Domain, SockAddr, Socket, Type};
use vestibule::config::{Config, Length, ListenAddress, ParseError, counted};

use super::secret;
use super::settings::located;

/// How long to wait for the response. A healthy server answers within milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest response that is read: more than the longest list.
const MAX_ANSWER_BYTES: u64 = 4 << 20;

/// Whom to ask.
#[derive(Debug, clap::Args)]
pub(super) struct AdminArgs {
    /// Admin listener to ask, HOST:PORT or unix:PATH [default: admin.listen]
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(super) admin: Option<String>,
    /// Print the server's JSON response
    #[arg(long)]
    pub(super) json: bool,
}

/// The address of an admin listener.
#[derive(Debug, PartialEq, Eq)]
struct AdminAddress {
    /// The text that it was parsed from, for messages.
    name: String,
    place: AdminPlace,
}

#[derive(Debug, PartialEq, Eq)]
enum AdminPlace {
    /// The addresses of a name: the first that answers is the listener's.
    Tcp(Vec<SocketAddr>),
    Unix(PathBuf),
}

/// Parses the value of `--admin`.
pub(super) fn address(text: &str) -> Result<String, String> {
    let parsed: Result<ListenAddress, _> = text.trim().parse();
    // An empty one is reported as a listener that is off.
    if parsed.is_err() && !text.is_empty() {
        return Err("expected HOST:PORT or unix:PATH".to_owned());
    }
    Ok(text.to_owned())
}

/// Parses a length of time that the server takes: at least this many seconds, and at most 366 days.
pub(super) fn length<const LEAST_SECONDS: u64>(text: &str) -> Result<Length, String> {
    let length: Length = text.parse().map_err(|fault: ParseError| fault.to_string())?;
    let (least, most) = (Length::from_secs(LEAST_SECONDS), Length::from_secs(366 * 86_400));
    let is_within = (least..=most).contains(&length);
    is_within.then_some(length).ok_or_else(|| format!("expected {least} to 366d"))
}

impl AdminAddress {
    /// Parses `admin.listen` or the value of `--admin`.
    fn of(listen: &str) -> Result<Self, String> {
        let name = listen.trim();
        if name.is_empty() {
            return Err(
                "the admin listener is off: set admin.listen, or pass --admin HOST:PORT".to_owned()
            );
        }
        let wrong = |why: &str| {
            format!("{name}: {why}; expected an address such as 127.0.0.1:9090 or unix:PATH")
        };
        let address = name.parse().map_err(|_| wrong("not a valid address"))?;
        let (host, port) = match address {
            ListenAddress::Unix(path) => {
                return Ok(Self { name: name.to_owned(), place: AdminPlace::Unix(path) });
            }
            ListenAddress::Every { port } => ("localhost".to_owned(), port),
            ListenAddress::Host { host, port } => (host, port),
        };
        if port == 0 {
            return Err(
                "admin.listen has port 0, another port at each start: pass the one that the \
                        server printed, with --admin HOST:PORT"
                    .to_owned(),
            );
        }
        let found =
            (host.as_str(), port).to_socket_addrs().map_err(|error| wrong(&error.to_string()))?;
        let addresses: Vec<SocketAddr> = found.map(reachable).collect();
        if addresses.is_empty() {
            return Err(wrong("the name has no address"));
        }
        Ok(Self { name: name.to_owned(), place: AdminPlace::Tcp(addresses) })
    }

    /// A connection to it.
    fn connect(&self) -> io::Result<Socket> {
        let connect = |domain, address: SockAddr| {
            let socket = Socket::new(domain, Type::STREAM, None)?;
            socket.connect_timeout(&address, PATIENCE)?;
            Ok(socket)
        };
        match &self.place {
            AdminPlace::Unix(path) => connect(Domain::UNIX, SockAddr::unix(path)?),
            AdminPlace::Tcp(addresses) => {
                let tried = addresses.iter();
                let tried = tried.map(|&it| connect(Domain::for_address(it), it.into()));
                tried
                    .reduce(|before, next| if before.is_ok() { before } else { next })
                    .unwrap_or_else(|| Err(io::ErrorKind::AddrNotAvailable.into()))
            }
        }
    }

    /// What a request names in `Host`.
    fn host(&self) -> String {
        match &self.place {
            AdminPlace::Tcp(addresses) => {
                addresses.first().map_or_else(String::new, ToString::to_string)
            }
            AdminPlace::Unix(_) => "localhost".to_owned(),
        }
    }
}

/// A listener on an unspecified address is reachable through loopback.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

/// An admin listener, with the key for it.
#[derive(Debug)]
pub(super) struct AdminClient {
    address: AdminAddress,
    key: Option<String>,
}

impl AdminClient {
    /// The listener at `admin`, or else at `admin.listen`.
    ///
    /// # Errors
    /// One line: the key cannot be read, or the address is none.
    pub(super) fn of(admin: Option<&str>, config: &Config) -> Result<Self, String> {
        let mut config = config.clone();
        if let Some(admin) = admin {
            admin.clone_into(&mut config.admin.listen);
        }
        // Of two keys the first is the one that stays.
        let first = |text: String| text.lines().next().unwrap_or_default().to_owned();
        let key = secret::admin_key(&config).map_err(|fault| located(&config.given, fault))?;
        let key = key.map(|key| first(key.text));
        Ok(Self { address: AdminAddress::of(&config.admin.listen)?, key })
    }

    /// Returns the body of a response with status 200.
    ///
    /// # Errors
    /// One line that says why there is none, and what to do.
    pub(super) fn get(&self, path: &str) -> Result<String, String> {
        call(&self.address, &format!("GET {path}"), None, self.key.as_deref())
    }

    /// The same for a call that changes something, with status 200, 201 or 202.
    pub(super) fn post(&self, path: &str, body: &str) -> Result<String, String> {
        call(&self.address, &format!("POST {path}"), Some(body), self.key.as_deref())
    }
}

/// The JSON of a response.
pub(super) fn json(answer: &str) -> Result<Value, String> {
    serde_json::from_str(answer).map_err(|error| format!("cannot parse the response: {error}"))
}

fn call(
    address: &AdminAddress,
    target: &str,
    body: Option<&str>,
    key: Option<&str>,
) -> Result<String, String> {
    let answer = exchange(address, target, body, key).map_err(|error| {
        let name = &address.name;
        match error.kind() {
            io::ErrorKind::PermissionDenied => format!(
                "cannot connect to {name}: this user may not write to the socket: run it as the \
                 server's user, or see admin.listen_mode"
            ),
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => format!(
                "cannot connect to {name}: is the server running, and is this its admin.listen? \
                 If not, pass --admin HOST:PORT"
            ),
            // What the system calls the end of a socket's time limit.
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                let done = if body.is_some() { ". It may still do what it was asked to" } else { "" };
                let limit = PATIENCE.as_secs();
                format!("{name} has not answered within {limit} s: is the server stuck or stopped?{done}")
            }
            _ => format!("cannot read from {name}: {error}"),
        }
    })?;
    let not_vestibule = || format!("{} is not a Vestibule admin listener", address.name);
    let (status, body) = parse(&answer).ok_or_else(not_vestibule)?;
    if matches!(status, 200..=202) {
        return Ok(body.to_owned());
    }
    let fault: Value = serde_json::from_str(body).unwrap_or_default();
    let record = fault.get("message").and_then(Value::as_str).ok_or_else(not_vestibule)?;
    Err(match (status, key) {
        (401, None) => {
            "the server requires its admin key: set admin.key_file to the server's".to_owned()
        }
        (401, Some(_)) => "the key in admin.key_file is not the server's".to_owned(),
        // An older server or a public listener, which does not know the path.
        (404, _) if !is_about_subject(&fault, record) => not_vestibule(),
        _ => record.to_owned(),
    })
}

/// Does this 404 say that who or what was asked about is not there, and not that the path is not?
fn is_about_subject(fault: &Value, record: &str) -> bool {
    let code = fault.get("error").and_then(Value::as_str);
    code == Some("no_such_user") || record.contains("no such connection")
}

fn exchange(
    address: &AdminAddress,
    target: &str,
    body: Option<&str>,
    key: Option<&str>,
) -> io::Result<String> {
    let mut stream = address.connect()?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let key = key.map(|key| format!("Authorization: Bearer {key}\r\n")).unwrap_or_default();
    let content = body.map_or_else(String::new, |body| {
        format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len())
    });
    let body = body.unwrap_or_default();
    let host = address.host();
    let request = format!("{target} HTTP/1.1\r\nHost: {host}\r\n{key}{content}\r\n{body}");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer)?;
    String::from_utf8(answer).map_err(io::Error::other)
}

/// Splits a response into status and body. The body ends with the connection.
fn parse(answer: &str) -> Option<(u16, &str)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    Some((status, body))
}

/// Percent-encodes everything except unreserved characters (RFC 3986, section 2.3).
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// So many connections.
pub(super) fn connections(answer: &Value, name: &str) -> String {
    counted(number(answer, name), "connection")
}

pub(super) fn number(answer: &Value, name: &str) -> u64 {
    let number = answer.get(name);
    // Gauges of the process are written as floating-point numbers.
    number.and_then(|it| it.as_u64().or_else(|| it.as_f64().map(|it| it as u64))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_is_percent_encoded() {
        assert_eq!(encoded("auth0|Alice é~"), "auth0%7CAlice%20%C3%A9~");
    }

    #[test]
    fn unspecified_address_becomes_loopback() {
        let address = |listen: &str| AdminAddress::of(listen).map(|address| address.host());
        assert_eq!(address(" 127.0.0.1:9090").as_deref(), Ok("127.0.0.1:9090"));
        assert_eq!(address("0.0.0.0:1").as_deref(), Ok("127.0.0.1:1"));
        assert_eq!(address("[::]:1").as_deref(), Ok("[::1]:1"));
        let unix = AdminAddress::of("unix:/run/admin.sock").unwrap();
        assert_eq!(unix.place, AdminPlace::Unix("/run/admin.sock".into()));
        assert!(address("").unwrap_err().contains("is off"));
        assert!(address("127.0.0.1:0").unwrap_err().contains("another port"));
        assert!(address("9090").unwrap_err().contains("expected an address"));
    }

    #[test]
    fn response_has_status_and_body() {
        assert_eq!(parse("HTTP/1.1 200 OK\r\nA: b\r\n\r\n{}"), Some((200, "{}")));
        for no_answer in ["", "HTTP/1.1 200 OK\r\n", "SSH-2.0\r\n\r\n", "HTTP/1.1 2\r\n\r\n"] {
            assert_eq!(parse(no_answer), None, "{no_answer}");
        }
    }
}
