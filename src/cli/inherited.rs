//! Listening sockets that a service manager has opened for this process (sd_listen_fds(3)). They
//! outlive it, so no client is refused during a restart.

use std::net::{SocketAddr, TcpListener};

use listenfd::ListenFd;
use vestibule::config::Config;
use vestibule::net::{Server, Sockets};

/// The name (`FileDescriptorName=`) of the admin listener's socket. All other names are public.
const ADMIN: &str = "admin";
/// The most sockets that are accepted. A larger number is probably a mistake.
const MOST: usize = 1_024;

/// Takes the inherited sockets. Must be called once, before there is a second thread, as it removes
/// variables from the environment.
///
/// # Errors
/// One line: a variable is malformed, or a socket is not a TCP socket.
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
        let socket = descriptors.take_tcp_listener(number).ok().flatten().ok_or_else(|| {
            format!(
                "inherited socket {number} (LISTEN_FDS), named `{name}`, is not a TCP socket: set \
                 ListenStream= to an address and a port, or to a port"
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
fn is_admins(socket: &TcpListener, name: &str, config: &Config) -> bool {
    let address = || config.admin.listen.trim().parse::<SocketAddr>().ok();
    name == ADMIN || socket.local_addr().ok().is_some_and(|it| Some(it) == address())
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
        let log_addresses = |key, addresses: &[SocketAddr], configured: &str| {
            let addresses =
                addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            ::log::info!("using {addresses}, inherited from the service manager (LISTEN_FDS)");
            if addresses != configured.trim() {
                ::log::info!("ignoring {key} = `{configured}`: inherited sockets are used instead");
            }
        };
        if self.public {
            log_addresses("listen", &server.local_addrs(), &config.listen.join(", "));
        }
        if self.admin {
            log_addresses("admin.listen", server.admin_addr().as_slice(), &config.admin.listen);
        }
    }
}

#[cfg(test)]
mod tests {
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
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut config = Config::program_defaults();
        assert!(is_admins(&socket, "admin", &config));
        assert!(!is_admins(&socket, "http", &config) && !is_admins(&socket, "", &config));
        config.admin.listen = socket.local_addr().unwrap().to_string();
        assert!(is_admins(&socket, "", &config));
    }
}
