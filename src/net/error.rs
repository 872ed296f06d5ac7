//! Errors at the start and on a reload. Each text says what to do.

use std::error::Error as StdError;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

use super::sockets::ListenerAddress;
use crate::auth::{KeyError, MAX_JWKS_BYTES};
use crate::config::ConfigError;

/// An error of another library.
type Source = Box<dyn StdError + Send + Sync>;

/// Why a server did not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// Values are not in the ranges of their keys. [`Config::faults`](crate::Config::faults) finds more.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Config(Vec<ConfigError>),
    /// `listen` is empty.
    #[error("`listen` is empty: name an address")]
    NoAddress,
    /// A setting holds no address, or a name without one.
    #[error("{setting}: {problem}")]
    Address {
        /// The setting, such as `listen`.
        setting: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// This address cannot be listened on.
    #[error("{setting}: cannot listen on {address}: {}", advice(.setting, .error))]
    Listen {
        /// The setting, such as `listen`.
        setting: &'static str,
        /// The address.
        address: SocketAddr,
        /// The system's error.
        #[source]
        error: io::Error,
    },
    /// This path of a Unix socket cannot be listened on.
    #[error("{setting}: cannot listen on unix:{}: {error}", .path.display())]
    Unix {
        /// The setting, such as `listen`.
        setting: &'static str,
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        error: UnixSocketError,
    },
    /// A socket that was passed in cannot be used.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The system provides no poller.
    #[error("no poller: {0}; is the limit of open files (`ulimit -n`) too low?")]
    Poll(#[source] io::Error),
    /// The system cannot start a thread.
    #[error("no thread: {0}; is the limit of threads (`ulimit -u`) too low?")]
    Thread(#[source] io::Error),
    /// The operating system provides no random bytes.
    #[error("no random bits from the operating system: {0}")]
    Entropy(#[source] io::Error),
    /// The configured key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Keys cannot be read from the place that a setting names.
    #[error("{setting} {place}: {error}")]
    Keys {
        /// The setting, such as `auth.jwks_file`.
        setting: &'static str,
        /// The setting's value: a path or an address.
        place: String,
        /// Why its keys cannot be used.
        #[source]
        error: KeySourceError,
    },
    /// A file with certificates or their key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The file of revocations cannot be used.
    #[error(transparent)]
    Revocations(#[from] RevocationsError),
}

fn advice(setting: &str, error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::AddrInUse if setting == "admin.listen" => {
            "another process has it: take another port, or set it to \"\" for no admin listener \
             (VESTIBULE_ADMIN__LISTEN)"
        }
        ErrorKind::AddrInUse => {
            "another process, or another listener of this one, has it: stop it, or take another port"
        }
        ErrorKind::PermissionDenied => {
            "not permitted: take a port from 1024 up, or give the binary `cap_net_bind_service`"
        }
        ErrorKind::AddrNotAvailable => {
            "this host has no such address: take one of its own, or `0.0.0.0`"
        }
        _ => return error.to_string(),
    }
    .to_owned()
}

/// Why a Unix socket cannot be listened on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UnixSocketError {
    /// A process listens on it.
    #[error("another process listens on it: stop that one, or take another path")]
    InUse,
    /// Something that is not a socket has its path.
    #[error("there is a file that is not a socket: take another path, or move it away")]
    NotASocket,
    /// The system's error.
    #[error("{}", unix_advice(.0))]
    Io(#[from] io::Error),
}

fn unix_advice(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "its directory does not exist: create it".to_owned(),
        ErrorKind::PermissionDenied => {
            "not permitted: the server's user must be able to write in its directory".to_owned()
        }
        _ => error.to_string(),
    }
}

/// Why a socket that was passed in cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SocketError {
    /// It is not a socket of TCP or of the Unix domain, or not of the one that its type says.
    #[error("a given socket is not of the kind that was named: {0}")]
    OtherKind(#[source] io::Error),
    /// It is not a listening socket.
    #[error("the socket on {0} that was given does not listen")]
    NotListening(ListenerAddress),
    /// The system rejected a required option.
    #[error("the socket on {address} cannot be used: {error}")]
    Unusable {
        /// Its address.
        address: ListenerAddress,
        /// The system's error.
        #[source]
        error: io::Error,
    },
    /// It would expose the admin listener to other hosts, and no key is configured.
    #[error(
        "the admin listener that was given listens on {0}, where others can reach it: name a file \
         with a key in admin.key_file, or give it a loopback address"
    )]
    ExposedAdmin(SocketAddr),
}

/// Why keys cannot be read from a file or an address.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeySourceError {
    /// The file cannot be read.
    #[error("{0}")]
    File(#[source] io::Error),
    /// The file is larger than a key file may be.
    #[error("more than {MAX_JWKS_BYTES} bytes")]
    TooLarge,
    /// The file is not UTF-8.
    #[error("not UTF-8 text")]
    NotText,
    /// The address cannot be fetched.
    #[error("{0}")]
    Fetch(#[source] Source),
    /// The address answers with a redirect of this status.
    #[error("{0}: redirects are not followed, write the last address")]
    Redirect(u16),
    /// The address answers with this status instead of 200.
    #[error("the answer is {0}")]
    Status(u16),
    /// The discovery document at the address names keys on this other host.
    #[error(
        "its jwks_uri is on another host, {0}: if that host may say who can sign, add it to \
         auth.jwks_hosts"
    )]
    OtherHost(String),
    /// The discovery document at the address names keys at this address, which is not protected.
    #[error(
        "its jwks_uri `{0}` is no address that can be trusted: it must be `https://…`; `http://` is \
         taken for 127.0.0.1 and [::1], and for private addresses with auth.jwks_allow_http"
    )]
    UnsafeKeys(String),
    /// The discovery document at the address leads to another one.
    #[error("its jwks_uri leads to another discovery document, which is not followed")]
    DiscoveryChain,
    /// The text contains no usable key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Keys at an address need a feature that this build does not have.
    #[error("this program was built without the feature `jwks-url`")]
    NoFeature,
}

/// Why a file with certificates or their key cannot be used. No text shows a key.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// TLS needs a feature that this build does not have.
    #[error("tls.cert_file: this program was built without the feature `tls`")]
    NoFeature,
    /// A file cannot be used.
    #[error("{setting} {path}: {problem}")]
    File {
        /// The setting, such as `tls.cert_file`.
        setting: &'static str,
        /// The setting's value.
        path: String,
        /// What is wrong with the file.
        #[source]
        problem: TlsProblem,
    },
}

/// What is wrong with a TLS file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsProblem {
    /// It cannot be read.
    #[error("{0}")]
    Read(#[source] io::Error),
    /// It is not PEM, or it is incomplete.
    #[error("not PEM, or cut short")]
    NotPem,
    /// It holds no certificate.
    #[error("no certificate in it: PEM with `BEGIN CERTIFICATE` is wanted")]
    NoCertificate,
    /// It holds no private key.
    #[error("no private key in it: PEM with `BEGIN PRIVATE KEY`, not encrypted, is wanted")]
    NoKey,
    /// Its key does not match the certificate in this file.
    #[error("not the key of the certificate in {0}")]
    OtherKey(String),
    /// Its key is of a kind or size that TLS has no use for here.
    #[error(
        "damaged, or not a key for TLS: RSA of 2048 to 8192 bits, P-256, P-384, P-521 or Ed25519 is wanted"
    )]
    UnsupportedKey,
    /// Its content is not supported.
    #[error("{0}")]
    Unusable(#[source] Source),
}

/// Why the file of revocations cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RevocationsError {
    /// It cannot be read.
    #[error("cannot read the revocations in {}: {error}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        error: io::Error,
    },
    /// It cannot be written to.
    #[error("{}: {error}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        error: io::Error,
    },
    /// It does not begin with the header of such a file.
    #[error(
        "{} is no file of revocations, or was written by a newer Vestibule: start that one, or set \
         `data` to another directory",
        .0.display()
    )]
    Foreign(PathBuf),
    /// A line before the last is damaged. Skipping it could lift a revocation.
    #[error(
        "line {line} of {} is damaged, and the user that it is about could come back: restore the file \
         from a backup, or take the line out and disconnect again whom it may mean",
        .path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The number of the line, from 1.
        line: usize,
    },
}
