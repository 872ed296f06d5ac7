//! Commands on their way, and what waits for a connection.

use crate::bus::command::{BusCommand, BusFault};
use crate::bus::entry::LogName;
use crate::bus::scripts::BusScript;
use crate::time::Instant;

/// Tags that are remembered of a command's attempts.
const TAGS: usize = 16;

/// A command of the node that has no reply yet.
#[derive(Debug)]
pub(super) struct PendingCommand {
    /// Whose reply it is: the node's own number.
    pub(super) to: u64,
    pub(super) command: BusCommand,
    pub(super) deadline: Instant,
    /// What it weighs in the limit.
    pub(super) bytes: usize,
    /// The tags of its attempts, the last ones: an entry with one of them is this command's own.
    pub(super) tags: Vec<u64>,
    pub(super) attempts: u32,
    /// What is said at the deadline.
    pub(super) fault: BusFault,
    /// The deadline has passed: the reply is read and dropped.
    pub(super) is_abandoned: bool,
}

impl PendingCommand {
    pub(super) fn add_tag(&mut self, tag: u64) {
        if self.tags.len() == TAGS {
            self.tags.remove(0);
        }
        self.tags.push(tag);
    }
}

/// What the engine was sent, and answers in order.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) kind: FlightKind,
    pub(super) sent_at: Instant,
}

#[derive(Debug)]
pub(super) enum FlightKind {
    /// `HELLO`: who this is, and what the engine is.
    Hello,
    Load(BusScript),
    /// The subscription of this node's own channels, of which so many are not confirmed.
    OwnChannels(usize),
    Command(Box<PendingCommand>),
    Probe,
    /// A batch of subscriptions, of which so many are not confirmed. The engine confirms each by a
    /// push; a refusal of all is a reply.
    Subscribe(Vec<LogName>, usize),
    Unsubscribe(usize),
}
