//! What an operator wants of the application about its users.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use crate::node::work::ticket::{StartFlag, Ticket};
use crate::time::{Instant, UnixTime};

/// What an operator orders about a user.
#[derive(Debug)]
pub struct UserOrder<'a> {
    /// For [`Reply::Held`](crate::node::app::Reply::Held).
    pub ticket: Ticket,
    /// When it came.
    pub now: UnixTime,
    /// The `sub` of the user's tokens, 1 to 256 characters.
    pub user: &'a str,
    /// What is to be done.
    pub kind: OrderKind,
    /// Another node of the cluster was given the order at this time: sessions that began later stay. `None`:
    /// all sessions of the user are meant. Nobody waits for an order of another node, and it comes once: an
    /// application that cannot carry it out has to try again.
    pub up_to: Option<UnixTime>,
}

/// An operator invites somebody to sign up.
#[derive(Debug)]
pub struct Invite<'a> {
    /// For [`Reply::Held`](crate::node::app::Reply::Held).
    pub ticket: Ticket,
    /// For [`Reply::Held`](crate::node::app::Reply::Held): whether the work may begin.
    pub start: &'a StartFlag,
    /// When it came.
    pub now: UnixTime,
    /// Whom alone; `None`: whoever has the invitation.
    pub email: Option<&'a str>,
    /// How long the invitation can be used.
    pub valid: Duration,
}

/// An operator gives a user another password.
#[derive(Debug)]
pub struct PasswordReset<'a> {
    /// For [`Reply::Held`](crate::node::app::Reply::Held).
    pub ticket: Ticket,
    /// For [`Reply::Held`](crate::node::app::Reply::Held): whether the work may begin.
    pub start: &'a StartFlag,
    /// When it came.
    pub now: UnixTime,
    /// The same moment on the monotonic clock.
    pub at: Instant,
    /// Where the call came from.
    pub client: IpAddr,
    /// The address of the account, as the operator wrote it.
    pub email: &'a str,
}

/// What can be ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderKind {
    /// End the user's sessions. The user may sign in again.
    Disconnect,
    /// Lock the account, and end its sessions: nobody gets in as this user until it is unlocked.
    Lock,
    /// Unlock the account.
    Unlock,
}

/// The answer to a [`UserOrder`].
pub type OrderResult = Result<(), OrderFault>;

/// Why an order was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderFault {
    /// The application keeps no accounts.
    NotSupported,
    /// It keeps none for this user.
    NoSuchUser,
    /// It has too much to do to take the order.
    Unavailable,
    /// It could not carry the order out. The log says why.
    Failed,
    /// It is in force, but a restart forgets it: why it could not be stored.
    NotStored(String),
}

impl fmt::Display for OrderFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSupported => {
                "this is not supported by this application, which keeps no accounts: lock the user \
                 where the tokens are issued, and end the sessions here"
            }
            Self::NoSuchUser => "there is no account with this id",
            Self::Unavailable => "the application cannot take the order now",
            Self::Failed => "the application failed to carry the order out",
            Self::NotStored(why) => {
                return write!(f, "in force, but not stored, and a restart forgets it: {why}");
            }
        })
    }
}

impl std::error::Error for OrderFault {}
