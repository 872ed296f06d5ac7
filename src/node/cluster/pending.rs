//! What is to be done when the engine has answered a command.

use smol_str::SmolStr;

use crate::node::work::publication::{EndedPublication, IdempotencyKey, Publication, ToldTarget};
use crate::node::work::ticket::Ticket;
use crate::protocol::Position;
use crate::time::Instant;

/// What an answer of the engine is for.
#[derive(Debug)]
pub(crate) enum Pending {
    /// A message of a client's, with the question it is asked about.
    Chat { ticket: Ticket },
    /// The same, of which another node had asked.
    Claim { ticket: Ticket },
    /// Something for a room that nobody waits for.
    News { room: SmolStr },
    /// A target of an operator's publication was told.
    Told { target: ToldTarget },
    /// A room was broken.
    Break { room: SmolStr },
    /// The log of a room was read from this position on.
    Read { room: SmolStr, head: Option<Position> },
    /// The head of a room was compared.
    Compare { room: SmolStr },
    /// A page of the revocations, which this reading of them began with.
    Revocations { reading: u64 },
    /// The control log.
    Control,
    /// An operator's order: its revocation.
    Revocation { ticket: Ticket, user: SmolStr, at: u64, count: usize },
    /// An operator's order: its entry in the control log.
    Order { round: Option<u64> },
    /// An answer that every node is to give.
    Answer { id: [u8; 16] },
    /// The idempotency key of a publication; its asker waits for this ticket.
    Key { publication: Box<Publication>, ticket: Ticket },
    /// What has become of that key.
    KeyKept { ended: Box<EndedPublication> },
    /// A key that is given back.
    Release { key: IdempotencyKey },
    /// This node's lease, and when it was asked for.
    Lease { asked_at: Instant },
    /// What the engine is.
    Engine,
    /// Whatever comes of it.
    Nothing,
}
