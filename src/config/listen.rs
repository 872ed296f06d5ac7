//! An address to listen on, as people write it.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::units::ParseError;

/// The longest path of a Unix socket: `sun_path` has 108 bytes (unix(7)), the last of which is 0.
const MAX_PATH_BYTES: usize = 107;

/// Where a listener listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// `unix:/run/vestibule/http.sock`.
    Unix(PathBuf),
    /// `127.0.0.1:8080`, `[::1]:8080`, `[fe80::1%eth0]:8080` or `localhost:8080`.
    Host {
        /// An IP address, perhaps with a scope, or a name.
        host: String,
        /// 0: any free port.
        port: u16,
    },
    /// `:8080`: every interface, IPv4 and IPv6.
    Every {
        /// 0: any free port.
        port: u16,
    },
}

impl ListenAddress {
    /// Is it certain, without a name query, that only this host can reach it?
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Self::Unix(_) => true,
            Self::Host { host, .. } => match host.parse::<IpAddr>() {
                Ok(ip) => ip.is_loopback(),
                Err(_) => host.eq_ignore_ascii_case("localhost"),
            },
            Self::Every { .. } => false,
        }
    }

    /// Would a listener here take the address of one there?
    pub(super) fn collides(&self, other: &Self) -> bool {
        let takes_any_port = matches!(self, Self::Host { port: 0, .. } | Self::Every { port: 0 });
        self == other && !takes_any_port
    }
}

impl FromStr for ListenAddress {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        parse(text.trim()).ok_or_else(|| {
            let what = "address: write `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`, `:8080` or \
                        `unix:` and a path of at most 107 bytes";
            ParseError::new(text, what)
        })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Host { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Host { host, port } => write!(f, "{host}:{port}"),
            Self::Every { port } => write!(f, ":{port}"),
        }
    }
}

fn parse(text: &str) -> Option<ListenAddress> {
    if let Some(path) = text.strip_prefix("unix:") {
        let is_path = (1..=MAX_PATH_BYTES).contains(&path.len()) && !path.contains('\0');
        // An abstract name, as other programs write it, would become a file of that name.
        let is_path = is_path && !path.starts_with('@') && Path::new(path).file_name().is_some();
        return is_path.then(|| ListenAddress::Unix(PathBuf::from(path)));
    }
    let (host, port) = text.rsplit_once(':')?;
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    let port = is_number.then(|| port.parse().ok()).flatten()?;
    if host.is_empty() {
        return Some(ListenAddress::Every { port });
    }
    let host = match host.strip_prefix('[') {
        Some(host) => {
            let host = host.strip_suffix(']')?;
            let (ip, scope) = host.split_once('%').unwrap_or((host, "-"));
            ip.parse::<Ipv6Addr>().ok()?;
            (!scope.is_empty()).then_some(host)?
        }
        None => {
            let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
            host.bytes().all(is_of_name).then_some(host)?
        }
    };
    Some(ListenAddress::Host { host: host.to_owned(), port })
}

/// The mode of a Unix socket's file: `0660` or `660`, as for chmod(1).
pub(crate) fn parse_mode(text: &str) -> Option<u32> {
    let is_octal = text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    let mode = is_octal.then(|| u32::from_str_radix(text, 8).ok()).flatten();
    mode.filter(|&mode| (3..=4).contains(&text.len()) && mode <= 0o777)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_address_is_a_host_with_a_port_or_a_path() {
        for text in [
            "127.0.0.1:8080",
            "[::1]:8080",
            "[::]:0",
            "[fe80::1%eth0]:8080",
            "localhost:8080",
            "chat.example.com:443",
            ":8080",
            "unix:/run/vestibule/http.sock",
            "unix:http.sock",
        ] {
            assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "localhost",
            "8080",
            "127.0.0.1",
            "[::1]",
            "::1:8080",
            "[::1%]:80",
            "[localhost]:80",
            "http://localhost:80",
            "localhost:http",
            "localhost:65536",
            "localhost:+80",
            "unix:",
            "unix:/",
            "unix:@name",
            &format!("unix:/{}", "a".repeat(107)),
        ] {
            let fault = text.parse::<ListenAddress>().unwrap_err().to_string();
            assert!(
                fault.starts_with(&format!("`{text}` is not a valid address: write ")),
                "{fault}"
            );
        }
    }

    #[test]
    fn only_loopback_and_files_are_certainly_local() {
        let is_local = |text: &str| text.parse::<ListenAddress>().unwrap().is_local();
        for text in ["127.0.0.2:1", "[::1]:1", "localhost:1", "unix:a"] {
            assert!(is_local(text), "{text}");
        }
        for text in ["0.0.0.0:1", "[::]:1", ":1", "edge.example:1", "[fe80::1%eth0]:1"] {
            assert!(!is_local(text), "{text}");
        }
    }

    #[test]
    fn mode_is_three_octal_digits() {
        assert_eq!(parse_mode("0660"), Some(0o660));
        assert_eq!(parse_mode("600"), Some(0o600));
        for text in ["", "66", "668", "1777", "00660", "rw-", "+66"] {
            assert_eq!(parse_mode(text), None, "{text}");
        }
    }
}
