//! How each server is started, and how its address is learnt.

use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::process::{Process, Watch};

/// The name that ratios are about.
pub(crate) const OURS: &str = "vestibule";
/// The same server behind nginx.
pub(crate) const NGINX_NAME: &str = "nginx";
/// Where servers and load test find the secret of the tokens.
pub(crate) const SECRET_VARIABLE: &str = "VESTIBULE_AUTH__SECRET";
/// For a server to say where it listens, or to listen.
const START: Duration = Duration::from_secs(15);
/// The configuration of a server that ends TLS in front of another.
const NGINX: &str = include_str!("nginx.conf");
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
    environment: Vec<(&'static str, String)>,
    /// Where `nginx` stands before it, the module that proxies TCP.
    proxy: Option<PathBuf>,
    /// The certificate that its clients are to trust, if they speak TLS, and its key.
    certificate: Option<Certificate>,
}

/// What a server with TLS shows.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
}

/// A server that listens. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Running {
    /// The child, and a proxy in front of it.
    processes: Vec<Process>,
    /// Where clients connect.
    address: SocketAddr,
    /// What they trust, if they speak TLS.
    trusted: Option<PathBuf>,
    /// The files of the proxy.
    _files: Option<TemporaryFolder>,
}

impl Running {
    /// The arguments of the load test that lead to it.
    pub(crate) fn load_arguments(&self) -> Vec<String> {
        let pids: Vec<_> = self.processes.iter().map(|it| it.id().to_string()).collect();
        let scheme = if self.trusted.is_some() { "wss" } else { "ws" };
        let mut arguments = vec![
            "--url".to_owned(),
            format!("{scheme}://{}", self.address),
            "--pid".to_owned(),
            pids.join(","),
        ];
        if let Some(path) = &self.trusted {
            arguments.extend(["--ca-file".to_owned(), path.display().to_string()]);
        }
        arguments
    }
}

impl Server {
    /// Vestibule, with rooms in memory that are open to every user.
    pub(crate) fn ours(program: OsString) -> Self {
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--app", "memory-open"];
        Self {
            name: OURS.to_owned(),
            program,
            arguments: arguments.map(str::to_owned).to_vec(),
            environment: UNLIMITED.map(|(name, value)| (name, value.to_owned())).to_vec(),
            proxy: None,
            certificate: None,
        }
    }

    /// Vestibule with TLS of its own.
    pub(crate) fn secure(program: OsString, certificate: Certificate) -> Self {
        let mut server = Self::ours(program);
        let path = |path: &Path| path.display().to_string();
        server.environment.extend([
            ("VESTIBULE_TLS__CERT_FILE", path(&certificate.chain)),
            ("VESTIBULE_TLS__KEY_FILE", path(&certificate.key)),
        ]);
        Self { certificate: Some(certificate), ..server }
    }

    /// Vestibule without TLS, behind an nginx that has it. `module` is nginx's for TCP.
    pub(crate) fn behind_nginx(
        program: OsString,
        certificate: Certificate,
        module: PathBuf,
    ) -> Self {
        let server = Self::ours(program);
        let name = NGINX_NAME.to_owned();
        Self { name, proxy: Some(module), certificate: Some(certificate), ..server }
    }

    /// Whether its clients speak TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.certificate.is_some()
    }

    /// A peer that takes a free port and says which.
    pub(crate) fn announcing(name: &str, program: OsString) -> Self {
        let arguments = ["--listen", "127.0.0.1:0"].map(str::to_owned).to_vec();
        Self {
            name: name.to_owned(),
            program,
            arguments,
            environment: Vec::new(),
            proxy: None,
            certificate: None,
        }
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
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env(SECRET_VARIABLE, secret);
        let mut process = Process::start(command)?;
        let address = match chosen {
            Some(address) => {
                wait_until_open(&mut process, address, &watch)?;
                address
            }
            None => process.wait_for(&watch, address_in)?,
        };
        let trusted = self.certificate.as_ref().map(|it| it.chain.clone());
        let mut running = Running { processes: vec![process], address, trusted, _files: None };
        if let Some((module, certificate)) = self.proxy.as_ref().zip(self.certificate.as_ref()) {
            running.put_behind(module, certificate, &watch)?;
        }
        Ok(running)
    }

    fn wants_address(&self) -> bool {
        self.arguments.iter().any(|text| text.contains("{addr}") || text.contains("{port}"))
    }
}

impl Running {
    /// Starts nginx in front of it, as one process.
    fn put_behind(
        &mut self,
        module: &Path,
        certificate: &Certificate,
        watch: &Watch,
    ) -> Result<(), Box<dyn Error>> {
        let folder = TemporaryFolder::new()?;
        let address = free_address()?;
        // nginx may have the module built in.
        let load = if module.exists() {
            format!("load_module {};", module.display())
        } else {
            String::new()
        };
        let text = NGINX
            .replace("{load_module}", &load)
            .replace("{listen}", &address.to_string())
            .replace("{backend}", &self.address.to_string())
            .replace("{chain}", &fs::canonicalize(&certificate.chain)?.display().to_string())
            .replace("{key}", &fs::canonicalize(&certificate.key)?.display().to_string());
        fs::write(folder.0.join("nginx.conf"), text)?;
        let mut command = Command::new("nginx");
        command.arg("-p").arg(&folder.0).args(["-e", "stderr", "-c", "nginx.conf"]);
        let mut process = Process::start(command)?;
        if let Err(error) = wait_until_open(&mut process, address, watch) {
            let said = process.finish(watch).map(|output| output.err).unwrap_or_default();
            let last = said.lines().last().unwrap_or_default();
            let help = "it needs its stream module: on Debian, apt-get install libnginx-mod-stream";
            return Err(format!("nginx: {error}: {last} ({help})").into());
        }
        self.processes.push(process);
        (self.address, self._files) = (address, Some(folder));
        Ok(())
    }
}

/// A folder that is removed when it is dropped.
#[derive(Debug)]
struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    fn new() -> io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("compare-{}-{count}", std::process::id()));
        fs::create_dir(&path).map(|()| Self(path))
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
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
        environment: Vec::new(),
        proxy: None,
        certificate: None,
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
