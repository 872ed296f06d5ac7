//! The cluster's bus: several nodes behind one engine, Redis or Valkey.
//!
//! A room has a log in the engine. Publishing appends to it and announces the entry, by one script;
//! every node delivers by position, its own messages too. An announcement only says "look": a node
//! that sees a gap or a foreign tag reads the log. A message id is published once, and one node asks
//! its application about it.
//!
//! Everything here is without sockets and clocks. [`BusLink`] is one connection's life: bytes in and
//! out, [`BusCommand`]s in, [`BusEvent`]s out.
//!
//! | file | what |
//! | --- | --- |
//! | `codec` | RESP3 |
//! | `command` | what is asked and answered |
//! | `entry` | entries of a log, as bytes |
//! | `keys` | names of keys and channels |
//! | `scripts`, `request`, `replies` | commands as the engine's words, and back |
//! | `link` | the connection |
//! | `model` | an engine in memory, for tests and the simulator |

mod codec;
mod command;
mod entry;
mod keys;
mod link;
#[cfg(any(test, feature = "sim"))]
pub(crate) mod model;
mod replies;
mod request;
mod scripts;

#[cfg(any(test, feature = "testing"))]
pub(crate) use self::codec::{RespDecoder, RespToken};
pub(crate) use self::command::{
    BusCommand, BusFault, BusReply, EngineInfo, NodeLease, StoredRevocation,
};
pub(crate) use self::entry::{EntryKind, EntryOrigin, LogEntry, LogName};
pub(crate) use self::link::{BusEvent, BusLink, LinkCounts, LinkSettings};

/// How many scripts an engine is given.
#[cfg(any(test, feature = "testing"))]
pub(crate) const SCRIPTS: usize = scripts::BusScript::ALL.len();
