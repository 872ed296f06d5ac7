//! How each server is started, and how its address is learnt.

use std::error::Error;
use std::ffi::OsString;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use crate::process::{Process, Watch};

/// The name that ratios are about.
pub(crate) const OURS: &str = "vestibule";
/// Where servers and load test find the secret of the tokens.
pub(crate) const SECRET_VARIABLE: &str = "VESTIBULE_AUTH__SECRET";
/// For a server to say where it listens, or to listen.
const START: Duration = Duration::from_secs(15);
/// Without the limits that one host with many users in one process would meet, and without the port
/// that another server on this host may have.
const UNLIMITED: [(&str, &str); 7] = [
    ("VESTIBULE_ADMIN__LISTEN", ""),
    ("VESTIBULE_LIMITS__PENDING", "15000"),
    ("VESTIBULE_LIMITS__MESSAGES_PER_MINUTE", "0"),
    ("VESTIBULE_LIMITS__CONNECTIONS_PER_USER", "0"),
    ("VESTIBULE_LIMITS__PENDING_PER_IP", "0"),
    ("VESTIBULE_LIMITS__AUTH_PER_MINUTE_PER_IP", "0"),
    ("VESTIBULE_LIMITS__AUTH_PER_MINUTE_PER_USER", "0"),
];

/// A server that can be started.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    /// Its column.
    pub(crate) name: String,
    program: OsString,
    /// `{addr}` and `{port}` stand for an address that is chosen at the start.
    arguments: Vec<String>,
    environment: &'static [(&'static str, &'static str)],
}

/// A server that listens. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Running {
    /// The child.
    pub(crate) process: Process,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Vestibule, with rooms in memory that are open to every user.
    pub(crate) fn ours(program: OsString) -> Self {
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--app", "memory-open"];
        Self {
            name: OURS.to_owned(),
            program,
            arguments: arguments.map(str::to_owned).to_vec(),
            environment: &UNLIMITED,
        }
    }

    /// A peer that takes a free port and says which.
    pub(crate) fn announcing(name: &str, program: OsString) -> Self {
        let arguments = ["--listen", "127.0.0.1:0"].map(str::to_owned).to_vec();
        Self { name: name.to_owned(), program, arguments, environment: &[] }
    }

    /// Starts it, and waits until it listens.
    ///
    /// # Errors
    /// It cannot be run, ends, or does not listen in time.
    pub(crate) fn start(&self, secret: &str, watch: &Watch) -> Result<Running, Box<dyn Error>> {
        let watch = watch.at_most(START);
        let chosen = if self.wants_address() { Some(free_address()?) } else { None };
        let mut command = Command::new(&self.program);
        command
            .args(self.arguments.iter().map(|argument| fill(argument, chosen)))
            .envs(self.environment.iter().copied())
            .env(SECRET_VARIABLE, secret);
        let mut process = Process::start(command)?;
        let address = match chosen {
            Some(address) => {
                wait_until_open(&mut process, address, &watch)?;
                address
            }
            None => process.wait_for(&watch, address_in)?,
        };
        Ok(Running { process, address })
    }

    fn wants_address(&self) -> bool {
        self.arguments.iter().any(|text| text.contains("{addr}") || text.contains("{port}"))
    }
}

/// `NAME=COMMAND`, as `--peer` takes it.
///
/// # Errors
/// A name or a command is missing.
pub(crate) fn parse_peer(text: &str) -> Result<Server, String> {
    let (name, command) = text.split_once('=').ok_or("write NAME=COMMAND")?;
    let mut words = command.split_whitespace().map(str::to_owned);
    let program = words.next().ok_or("the command is missing")?;
    if name.is_empty() {
        return Err("the name is missing".to_owned());
    }
    Ok(Server {
        name: name.to_owned(),
        program: program.into(),
        arguments: words.collect(),
        environment: &[],
    })
}

/// Puts the chosen address into an argument.
fn fill(argument: &str, address: Option<SocketAddr>) -> String {
    match address {
        Some(address) => argument
            .replace("{addr}", &address.to_string())
            .replace("{port}", &address.port().to_string()),
        None => argument.to_owned(),
    }
}

/// An address that was free a moment ago: the best there is for a server that cannot say which
/// one it took.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Tries to connect until it works.
fn wait_until_open(process: &mut Process, address: SocketAddr, watch: &Watch) -> io::Result<()> {
    while TcpStream::connect(address).is_err() {
        if process.has_ended() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ended at the start"));
        }
        watch.pause()?;
    }
    Ok(())
}

/// The address in a line such as `listening on 127.0.0.1:8080` or `… ws://127.0.0.1:8080/v1`.
fn address_in(line: &str) -> Option<SocketAddr> {
    ["ws://", "http://", "listening on "].iter().find_map(|mark| {
        let (_, rest) = line.split_once(mark)?;
        let is_part = |c: char| c.is_ascii_hexdigit() || ".:[]".contains(c);
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        rest.get(..end)?.trim_end_matches(['.', ':']).parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_every_usual_line() {
        let address = "127.0.0.1:8080".parse().ok();
        for line in [
            "listening on 127.0.0.1:8080",
            "INFO listening on ws://127.0.0.1:8080/v1/chat/{recipe_id}",
            "serving http://127.0.0.1:8080, with 2 workers",
            "listening on 127.0.0.1:8080.",
        ] {
            assert_eq!(address_in(line), address, "{line}");
        }
        assert_eq!(address_in("listening on [::1]:9"), "[::1]:9".parse().ok());
        assert_eq!(address_in("listening on all addresses"), None);
        assert_eq!(address_in("listening on [127.0.0.1:8080], at most 9"), None);
    }

    #[test]
    fn a_peer_is_a_name_and_a_command() {
        let peer = parse_peer("uws=./server --port {port} --key a=b").unwrap();
        assert_eq!(peer.name, "uws");
        assert!(peer.wants_address());
        let address = "127.0.0.1:81".parse().ok();
        let filled: Vec<_> = peer.arguments.iter().map(|text| fill(text, address)).collect();
        assert_eq!(filled, ["--port", "81", "--key", "a=b"]);
    }

    #[test]
    fn half_a_peer_is_refused() {
        for text in ["uws", "uws=", "uws= ", "=server"] {
            assert!(parse_peer(text).is_err(), "{text}");
        }
    }
}
