//! Asks the cluster's engine what it is, once, for `vestibule check`. Blocks.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::bus::{BusCommand, BusEvent, BusLink, BusReply, EngineInfo, LinkSettings, LogName};
use crate::config::{Cluster, ClusterAddress, ClusterUrl, counted};
use crate::net::clock::Clock;
#[cfg(any(feature = "backend", feature = "jwks-url"))]
use crate::net::http::ClientTls;
#[cfg(any(feature = "backend", feature = "jwks-url"))]
use crate::net::tls_fault::plain_tls_error;

/// How long an engine may take for each step.
const PATIENCE: Duration = Duration::from_secs(5);

/// What an engine is, for people, and what is wrong with it.
#[derive(Debug)]
pub struct InspectedEngine {
    /// Its address.
    pub address: String,
    /// A line about it.
    pub summary: String,
    /// Sentences about what should be changed.
    pub warnings: Vec<String>,
}

/// Connects to the engine that `cluster` names: the first address that answers.
///
/// # Errors
/// A line for each address that does not.
pub fn inspect_engine(cluster: &Cluster) -> Result<InspectedEngine, Vec<String>> {
    let url = ClusterUrl::parse(&cluster.url).map_err(|why| vec![format!("cluster.url: {why}")])?;
    let mut faults = Vec::new();
    for address in &url.addresses {
        let name = match address {
            ClusterAddress::Unix(path) => format!("unix:{path}"),
            ClusterAddress::Host { host, port, .. } if host.contains(':') => {
                format!("[{host}]:{port}")
            }
            ClusterAddress::Host { host, port, .. } => format!("{host}:{port}"),
        };
        let asked = connect(cluster, address)
            .map_err(|error| error.to_string())
            .and_then(|transport| ask(cluster, &url, transport));
        match asked {
            Ok(info) => return Ok(describe(name, &info)),
            Err(why) => faults.push(format!("cluster.url {name}: {why}")),
        }
    }
    Err(faults)
}

trait EngineStream: Read + Write {}
impl<T: Read + Write> EngineStream for T {}

/// TLS, whose faults have texts for people.
#[cfg(any(feature = "backend", feature = "jwks-url"))]
struct PlainFaults<T>(T);

#[cfg(any(feature = "backend", feature = "jwks-url"))]
impl<T: Read> Read for PlainFaults<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(plain_tls_error)
    }
}

#[cfg(any(feature = "backend", feature = "jwks-url"))]
impl<T: Write> Write for PlainFaults<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(plain_tls_error)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(plain_tls_error)
    }
}

fn connect(cluster: &Cluster, address: &ClusterAddress) -> io::Result<Box<dyn EngineStream>> {
    match address {
        ClusterAddress::Unix(path) => {
            let socket = UnixStream::connect(path)?;
            socket.set_read_timeout(Some(PATIENCE))?;
            Ok(Box::new(socket))
        }
        ClusterAddress::Host { host, port, is_tls } => {
            let socket = connect_to_host(host, *port)?;
            socket.set_read_timeout(Some(PATIENCE))?;
            if !is_tls {
                return Ok(Box::new(socket));
            }
            #[cfg(any(feature = "backend", feature = "jwks-url"))]
            {
                let tls = ClientTls::load(("cluster.ca_file", &cluster.ca_file), None)
                    .map_err(io::Error::other)?;
                let session = tls.session(host)?;
                Ok(Box::new(PlainFaults(rustls::StreamOwned::new(session, socket))))
            }
            #[cfg(not(any(feature = "backend", feature = "jwks-url")))]
            {
                let _ = cluster;
                Err(io::Error::other("this program was built without TLS for clients"))
            }
        }
    }
}

/// To the first of the host's addresses that can be connected to.
fn connect_to_host(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = io::Error::other("the name has no address");
    for address in std::net::ToSocketAddrs::to_socket_addrs(&(host, port))? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn ask(
    cluster: &Cluster,
    url: &ClusterUrl,
    mut transport: Box<dyn EngineStream>,
) -> Result<EngineInfo, String> {
    let clock = Clock::start();
    let seed = crate::net::entropy::seed().map_err(|error| error.to_string())?;
    let settings = LinkSettings {
        name: super::unique_name().map_err(|error| error.to_string())?.into(),
        prefix: cluster.prefix.as_str().into(),
        username: url.user.clone(),
        password: Some(cluster.password.clone()).filter(|password| !password.is_empty()),
        ..LinkSettings::default()
    };
    let mut link = BusLink::new(settings, &seed);
    let now = || clock.now().monotonic;
    let log = || LogName::Room("vestibule check".into());
    link.handle_timeout(now());
    link.connected(now());
    let until = now() + PATIENCE;
    let mut buffer = vec![0; 16 << 10];
    // An engine that sends a byte now and then does not hold this up.
    while now() < until {
        while let Some(event) = link.poll() {
            match event {
                BusEvent::Up => {
                    let sent = link.send(now(), 0, BusCommand::Subscribe(vec![log()]), until);
                    sent.map_err(|fault| fault.to_string())?;
                }
                BusEvent::Subscribed(_) => {
                    let leave = BusCommand::Unsubscribe(vec![log()]);
                    for command in [leave, BusCommand::TryRights, BusCommand::Inspect] {
                        let sent = link.send(now(), 0, command, until);
                        sent.map_err(|fault| fault.to_string())?;
                    }
                }
                BusEvent::NotSubscribed { fault, .. } => return Err(explain(fault.to_string())),
                BusEvent::Down { reason } => return Err(explain(reason)),
                BusEvent::Reply { result: Ok(BusReply::Inspected(info)), .. } => return Ok(info),
                BusEvent::Reply { result: Ok(BusReply::Refused(refused)), .. }
                    if !refused.is_empty() =>
                {
                    return Err(format!(
                        "the engine's user may not run {}: docs/cluster.md, The engine, has the ACL",
                        refused.join(", ")
                    ));
                }
                BusEvent::Reply { result: Err(fault), .. } => {
                    return Err(explain(fault.to_string()));
                }
                _ => {}
            }
        }
        let output = link.output();
        if !output.is_empty() {
            let length = transport.write(output).map_err(|error| error.to_string())?;
            link.written(length);
            continue;
        }
        let length = transport.read(&mut buffer).map_err(|error| error.to_string())?;
        if length == 0 {
            return Err("it closed the connection".to_owned());
        }
        link.received(now(), buffer.get(..length).unwrap_or_default());
    }
    Err(format!("it did not answer within {PATIENCE:?}"))
}

/// The engine's words, and what they mean where they do not say it.
fn explain(words: String) -> String {
    if words.starts_with("MOVED ") || words.starts_with("CLUSTERDOWN ") {
        return format!("{words} (it is a node of a Redis Cluster, which is not supported)");
    }
    words
}

fn describe(address: String, info: &EngineInfo) -> InspectedEngine {
    let mut warnings = Vec::new();
    if info.eviction != "noeviction" {
        warnings.push(format!(
            "cluster.url {address}: its maxmemory-policy is {}: it may forget messages and \
             revocations; set `maxmemory-policy noeviction`",
            info.eviction
        ));
    }
    if !info.append_only {
        warnings.push(format!(
            "cluster.url {address}: it forgets revocations when it restarts; set `appendonly yes`"
        ));
    }
    let append = if info.append_only { "appends to a file" } else { "appends to no file" };
    let summary = format!(
        "{}, role {}, {}, {append}, maxmemory-policy {}",
        info.server,
        info.role,
        counted(info.replicas, "replica"),
        info.eviction
    );
    InspectedEngine { address, summary, warnings }
}
