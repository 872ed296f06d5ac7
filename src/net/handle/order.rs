//! What other threads order about a user.

use std::sync::mpsc::SyncSender;

use crate::node::Node;
use crate::node::app::{OrderFault, OrderKind};
use crate::time::Now;

/// An operator's order about a user.
#[derive(Debug)]
pub(crate) struct Order {
    pub(super) user: String,
    pub(super) command: UserCommand,
}

/// The kind of order, and the channel for its result.
#[derive(Debug)]
pub(super) enum UserCommand {
    Order(OrderKind, SyncSender<Result<usize, OrderFault>>),
    RequireAuth(SyncSender<usize>),
}

impl Order {
    /// Carries out the order.
    pub(crate) fn carry_out(self, node: &mut Node, now: Now) {
        // A caller that does not need the result has dropped the receiver. The channel holds one
        // result.
        match self.command {
            UserCommand::Order(kind, done) => {
                node.order(now, kind, &self.user, move |result| drop(done.try_send(result)));
            }
            UserCommand::RequireAuth(done) => {
                let _ = done.try_send(node.require_auth(now, &self.user));
            }
        }
    }
}
