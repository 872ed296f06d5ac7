//! What can be configured, with its units and defaults: plain values, no file and no environment.
//!
//! The command line fills these from TOML, environment and flags, on top of
//! [`Config::program_defaults`]; a program that embeds the node fills them by hand, on top of
//! [`Config::default`]. The two differ in `admin.listen` alone. A limit of 0 is "none" unless its
//! field says otherwise.

#[macro_use]
mod key;

mod admin;
mod assistant;
mod auth;
mod backend;
pub mod check;
mod cluster;
mod error;
mod http;
mod issuer;
mod limits;
mod listen;
mod log;
mod network;
mod origin;
mod published;
mod recipes;
mod resume;
#[cfg(feature = "schema")]
pub mod schema;
mod tls;
mod units;

use std::collections::BTreeMap;

pub use admin::Admin;
pub use assistant::Assistant;
pub use auth::{Auth, AuthMode};
pub use backend::Backend;
pub use cluster::{Cluster, ClusterAddress, ClusterUrl};
pub use error::{ConfigError, FaultKind};
pub use http::Http;
pub use issuer::{AuthIssuer, RequiredValues};
pub use key::{Key, Range};
pub use limits::Limits;
pub use listen::ListenAddress;
pub(crate) use listen::parse_mode;
pub use log::Log;
pub(crate) use network::is_unix_peer;
pub use network::{Network, UNIX_PEER};
pub(crate) use origin::{Origins, Page};
pub use published::PublishedKind;
pub use recipes::{Accounts, Recipes};
pub use resume::Resume;
pub use tls::Tls;
pub use units::{Length, ParseError, Size, counted};

section! {
    /// Everything. The default asks for one thing of the host, the loopback address in `listen`; it
    /// reads and writes no file, and `data` is used by an application that needs it only. Its
    /// serialised form is the configuration file, with every key there.
    #[derive(Debug)]
    pub struct Config at top:

    /// Addresses to listen on. The default is loopback only, so nothing is open to the network
    /// until you change it. `:8080` and `[::]:8080` are every interface, IPv4 and IPv6; `0.0.0.0:8080`
    /// is every IPv4 interface. `[fe80::1%eth0]:8080` is a link-local address on an interface. A name
    /// is resolved at the start, to all its addresses. `unix:/run/vestibule/http.sock` is a Unix
    /// socket; its clients have no address of their own, so put `unix` into `http.trusted_proxies`.
    /// Port 0 picks a free port.
    listen: Vec<String> = vec!["127.0.0.1:8080".to_owned()],
        "addresses with a port, `:` and a port, or `unix:` and a path, one or a list", restart,
        #[serde(deserialize_with = "units::one_or_many")];

    /// Mode of the Unix sockets in `listen`, in octal digits: who may write to the file may connect.
    listen_mode: String = "0660".to_owned(), "three or four octal digits, at most `0777`", restart;

    /// With `true`, `:8080` and `[::]:8080` are IPv6 only. With `false`, they are both families,
    /// unless `0.0.0.0` with the same port is in `listen`, too.
    ipv6_only: bool = false, "`true`, `false`", restart;

    /// Connections that the kernel completes and queues until they are accepted. A higher value
    /// survives a longer flood; a lower one refuses clients sooner. The kernel's own limit
    /// (`net.core.somaxconn`) applies too.
    backlog: u32 = 4_096, "1 to 2147483647 connections", restart;

    /// With `true`, several processes can share one address, and the kernel distributes connections
    /// among them. Each process has its own limits and, without `[cluster]`, its own rooms. A second
    /// process that is started by mistake goes unnoticed.
    reuse_port: bool = false, "`true`, `false`", restart;

    /// Directory for the generated signing key, the `revocations` of operators and the embedded
    /// recipe chat's `recipes.db`. It is created with mode 0700 if it does not exist. `token` finds
    /// the same key in the same directory. Without the recipe chat, which locks it, two servers may use
    /// one directory, as they do while one takes over from the other: both write to `revocations`, but
    /// each reads it only when it starts.
    data: String = "./vestibule-data".to_owned(), "a path", restart;

    /// Time over which a shutdown spreads the closes, so that clients do not all reconnect at once.
    /// A longer drain is easier on the other nodes, and makes deployments slower.
    drain: Length = Length::from_secs(10), "`0s` to `366d`", reload;

    /// The application that `serve` runs. `auto` is the one behind `backend.url`, or without that the
    /// recipe chat. `memory` keeps its rooms in memory: the first user who joins a room owns it, and
    /// others are refused. In `memory-open` every user may join, for load tests. Whatever else is
    /// named here wins over `backend.url`.
    app: String = "auto".to_owned(), "`auto`, `recipes`, `memory`, `memory-open`", restart;

    beside {
        /// The listener for whoever runs the server.
        admin: Admin,
        /// Who may come in, and for how long.
        auth: Auth,
        /// Bounds on everything a peer can grow.
        limits: Limits,
        /// The upgrade request.
        http: Http,
        /// What the public listeners show, when they speak TLS.
        tls: Tls,
        /// The application behind the edge.
        backend: Backend,
        /// Clients that come back.
        resume: Resume,
        /// Several nodes that share their rooms.
        cluster: Cluster,
        /// The embedded recipe chat.
        recipes: Recipes,
        /// Its accounts.
        accounts: Accounts,
        /// The model that its assistant asks.
        assistant: Assistant,
        /// Log lines.
        log: Log,
        /// The paths of the keys that somebody has set, each with where: a file and its line, as in
        /// `vestibule.toml:3`, a variable or a flag. Put here by whoever reads settings, and never
        /// written. `limits.memory` derives the others only.
        #[serde(skip)]
        given: BTreeMap<String, String>,
    }
}

impl Config {
    /// The keys that are in no section, and the sections, in the order of the file.
    const SECTIONS: [key::SectionKeys; 13] = [
        Self::SECTION,
        Admin::SECTION,
        Auth::SECTION,
        Limits::SECTION,
        Http::SECTION,
        Tls::SECTION,
        Backend::SECTION,
        Resume::SECTION,
        Cluster::SECTION,
        Recipes::SECTION,
        Accounts::SECTION,
        Assistant::SECTION,
        Log::SECTION,
    ];

    /// The secret that all servers of these clients know, and no client: keys are derived from it, by
    /// a label. `None`: there is none.
    pub(crate) fn shared_secret(&self) -> Option<&[u8]> {
        let given = [self.resume.secret.as_slice(), self.auth.secret.as_bytes()];
        given.into_iter().find(|secret| !secret.is_empty())
    }

    /// Every key, in the order of the file.
    pub fn keys() -> impl Iterator<Item = &'static Key> {
        Self::SECTIONS.iter().flat_map(|section| section.keys)
    }

    /// What the program `vestibule` begins with, before its file, variables and flags: the default,
    /// and the admin listener on `127.0.0.1:9090`, which a program that embeds the server does not
    /// open unasked.
    #[must_use]
    pub fn program_defaults() -> Self {
        let admin = Admin { listen: Admin::PROGRAM_LISTEN.to_owned(), ..Admin::default() };
        Self { admin, ..Self::default() }
    }

    /// Without a backend the recipe chat is what `serve` starts, where it is compiled in.
    pub(crate) fn is_recipe_chat(&self) -> bool {
        let is_named = self.app == "recipes" || self.app == "auto" && self.backend.url.is_empty();
        cfg!(feature = "recipes") && is_named
    }

    /// The longest body of a call to `recipes.listen`: a client's message as another node writes it, with
    /// what it says beside it.
    #[must_use]
    pub fn longest_call(&self) -> usize {
        const BESIDE: usize = 16 << 10;
        self.limits.message_bytes.get().saturating_add(BESIDE)
    }

    /// What is kept of a client's request until its join, where somebody asks for it.
    pub(crate) fn kept_client_bytes(&self) -> usize {
        if self.backend.url.is_empty() { 0 } else { self.backend.client_bytes.get() }
    }

    /// What is kept of the claims of an authenticated connection.
    #[cfg(feature = "net")]
    pub(crate) fn kept_claims_bytes(&self) -> usize {
        let backend = &self.backend;
        if backend.claims.is_empty() { 0 } else { backend.claims_bytes.get() }
    }

    /// The longest answer that comes from another thread; 0: none does.
    pub(crate) fn longest_answer(&self) -> usize {
        if !self.backend.url.is_empty() {
            return BACKEND_ANSWER_BYTES;
        }
        if self.is_recipe_chat() { self.longest_acknowledgement() } else { 0 }
    }

    /// What the recipe chat says at once, at most: half of what may be queued to a slow reader,
    /// though never less than a recipe needs.
    pub(crate) fn longest_acknowledgement(&self) -> usize {
        const DEFAULT_OUTBOUND: usize = 256 << 10;
        let outbound = match self.limits.outbound_bytes.get() {
            0 => DEFAULT_OUTBOUND,
            bytes => bytes,
        };
        (outbound / 2).max(LEAST_RECIPE_BYTES)
    }
}

/// The longest answer of a backend, which a thread holds while it reads it.
pub(crate) const BACKEND_ANSWER_BYTES: usize = 1 << 20;

/// The longest body of an import into the recipe chat: a text of 256 KiB as JSON, which may have an escape
/// for every other character.
#[cfg(any(feature = "net", feature = "recipes"))]
pub(crate) const IMPORT_BODY_BYTES: usize = 512 << 10;

/// The least that the recipe chat lets a recipe have.
pub(crate) const LEAST_RECIPE_BYTES: usize = 16 << 10;
