//! What the node asks of the engine, and what it is answered.

use std::fmt;

use smol_str::SmolStr;

use super::entry::{LogEntry, LogName};
use crate::protocol::Position;

/// A command of the node. All but [`Tell`](Self::Tell) can be sent twice without harm, so the link
/// sends them again when it was cut before the answer, until their deadline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BusCommand {
    /// Publishes a message once for its id.
    Publish {
        log: LogName,
        id: [u8; 16],
        /// A hash of the content: the id with another content is refused.
        content: u64,
        /// This node asks its application about the message, and will store the answer.
        asks: bool,
        /// Drawn by the caller; the link draws another for each further attempt.
        tag: u64,
        /// The connection that sent it; 0: none.
        connection: u64,
        frame: Box<[u8]>,
    },
    /// Reads what is behind `head`; with `None` all that the log has. A log that the engine does not
    /// have begins at `head`, so that the cluster goes on after an engine was wiped; without a head
    /// at number 0 with the tag `fresh`.
    Read { log: LogName, head: Option<Position>, fresh: u64 },
    /// Appends an entry of the kind [`Break`](super::entry::EntryKind::Break) and drops the older
    /// ones, if the head is still `seen_head`: of several nodes that find a break, one says so.
    Break { log: LogName, tag: u64, seen_head: Position },
    /// Takes over the question about a message from `from`, whose lease is over, or which is this
    /// node before its restart.
    Claim { log: LogName, id: [u8; 16], from: SmolStr },
    /// Stores the application's answer, if this node still asks about the message.
    Answer { log: LogName, id: [u8; 16], answer: Box<[u8]> },
    /// The application was not asked: the next publication of the id asks. The message stays
    /// published.
    Release { log: LogName, id: [u8; 16] },
    /// Takes an id for this node without publishing anything: that of a message which nobody sees before
    /// the application has answered, or an idempotency key, in the control log. `content` is a hash of
    /// what it stands for. Its reply is `Claimed`, or one of those to a publication: `Unasked` if the
    /// message was published before, and this node asks about it from now. `Answer` says what has become
    /// of it, `Claim` takes it over, and `Release` gives it up.
    TakeKey { log: LogName, id: [u8; 16], content: u64 },
    /// Stores that tokens of `user` from before `at` are refused until `until` (unix seconds). Of two
    /// the later moments count. Beyond `capacity` users the one that ends first is dropped.
    StoreRevocation { user: SmolStr, at: u64, until: u64, capacity: usize },
    /// Reads revocations in the order of their end: those behind `after`, the last of the page
    /// before.
    ReadRevocations { after: Option<StoredRevocation> },
    /// Takes or renews this node's lease, drops those that are over, and lists the others.
    Lease {
        ttl_ms: u64,
        /// What others see of this node: small JSON.
        info: Box<[u8]>,
    },
    /// Gives the lease up: an orderly stop.
    Leave,
    /// Sends `payload` to a node, or to all of them. It is not stored.
    Tell { node: Option<SmolStr>, payload: Box<[u8]> },
    /// Wants the entries of these logs from now on, over every reconnection. It has no reply:
    /// [`BusEvent::Subscribed`](super::link::BusEvent::Subscribed) comes for each of them, each time
    /// the link is up again.
    Subscribe(Vec<LogName>),
    /// Wants them no more. It has no reply.
    Unsubscribe(Vec<LogName>),
    /// Asks what the engine is.
    Inspect,
    /// Asks which of the commands that the scripts call are refused to this user.
    #[cfg_attr(not(feature = "net"), allow(dead_code, reason = "for whoever has a socket"))]
    TryRights,
}

impl BusCommand {
    /// May it be sent again when nobody knows whether it was done?
    pub(super) const fn is_retriable(&self) -> bool {
        !matches!(self, Self::Tell { .. })
    }

    /// The bytes in it that the node does not bound by its own limits.
    pub(super) fn payload_bytes(&self) -> usize {
        match self {
            Self::Publish { frame, .. } => frame.len(),
            Self::Answer { answer, .. } => answer.len(),
            Self::Tell { payload, .. } => payload.len(),
            Self::Lease { info, .. } => info.len(),
            _ => 0,
        }
    }

    /// Does it stay behind some of the room, so that leases and answers find a place in a storm?
    pub(super) const fn is_bulk(&self) -> bool {
        matches!(self, Self::Publish { .. } | Self::Tell { .. } | Self::Read { .. })
            || matches!(self, Self::TakeKey { log: LogName::Room(_), .. })
    }
}

/// What the engine answered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum BusReply {
    /// `Publish`, `Break`: it was appended. `subscribers` is 0 where an earlier attempt did it.
    Published { position: Position, previous: Position, subscribers: u32 },
    /// `Publish`: the id came before with another content.
    OtherContent,
    /// `Publish`: the id came before, and this is the application's answer.
    Answered(Box<[u8]>),
    /// `Publish`: the id came before, and this node asks about it: perhaps this one. An id that was
    /// taken and not published has position 0.
    Asked { by: SmolStr, position: Position },
    /// `Publish`: the id came before, and nobody asks. If `asks` was set, this node does from now.
    Unasked { position: Position },
    /// `Read`.
    Entries {
        /// The position before the first of `entries`: the head that was asked for, if it `follows`.
        base: Position,
        entries: Vec<LogEntry>,
        /// The head that was asked for is in the log's chain, or none was asked for. If it is not,
        /// `entries` are all that there are.
        follows: bool,
        /// The engine did not have the log; it begins at `base`.
        adopted: bool,
    },
    /// `Break`: the head is another one by now.
    Moved { head: Position },
    /// `Claim`: does this node ask now?
    Claimed(bool),
    /// `Answer`, `StoreRevocation`.
    Stored(bool),
    /// `Release`, `Leave`.
    Done,
    /// `ReadRevocations`: a page. The next one begins behind its last, unless it is `complete`.
    Revocations { page: Vec<StoredRevocation>, complete: bool },
    /// `Lease`: all nodes whose lease holds, with this one. `taken_from` is the info of another
    /// lease under this node's name that held until now: two nodes have one name.
    Nodes { live: Vec<NodeLease>, taken_from: Option<Box<[u8]>> },
    /// `Tell`: how many nodes got it.
    Told(u32),
    /// `Inspect`.
    Inspected(EngineInfo),
    /// `TryRights`: the commands that are refused.
    Refused(Vec<SmolStr>),
}

/// A revocation as the engine keeps it, in unix seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredRevocation {
    pub(crate) user: SmolStr,
    pub(crate) at: u64,
    pub(crate) until: u64,
}

/// A node that lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeLease {
    pub(crate) name: SmolStr,
    pub(crate) info: Box<[u8]>,
    pub(crate) remaining_ms: u64,
}

/// What an engine is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EngineInfo {
    /// `redis` or `valkey`, with its version.
    pub(crate) server: String,
    /// `master` or `slave`.
    pub(crate) role: String,
    pub(crate) replicas: u64,
    /// Does it append each write to a file?
    pub(crate) append_only: bool,
    /// When it last saved a snapshot, in unix seconds. An engine that never does says its start.
    pub(crate) last_save: u64,
    /// Bytes; 0: without a bound.
    pub(crate) max_memory: u64,
    pub(crate) used_memory: u64,
    /// What it does when `max_memory` is reached: only `noeviction` is safe.
    pub(crate) eviction: String,
    /// The process, and the history of its data: as long as both are the same, it has forgotten no write. Empty:
    /// it does not say.
    pub(crate) history: String,
}

/// Why a command was not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BusFault {
    /// There is no connection to an engine, or it was cut and the command cannot be sent again.
    Down,
    /// 4,096 commands or 4 MiB wait for their answers already.
    Full,
    /// The command is longer than 1 MiB.
    TooLong,
    /// The engine reads its data from disk.
    Loading,
    /// The engine runs somebody's endless script.
    Busy,
    /// The engine has no memory left.
    OutOfMemory,
    /// The engine is a replica by now.
    ReadOnly,
    /// The user of the engine may not do this: the engine's words.
    NoPermission(String),
    /// The engine answered something else than the command's reply.
    Protocol,
    /// No answer until the deadline.
    Timeout,
    /// Any other error, in the engine's words.
    Other(String),
}

impl fmt::Display for BusFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Down => "it cannot be reached",
            Self::Full => "too many commands wait for it",
            Self::TooLong => "the command is too long",
            Self::Loading => "it reads its data from disk",
            Self::Busy => "it runs a script that does not end",
            Self::OutOfMemory => "it has no memory left",
            Self::ReadOnly => "it has become a replica",
            Self::Protocol => "its answer was not understood",
            Self::Timeout => "it did not answer in time",
            Self::NoPermission(text) | Self::Other(text) => text,
        })
    }
}

impl BusFault {
    /// The faults, as metrics name them.
    pub(crate) const LABELS: [&str; 11] = [
        "down",
        "full",
        "too_long",
        "loading",
        "busy",
        "out_of_memory",
        "read_only",
        "no_permission",
        "protocol",
        "timeout",
        "other",
    ];

    /// How metrics and the log name it.
    pub(crate) fn label(&self) -> &'static str {
        Self::LABELS.get(self.index()).copied().unwrap_or_default()
    }

    /// Its place in [`LABELS`](Self::LABELS).
    pub(crate) const fn index(&self) -> usize {
        match self {
            Self::Down => 0,
            Self::Full => 1,
            Self::TooLong => 2,
            Self::Loading => 3,
            Self::Busy => 4,
            Self::OutOfMemory => 5,
            Self::ReadOnly => 6,
            Self::NoPermission(_) => 7,
            Self::Protocol => 8,
            Self::Timeout => 9,
            Self::Other(_) => 10,
        }
    }

    /// Reads an engine's error: its first word is the code.
    pub(super) fn from_error(error: &[u8]) -> Self {
        let error = of_script(error);
        let text = || String::from_utf8_lossy(error.get(..200).unwrap_or(error)).into_owned();
        let words = error.strip_prefix(b"ERR ").unwrap_or(error);
        if words.starts_with(b"The user executing the script can't ") {
            return Self::NoPermission(text());
        }
        match error.split(|byte| *byte == b' ').next().unwrap_or_default() {
            b"LOADING" => Self::Loading,
            b"BUSY" => Self::Busy,
            b"OOM" => Self::OutOfMemory,
            b"READONLY" => Self::ReadOnly,
            b"NOPERM" => Self::NoPermission(text()),
            _ => Self::Other(text()),
        }
    }
}

/// The error of a command that a script has called. Redis 6.2 puts the script's name and line in front of it,
/// and has no code for a missing permission, nor has Redis 7.0:
///
/// ```text
/// ERR The user executing the script can't run this command or subcommand script: 2d74…, on @user_script:14.
/// ERR Error running script (call to f_339…): @user_script:9: @user_script: 9: -OOM command not allowed
/// ERR Error running script (call to f_339…): @user_script:9: The user executing the script can't run …
/// ```
fn of_script(error: &[u8]) -> &[u8] {
    let named = error.strip_prefix(b"ERR Error running script (call to f_");
    let behind_name = named.and_then(|named| {
        let end = named.iter().position(|byte| *byte == b':')?;
        named.get(end + 1..)
    });
    let Some(mut rest) = behind_name else { return error };
    let is_place = |part: &[u8]| {
        let part = part.trim_ascii();
        part == b"@user_script" || part.iter().all(u8::is_ascii_digit)
    };
    while let Some(colon) = rest.iter().position(|byte| *byte == b':')
        && let Some((part, behind)) = rest.split_at_checked(colon)
        && is_place(part)
    {
        rest = behind.get(1..).unwrap_or_default();
    }
    let rest = rest.trim_ascii_start();
    rest.strip_prefix(b"-").unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Redis 6.2.14 and 7.0.15 answer to the same scripts.
    #[test]
    fn errors_of_scripts_are_known_in_each_version() {
        let old = |error: &str| {
            format!("ERR Error running script (call to f_33922ef3e331): @user_script:9: {error}")
        };
        let fault = |text: String| BusFault::from_error(text.as_bytes());
        let oom = "OOM command not allowed when used memory > 'maxmemory'.";
        assert_eq!(fault(old(&format!("@user_script: 9: -{oom}"))), BusFault::OutOfMemory);
        assert_eq!(fault(format!("{oom} script: 339, on @user_script:9.")), BusFault::OutOfMemory);
        let read_only = "READONLY You can't write against a read only replica.";
        assert_eq!(fault(old(&format!("@user_script: 9: -{read_only}"))), BusFault::ReadOnly);
        assert_eq!(fault(read_only.to_owned()), BusFault::ReadOnly);
        let refused = "The user executing the script can't run this command or subcommand";
        assert_eq!(fault(old(refused)), BusFault::NoPermission(refused.to_owned()));
        let newer = format!("ERR {refused} script: 2d74, on @user_script:14.");
        assert_eq!(fault(newer.clone()), BusFault::NoPermission(newer));
        let wrong = "WRONGTYPE Operation against a key holding the wrong kind of value";
        assert_eq!(fault(old(wrong)), BusFault::Other(wrong.to_owned()));
        assert_eq!(fault(old("")), BusFault::Other(String::new()));
    }
}
