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
#[cfg_attr(not(test), allow(dead_code, reason = "the simulator uses it"))]
pub(crate) mod model;
mod replies;
mod request;
mod scripts;

#[cfg(any(test, feature = "testing"))]
pub(crate) use self::codec::{RespDecoder, RespToken};
#[cfg(any(feature = "net", test))]
pub(crate) use self::command::EngineInfo;
pub(crate) use self::command::{BusCommand, BusFault, BusReply, NodeLease, StoredRevocation};
pub(crate) use self::entry::{EntryKind, EntryOrigin, LogEntry, LogName};
pub(crate) use self::link::{BusEvent, BusLink, LinkSettings};
#[cfg(feature = "net")]
pub(crate) use self::link::{LINK_COMMAND_BYTES, LINK_REPLY_BYTES};

/// How many scripts an engine is given.
#[cfg(any(test, feature = "testing"))]
pub(crate) const SCRIPTS: usize = scripts::BusScript::ALL.len();
