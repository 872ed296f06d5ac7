//! An authenticated WebSocket edge, as a library: everything between sockets and an application.
//!
//! Clients connect without a credential and send a JWT in their first message, within 5 seconds.
//! The edge checks it, asks the application whether the client may join the room, and refuses a
//! client that is late, that brings a bad token, or that is over a limit. It asks for a fresh token
//! before the old one ends; chat goes on meanwhile. All memory that a peer can make it use is
//! bounded ([`Config`]), and one thread does all of the work.
//!
//! # Quick start
//!
//! An application is a type that implements [`App`]. [`net::Server`] puts it behind an edge:
//!
//! ```no_run
//! # #[cfg(feature = "net")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use vestibule::config::Auth;
//! use vestibule::net::Server;
//! use vestibule::{Answer, App, Config, Incoming, Reply, Update};
//!
//! /// Lets everybody into every room, and repeats what is said there.
//! struct Parrot;
//!
//! impl App for Parrot {
//!     fn on_message(&mut self, message: &Incoming<'_>) -> Reply<Answer> {
//!         let text = format!("{} said: {}", message.user, message.content);
//!         Reply::Now(Ok(Update::text(text)))
//!     }
//! }
//!
//! let auth = Auth { secret: std::env::var("VESTIBULE_AUTH__SECRET")?, ..Auth::default() };
//! let config = Config { listen: vec!["127.0.0.1:8080".to_owned()], auth, ..Config::default() };
//! let server = Server::bind(&config, Box::new(Parrot))?;
//! let handle = server.handle(); // For other threads: `handle.shutdown()` begins the drain.
//! let counted = server.run()?; // Until the last connection is closed.
//! println!("{} connections", counted.accepted);
//! # drop(handle);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "net"))]
//! # fn main() {}
//! ```
//!
//! An answer that takes time is [`Reply::Later`] (a closure, for a worker) or [`Reply::Held`] (the
//! application answers by its ticket). [`auth::TokenSigner`] makes tokens to try it with, and
//! [`MemoryApp`] is a whole application to read.
//!
//! # A driver of your own
//!
//! [`Node`] is the whole server without its sockets and its clock. A driver, such as [`net`], owns
//! those: it hands in what happened together with the time, and then does what the node asks for.
//!
//! 1. **In**: [`handle_accept`](Node::handle_accept), [`handle_bytes`](Node::handle_bytes),
//!    [`handle_hangup`](Node::handle_hangup), [`handle_completion`](Node::handle_completion), and
//!    [`handle_timeout`](Node::handle_timeout) once a turn, after the bytes, so that input which
//!    came in time is read before its deadline is judged.
//! 2. **Out**: [`poll_action`](Node::poll_action) until it is `None`, after each call or once a
//!    turn. An [`Action`](node::Action) says to write, to shut the write side down, to read on, to
//!    close, or to run work that blocks.
//! 3. **Sleep** until a socket is ready, or until [`poll_timeout`](Node::poll_timeout). If that is
//!    past, the node has more to do: serve the sockets that are ready, and call it again.
//!
//! `now` never goes back. A call with the id of a connection that is gone does nothing, so late
//! events are safe.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use vestibule::config::Auth;
//! use vestibule::id::Seed;
//! use vestibule::node::Action;
//! use vestibule::time::{Instant, Now, UnixTime};
//! use vestibule::{Access, Config, MemoryApp, Node};
//!
//! let secret = "at least 32 bytes, which nobody knows".to_owned();
//! let auth = Auth { secret, ..Auth::default() };
//! let config = Config { auth, ..Config::default() };
//! let seed = Seed::new([7; 16]); // In a server: from the operating system, see `net::seed`.
//! let app = MemoryApp::new(&config, Access::Open, &seed.derive("application"));
//! let mut node = Node::new(&config, &seed, Box::new(app))?;
//! let now = Now { monotonic: Instant::START, unix: UnixTime::from_millis(1_800_000_000_000) };
//!
//! let id = node.handle_accept(now, "192.0.2.1:50000".parse()?)?;
//! let mut received = *b"GET /healthz HTTP/1.1\r\nHost: example.com\r\n\r\n";
//! node.handle_bytes(now, id, &mut received);
//!
//! let mut written = Vec::new();
//! while let Some(action) = node.poll_action() {
//!     if let Action::Flush(id) = action {
//!         let mut buffer = [0; 4_096];
//!         let length = node.copy_output(id, &mut buffer);
//!         node.consume_output(now, id, length);
//!         written.extend_from_slice(&buffer[..length]);
//!     }
//! }
//! assert!(written.starts_with(b"HTTP/1.1 200 OK\r\n"));
//! # Ok(())
//! # }
//! ```
//!
//! The example `own_loop` is such a driver on real sockets, in one page.
//!
//! # Errors
//!
//! A peer's fault is never an error: it is answered and counted, and closes the connection at most,
//! with a [`CloseReason`](protocol::CloseReason). An error is the operator's: [`auth::KeyError`],
//! [`net::StartError`] and those in it. The text says what to do, and the variants can be matched.
//!
//! # Features
//!
//! | feature | default | adds |
//! | --- | --- | --- |
//! | `aws-lc` | yes | signatures by AWS-LC (C, the fastest); one of the two is needed |
//! | `pure-rust` | | signatures in pure Rust |
//! | `net` | by `cli` | [`net`]: sockets, listeners, workers |
//! | `tls` | yes | `[tls]`: TLS on the public listeners |
//! | `jwks-url` | yes | `auth.jwks_url`: keys from an address |
//! | `backend` | yes | [`backend`]: an application that is asked over HTTP |
//! | `recipes` | yes | [`recipes`]: accounts and recipe chat on SQLite |
//! | `cli` | yes | the program `vestibule` |
//! | `sim` | | `sim`: the node under a virtual network and clock, from a seed |
//! | `schema` | | the JSON Schema of the messages and the configuration |
//!
//! No feature changes what another one does. The smallest server is
//! `default-features = false, features = ["net", "aws-lc"]`; without `net` there is the [`Node`].

#[cfg(not(any(feature = "aws-lc", feature = "pure-rust")))]
compile_error!("signatures need one of the features `aws-lc` and `pure-rust`");

pub mod admin;
pub mod auth;
#[cfg(feature = "backend")]
pub mod backend;
mod bus;
#[cfg(feature = "net")]
pub mod capacity;
pub mod config;
pub mod driver;
pub mod id;
mod memory;
#[cfg(feature = "net")]
pub mod net;
pub mod node;
pub mod protocol;
#[cfg(feature = "recipes")]
pub mod recipes;
mod shares;
#[cfg(feature = "sim")]
pub mod sim;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod testing;
pub mod time;

pub use config::Config;
pub use memory::{Access, MemoryApp};
pub use node::Node;
pub use node::app::{
    Admission, Answer, App, Incoming, Join, JoinClient, Json, Left, Moderation, Publish, Reply,
    Update,
};
pub use node::app::{OrderFault, OrderKind, OrderResult, UserOrder};
pub use node::{Fetched, KeyNews, KeyRequest};
pub use node::{Method, Request, RequestPlace, Response};
#[cfg(test)]
use testing::logs;

/// The programs in the documents, compiled as documentation tests. A document that has one in Rust
/// is named here, which `tests/documents` checks.
#[cfg(all(doctest, feature = "net"))]
mod documents {
    #[doc = include_str!("../README.md")]
    #[derive(Debug)]
    struct Readme;
    #[doc = include_str!("../docs/embedding.md")]
    #[derive(Debug)]
    struct Embedding;
    #[doc = include_str!("../docs/migration.md")]
    #[derive(Debug)]
    struct Migration;
}
