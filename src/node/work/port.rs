//! What passes between the node and its driver, as values.

use std::fmt;

use smol_str::SmolStr;
use thiserror::Error;

use crate::auth::{Address, SignatureCheck, Signed, TokenError};
use crate::id::ConnId;
use crate::node::app::{Admission, Answer, Job, OrderResult, PublishRefusal};
use crate::node::http::message::Response;
use crate::node::work::events::AppEvent;
use crate::node::work::keys::KeyRequest;
use crate::node::work::ticket::{StartFlag, Ticket};

/// What the driver must do. Drained with `poll_action` after each `handle_*`, or once a turn.
#[derive(Debug)]
pub enum Action {
    /// There is output: write it, and say how much went.
    Flush(ConnId),
    /// All output has gone and no more will come: shut the write side down, keep reading, so that
    /// what the peer still sends does not turn into a reset that eats the last answer.
    Finish(ConnId),
    /// The connection takes input again: read on what was left in the socket.
    Resume(ConnId),
    /// The connection is over: drop the socket. Its id is dead from here on.
    Close(ConnId),
    /// A token's key is not there: fetch the keys, and come back with [`Node::handle_keys`]. One that
    /// cannot leaves it; the clients are then told to come back.
    ///
    /// [`Node::handle_keys`]: crate::Node::handle_keys
    FetchKeys(KeyRequest),
    /// Work that blocks: run it on a worker, and bring back its completion.
    Submit(Command),
}

/// What a driver tells of its connection to the cluster's engine.
#[derive(Debug)]
pub enum BusInput<'a> {
    /// It is there; over TLS, with the handshake done.
    Connected,
    /// Bytes came.
    Bytes(&'a [u8]),
    /// It broke, or could not be made. The text says why.
    Lost(&'a str),
}

/// What a driver is to do about its connection to the cluster's engine. There is one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BusOrder {
    /// Connect to the address of this number in `cluster.url`, from 0 on.
    Connect {
        /// Which one.
        address: usize,
    },
    /// Drop the connection. Nothing more is told of it.
    Disconnect,
}

/// Work for a worker.
#[derive(Debug)]
pub struct Command {
    /// Whose question this answers.
    pub ticket: Ticket,
    /// The work.
    pub work: Work,
    #[cfg_attr(not(feature = "net"), allow(dead_code, reason = "for whoever has a queue"))]
    pub(crate) payer: Payer,
    /// The node may have withdrawn the work when its turn comes.
    pub(crate) start: StartFlag,
}

/// Who work is charged to where many share a queue: nobody's work waits for more than its share of
/// somebody else's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Payer {
    /// The operator, and the server itself.
    Operator,
    /// A client that is not authenticated.
    Address(Address),
    /// The `sub` of a token.
    User(SmolStr),
}

impl Payer {
    pub(crate) fn user(name: &str) -> Self {
        Self::User(SmolStr::new(name))
    }
}

/// The work of a [`Command`], by what it answers.
pub enum Work {
    /// A signature.
    Verify(SignatureCheck),
    /// A join.
    Join(Job<Admission>),
    /// A message.
    Message(Job<Answer>),
    /// An HTTP request.
    Request(Job<Response>),
    /// An operator's order.
    Order(Job<OrderResult>),
}

impl Command {
    /// Runs the work: blocks as long as it does. What the node has withdrawn meanwhile is not run.
    #[must_use]
    pub fn run(self) -> Completion {
        if !self.start.begin() {
            return Completion { ticket: self.ticket, outcome: Outcome::NotBegun };
        }
        let outcome = match self.work {
            Work::Verify(check) => Outcome::Verified(check.run()),
            Work::Join(job) => Outcome::Join(job()),
            Work::Message(job) => Outcome::Message(job()),
            Work::Request(job) => Outcome::Response(job()),
            Work::Order(job) => Outcome::Order(job()),
        };
        Completion { ticket: self.ticket, outcome }
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Verify(_) => "Verify",
            Self::Join(_) => "Join",
            Self::Message(_) => "Message",
            Self::Request(_) => "Request",
            Self::Order(_) => "Order",
        })
    }
}

/// An answer that came later.
#[derive(Debug)]
pub struct Completion {
    /// The question that this answers.
    pub ticket: Ticket,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a question.
#[derive(Debug)]
pub enum Outcome {
    /// The claims of a token that is well signed, or why it is refused.
    Verified(Result<Signed, TokenError>),
    /// The answer to a join.
    Join(Admission),
    /// The answer to a message.
    Message(Answer),
    /// What an operator says is not published, and why.
    NotPublished(PublishRefusal),
    /// The answer to an HTTP request.
    Response(Response),
    /// The answer to an operator's order.
    Order(OrderResult),
    /// What became of a revocation that was to be stored.
    Stored(Result<(), StoreError>),
    /// Nodes of the cluster have carried out a revocation that its engine has stored.
    Confirmed {
        /// How many connections were closed, on all of them.
        count: usize,
        /// How many nodes, this one among them.
        nodes: usize,
        /// Of how many that are alive.
        of: usize,
    },
    /// What the application has done. It answers no question: that of its ticket stays open, and need
    /// not be open any more.
    Event(AppEvent),
    /// The work was not begun and never will be: its time was over before its turn came.
    NotBegun,
    /// The work was not begun and never will be: whoever was to do it could not be reached.
    Unreached,
    /// The message's id was used for another message, which the application remembers. Nothing was
    /// done.
    UsedId,
    /// No worker had room for it.
    Refused,
    /// Its worker panicked.
    Panicked,
}

/// Why a revocation is not stored.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Too many wait already, and it was not taken.
    #[error("too many revocations wait for the disk")]
    QueueFull,
    /// Whatever stores them has ended.
    #[error("its thread has ended")]
    Ended,
    /// It could not be written. The text says where to, and why.
    #[error(transparent)]
    Failed(#[from] Box<dyn std::error::Error + Send + Sync>),
}

/// Why a peer is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hangup {
    /// It ended its side in order: what is queued may still reach it.
    Eof,
    /// The connection broke.
    Reset,
    /// The driver could not go on with its TLS session.
    Tls,
}

/// Why an accepted socket gets no slot: the driver drops it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// Every slot is taken, the few that answer `503` included.
    #[error("every slot for a connection is taken")]
    Full,
    /// Its address holds too many connections that are pending.
    #[error("its address holds too many pending connections")]
    Address,
}
