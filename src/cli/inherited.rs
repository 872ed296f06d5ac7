//! Listening sockets that a service manager has opened for this process (sd_listen_fds(3)). They
//! outlive it, so no client is refused during a restart.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use listenfd::ListenFd;
use vestibule::config::Config;
use vestibule::driver::Role;
use vestibule::net::{ListenerAddress, ListeningSocket, Server, Sockets};

/// The name (`FileDescriptorName=`) of the admin listener's socket. All other names are public.
const ADMIN: &str = "admin";
/// The most sockets that are accepted. A larger number is probably a mistake.
const MOST: usize = 1_024;

/// Takes the inherited sockets. Must be called once, before there is a second thread, as it removes
/// variables from the environment.
///
/// # Errors
/// One line: a variable is malformed, or a socket is not one that clients can connect to.
pub(super) fn take(config: &Config) -> Result<Sockets, String> {
    let variable = |name| std::env::var(name).unwrap_or_default();
    let (pid, count) = (variable("LISTEN_PID"), variable("LISTEN_FDS"));
    let Some(count) = count_for(std::process::id(), &pid, &count)? else {
        return Ok(Sockets::default());
    };
    let mut descriptors = ListenFd::from_env();
    let names = variable("LISTEN_FDNAMES");
    let names = names.split(':').chain(std::iter::repeat("")).take(count);
    let mut sockets = Sockets::default();
    for (number, name) in names.enumerate() {
        let socket = take_listener(&mut descriptors, number).ok_or_else(|| {
            format!(
                "inherited socket {number} (LISTEN_FDS), named `{name}`, is not a stream socket that \
                 listens: set ListenStream= to an address and a port, to a port, or to a path"
            )
        })?;
        if !is_admins(&socket, name, config) {
            sockets.public.push(socket);
        } else if sockets.admin.replace(socket).is_some() {
            return Err(
                "two inherited sockets are for the admin listener, which takes one: change \
                        FileDescriptorName= or the address of the other"
                    .to_owned(),
            );
        }
    }
    Ok(sockets)
}

/// The socket with this number: of TCP, or of the Unix domain.
fn take_listener(descriptors: &mut ListenFd, number: usize) -> Option<ListeningSocket> {
    if let Ok(socket) = descriptors.take_tcp_listener(number) {
        return socket.map(ListeningSocket::Tcp);
    }
    descriptors.take_unix_listener(number).ok().flatten().map(ListeningSocket::Unix)
}

/// The number of sockets for the process `own`. `None` when there are none, or when they are for
/// another process.
fn count_for(own: u32, pid: &str, count: &str) -> Result<Option<usize>, String> {
    if pid.parse() != Ok(own) {
        return Ok(None);
    }
    match count.parse() {
        Ok(0) => Ok(None),
        Ok(count @ 1..=MOST) => Ok(Some(count)),
        _ => Err(format!("LISTEN_FDS is `{count}`: expected a number up to {MOST}")),
    }
}

/// Whether a socket is the admin listener's, by its name or by its address.
fn is_admins(socket: &ListeningSocket, name: &str, config: &Config) -> bool {
    let configured = config.admin.listen.trim();
    let is_configured = |address| match address {
        ListenerAddress::Tcp(address) => configured.parse() == Ok(address),
        address => address.to_string() == configured,
    };
    name == ADMIN || socket.address().is_ok_and(is_configured)
}

/// Which listeners use inherited sockets.
#[derive(Clone, Copy, Debug)]
pub(super) struct InheritedSockets {
    public: bool,
    admin: bool,
}

impl InheritedSockets {
    pub(super) fn of(sockets: &Sockets) -> Self {
        Self { public: !sockets.public.is_empty(), admin: sockets.admin.is_some() }
    }

    /// Logs the inherited addresses, and the configured ones that they replace.
    pub(super) fn log_addresses(self, config: &Config, server: &Server) {
        let log_addresses = |key, addresses: &[ListenerAddress], configured: &str| {
            let addresses =
                addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            ::log::info!("using {addresses}, inherited from the service manager (LISTEN_FDS)");
            if addresses != configured.trim() {
                ::log::info!("ignoring {key} = `{configured}`: inherited sockets are used instead");
            }
        };
        if self.public {
            let addresses = server.addresses(Role::Client);
            log_addresses("listen", &addresses, &config.listen.join(", "));
        }
        if self.admin {
            let addresses = server.addresses(Role::Operator);
            log_addresses("admin.listen", &addresses, &config.admin.listen);
            let has_key = !config.admin.key_file.is_empty();
            if let Some(path) = addresses.iter().find_map(open_to_all).filter(|_| !has_key) {
                ::log::warn!(
                    "every user of this host can operate the server by {}: set SocketMode=0600 in \
                     the socket's unit, or name a file with a key in admin.key_file",
                    path.display()
                );
            }
        }
    }
}

/// The path of a Unix socket that every user may write to. systemd's default is such a mode.
fn open_to_all(address: &ListenerAddress) -> Option<&Path> {
    let ListenerAddress::Unix(path) = address else { return None };
    let mode = path.metadata().ok()?.permissions().mode();
    (mode & 0o002 != 0).then_some(path)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn sockets_of_another_process_are_ignored() {
        assert_eq!(count_for(7, "", "1"), Ok(None));
        assert_eq!(count_for(7, "8", "1"), Ok(None));
        assert_eq!(count_for(7, "7", "0"), Ok(None));
        assert_eq!(count_for(7, "7", "2"), Ok(Some(2)));
        for wrong in ["", "-1", "two", "1025", "99999999999999999999"] {
            assert!(count_for(7, "7", wrong).unwrap_err().contains("a number up to 1024"));
        }
    }

    #[test]
    fn admin_socket_is_known_by_name_or_address() {
        let socket: ListeningSocket = TcpListener::bind("127.0.0.1:0").unwrap().into();
        let mut config = Config::program_defaults();
        assert!(is_admins(&socket, "admin", &config));
        assert!(!is_admins(&socket, "http", &config) && !is_admins(&socket, "", &config));
        config.admin.listen = socket.address().unwrap().to_string();
        assert!(is_admins(&socket, "", &config));
        let path = std::env::temp_dir().join(format!("vestibule-is-{}", std::process::id()));
        let socket: ListeningSocket = UnixListener::bind(&path).unwrap().into();
        std::fs::remove_file(&path).unwrap();
        assert!(is_admins(&socket, "admin", &config) && !is_admins(&socket, "http", &config));
        config.admin.listen = format!("unix:{}", path.display());
        assert!(is_admins(&socket, "http", &config));
    }
}
