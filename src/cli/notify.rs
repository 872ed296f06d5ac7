//! Notifications to the service manager (sd_notify(3)), and the watchdog, which reports that the
//! reactor is alive.

use std::env::{self, VarError};
use std::fmt::Display;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use vestibule::config::{Config, Length};
use vestibule::net::{Handle, Health};

/// How long a notification may block when the manager does not read.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long the shutdown may take beyond the drain and open requests: for the last closes and
/// commits.
const AFTER_THE_DRAIN: Duration = Duration::from_secs(5);

/// The connection to the service manager. Does nothing when there is none. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Notify(Option<Arc<(UnixDatagram, SocketAddr)>>);

impl Notify {
    /// Opens the socket that `NOTIFY_SOCKET` names.
    ///
    /// # Errors
    /// One line: the variable is not a valid address of a socket.
    pub(super) fn from_environment() -> Result<Self, String> {
        match env::var("NOTIFY_SOCKET") {
            Err(VarError::NotPresent) => Ok(Self::default()),
            Ok(text) if text.is_empty() => Ok(Self::default()),
            Ok(text) => Self::open(&text),
            Err(error) => Err(format!("NOTIFY_SOCKET: {error}")),
        }
    }

    fn open(text: &str) -> Result<Self, String> {
        let fault = |problem: &dyn Display| format!("NOTIFY_SOCKET is `{text}`: {problem}");
        let address = address(text).map_err(|error| fault(&error))?;
        let socket = UnixDatagram::unbound().map_err(|error| fault(&error))?;
        socket.set_write_timeout(Some(PATIENCE)).map_err(|error| fault(&error))?;
        Ok(Self(Some(Arc::new((socket, address)))))
    }

    /// Reports that the server listens, or that a reload has ended. `status` is shown to people.
    pub(super) fn ready(&self, status: &str) {
        self.send(&format!("READY=1\nSTATUS={status}"));
    }

    /// Reports that a reload begins. Its time lets the manager ignore an earlier `READY=1`.
    pub(super) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let micros = now.tv_sec.saturating_mul(1_000_000).saturating_add(now.tv_nsec / 1_000);
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={micros}\nSTATUS=reloading"));
    }

    /// Reports that the server drains before it stops, and extends the manager's timeout. Open
    /// requests get the time for their head, for the answer and for sending it.
    pub(super) fn stopping(&self, config: &Config) {
        let drain = config.drain.get();
        let Config { http, backend, .. } = config;
        let request = [http.header_timeout, backend.timeout, http.response_timeout];
        let request: Duration = request.into_iter().map(Length::get).sum();
        let patience = drain.max(request).saturating_add(AFTER_THE_DRAIN).as_micros();
        let status = format!("draining for {drain:?}");
        self.send(&format!("STOPPING=1\nSTATUS={status}\nEXTEND_TIMEOUT_USEC={patience}"));
    }

    fn send(&self, text: &str) {
        let Some((socket, address)) = self.0.as_deref() else { return };
        if let Err(error) = socket.send_to_addr(text.as_bytes(), address) {
            ::log::warn!("cannot notify the service manager: {error}");
        }
    }
}

/// Parses a path, or `@` and the name of an abstract socket.
fn address(text: &str) -> std::io::Result<SocketAddr> {
    #[cfg(target_os = "linux")]
    if let Some(name) = text.strip_prefix('@') {
        use std::os::linux::net::SocketAddrExt as _;
        return SocketAddr::from_abstract_name(name);
    }
    if !text.starts_with('/') {
        let problem = "expected an absolute path, or @ and a name";
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, problem));
    }
    SocketAddr::from_pathname(text)
}

/// A thread that reports to the service manager as long as the reactor answers it. It ends when
/// this is dropped or the server stops.
#[derive(Debug)]
pub(super) struct Watchdog(#[expect(dead_code, reason = "its end ends the thread")] Sender<()>);

impl Watchdog {
    /// Starts the thread if the manager requests it (`WATCHDOG_USEC`, `WATCHDOG_PID`).
    ///
    /// # Errors
    /// One line: a variable is malformed, or the thread cannot be started.
    pub(super) fn start(notify: &Notify, handle: &Handle) -> Result<Option<Self>, String> {
        let variable = |name| env::var(name).unwrap_or_default();
        let (pid, micros) = (variable("WATCHDOG_PID"), variable("WATCHDOG_USEC"));
        let Some(patience) = patience_with(std::process::id(), &pid, &micros)? else {
            return Ok(None);
        };
        // At half of the interval, as sd_watchdog_enabled(3) recommends.
        Self::beat(notify.clone(), handle.clone(), patience / 2).map(Some)
    }

    fn beat(notify: Notify, handle: Handle, every: Duration) -> Result<Self, String> {
        let (end, ended) = mpsc::channel();
        let beat = move || {
            // A reactor that hangs does not answer, so this thread waits and reports nothing.
            while let Some(health) = handle.health() {
                notify.send(&format!("WATCHDOG=1\nSTATUS={}", status(health)));
                if ended.recv_timeout(every) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        std::thread::Builder::new()
            .name("watchdog".to_owned())
            .spawn(beat)
            .map(|_| Self(end))
            .map_err(|error| format!("cannot start the watchdog thread: {error}"))
    }
}

/// The watchdog interval for the process `own`. `None` when the manager requests no watchdog.
fn patience_with(own: u32, pid: &str, micros: &str) -> Result<Option<Duration>, String> {
    if micros.is_empty() || (!pid.is_empty() && pid.parse() != Ok(own)) {
        return Ok(None);
    }
    match micros.parse() {
        Ok(micros @ 1..) => Ok(Some(Duration::from_micros(micros))),
        _ => Err(format!("WATCHDOG_USEC is `{micros}`: expected a number of microseconds")),
    }
}

fn status(health: Health) -> String {
    let Health { connections, is_draining } = health;
    let left = if is_draining { "draining: " } else { "" };
    let s = if connections == 1 { "" } else { "s" };
    format!("{left}{connections} connection{s}")
}

#[cfg(test)]
mod tests {
    use vestibule::config::Config;
    use vestibule::net::Server;
    use vestibule::{Answer, App, Incoming, Reply};

    use super::*;

    struct SilentApp;

    impl App for SilentApp {
        fn on_message(&mut self, _: &Incoming<'_>) -> Reply<Answer> {
            Reply::Held
        }
    }

    /// A service manager's socket of this name, and the connection to it.
    fn manager(name: &str) -> (UnixDatagram, Notify) {
        let name = format!("@vestibule-{name}-{}", std::process::id());
        let socket = UnixDatagram::bind_addr(&address(&name).unwrap()).unwrap();
        (socket, Notify::open(&name).unwrap())
    }

    fn hear(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 512];
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn watchdog_is_fed_only_by_a_live_reactor() {
        let (socket, notify) = manager("watchdog");
        let mut config = Config { listen: vec!["127.0.0.1:0".to_owned()], ..Config::default() };
        config.auth.secret = "0123456789abcdef0123456789abcdef".to_owned();
        let server = Server::bind(&config, Box::new(SilentApp)).unwrap();
        let handle = server.handle();
        // The server is bound, but its reactor does not run, so nothing is reported.
        let every = Duration::from_millis(1);
        let watchdog = Watchdog::beat(notify, handle.clone(), every).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        assert!(socket.recv(&mut [0]).is_err());
        socket.set_read_timeout(None).unwrap();
        let running = std::thread::spawn(move || server.run());
        for _ in 0..3 {
            assert_eq!(hear(&socket), "WATCHDOG=1\nSTATUS=0 connections");
        }
        handle.shutdown();
        running.join().unwrap().unwrap();
        assert_eq!(handle.health(), None);
        drop(watchdog);
    }

    #[test]
    fn drain_extends_the_stop_timeout() {
        let (socket, notify) = manager("drain");
        notify.stopping(&Config::default());
        assert_eq!(
            hear(&socket),
            "STOPPING=1\nSTATUS=draining for 10s\nEXTEND_TIMEOUT_USEC=25000000"
        );
        notify.reloading();
        let said = hear(&socket);
        let now = said.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        assert!(now.strip_suffix("\nSTATUS=reloading").unwrap().parse::<u64>().unwrap() > 0);
    }

    #[test]
    fn notify_socket_is_a_path_or_abstract_name() {
        assert!(Notify::open("/run/systemd/notify").is_ok());
        let said = Notify::open("vsock:2:1234").unwrap_err();
        assert!(
            said.starts_with("NOTIFY_SOCKET is `vsock:2:1234`: expected an absolute path"),
            "{said}"
        );
        // A manager that has gone is not an error.
        Notify::open("/nowhere/at/all").unwrap().ready("x");
    }

    #[test]
    fn watchdog_of_another_process_is_ignored() {
        assert_eq!(patience_with(7, "", ""), Ok(None));
        assert_eq!(patience_with(7, "8", "1000"), Ok(None));
        let second = Ok(Some(Duration::from_secs(1)));
        assert_eq!(patience_with(7, "7", "1000000"), second);
        assert_eq!(patience_with(7, "", "1000000"), second);
        assert!(patience_with(7, "", "0").is_err());
    }

    #[test]
    fn status_counts_connections() {
        let health = |connections, is_draining| status(Health { connections, is_draining });
        assert_eq!(health(0, false), "0 connections");
        assert_eq!(health(1, true), "draining: 1 connection");
    }
}
