//! The admin listener: health, counters, and an operator's commands, in HTTP.
//!
//! The node reads its connections, bounds and writes them like those of the public listeners, but
//! counts them apart: a full server can still be asked why, and told to do something about it. What
//! can be called, by whom, and what is answered is known here, above the node. Nothing of the chat is
//! here, and nothing of this is there, but `/healthz`.
//!
//! A caller is taken for the operator, so access is narrow: with a key, calls must show it; without
//! one, they must come from this host, and not from a page (`call::judge`).

mod body;
mod call;
mod close_advice;
mod commands;
mod counted;
mod explain;
mod exposition;
mod health;
mod listing;
mod publish;
mod stats;

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::json;

use self::body::{counted, counted_with};
use self::call::judge;
use self::commands::{Operation, order_overdue, order_response};
use self::counted::Counters;
use self::explain::{explain, list_ends};
use crate::id::ConnId;
use crate::node::{
    ClusterOrder, ListKind, Node, OperatorCall, OperatorEvent, Response, health as alive, peer_text,
};
use crate::time::Now;

/// Answers the operators whose calls the node has read, or whose answers have come.
///
/// [`Turn`](crate::driver::Turn) does that. A driver of another kind that has an admin listener calls
/// this after each `handle_*` of the [`Node`], before the next one.
pub fn answer(node: &mut Node, now: Now) {
    while let Some((id, event)) = node.poll_operator() {
        let response = match event {
            OperatorEvent::Call(call, body) => on_call(node, now, id, &call, body.as_deref()),
            OperatorEvent::Confirmed { noun, count, by } => {
                Some(Response::json(200, &json!({ noun: count, "nodes": by })))
            }
            OperatorEvent::NotShared(fault) => Some(commands::not_shared(fault)),
            OperatorEvent::Published(published) => Some(publish::response(published)),
            OperatorEvent::Ordered(kind, result, by) => Some(order_response(kind, result, by)),
            OperatorEvent::OrderOverdue { is_in_force } => Some(order_overdue(is_in_force)),
            OperatorEvent::Listed(page) => Some(listing::listed(&page)),
            OperatorEvent::Collected { form, response } => {
                let alone = || Counters::of(&node.families(now), form).with(&[]);
                Some(response.unwrap_or_else(alone))
            }
        };
        if let Some(response) = response {
            node.respond(now, id, response);
        }
    }
}

/// `None`: it is answered later.
fn on_call(
    node: &mut Node,
    now: Now,
    id: ConnId,
    call: &OperatorCall,
    body: Option<&[u8]>,
) -> Option<Response> {
    let route = match judge(call, node.admin_keys()) {
        Ok(route) => route,
        Err(response) => {
            if matches!(response.status, 401 | 403) {
                note_denial(node, now, call);
            }
            return Some(response);
        }
    };
    let Some(body) = body else {
        if call.expects_continue {
            node.send_continue(now, id);
        }
        return None;
    };
    node.metrics_mut().admin_calls += 1;
    match Operation::parse(&route, call, body) {
        Ok(operation) => operate(node, now, id, operation),
        Err(response) => Some(response),
    }
}

fn note_denial(node: &mut Node, now: Now, call: &OperatorCall) {
    if let Some(count) = node.count_denial(now) {
        let ip = peer_text(SocketAddr::new(call.peer.ip(), 0));
        log::warn!(
            "calls denied on the admin listener: {count}, the last from {ip}. They showed no key, \
             a wrong one or one that may only publish, or a page made them. Told once a minute"
        );
    }
}

/// Does what was called for. `None`: it is answered later.
fn operate(node: &mut Node, now: Now, id: ConnId, operation: Operation<'_>) -> Option<Response> {
    Some(match operation {
        Operation::Health => alive(),
        Operation::Ready => health::readiness(node, now),
        Operation::Status => health::status(node, now),
        Operation::Nodes => health::nodes(node, now),
        Operation::Collect { form } => {
            let counters = Counters::of(&node.families(now), form);
            node.collect(now, id, form, |readings| counters.with(readings));
            return None;
        }
        Operation::Rooms(page) => return listing::list(node, now, id, (ListKind::Rooms, page)),
        Operation::Users(page) => return listing::list(node, now, id, (ListKind::Users, page)),
        Operation::Room(room, page) => {
            return listing::list(node, now, id, (ListKind::Room(room), page));
        }
        Operation::CloseRoom(room) => {
            let count = ("disconnected", node.close_room(now, &room));
            let closed = node.confirm(id, ClusterOrder::CloseRoom { room }, count)?;
            counted("disconnected", closed)
        }
        Operation::CloseConnection(id) => close_connection(node, now, id),
        Operation::Connection(id) => explain(node, now, id),
        Operation::Ends { query } => list_ends(node, now, query).unwrap_or_else(|refused| refused),
        Operation::Publish(publish::PublishCall { targets, update, key }) => {
            let key = key.map(|key| key.texts());
            let key = key.as_ref().map(|texts| texts.each_ref().map(String::as_str));
            node.publish(now, id, (targets, Arc::new(update)), key);
            return None;
        }
        Operation::Order(kind, user) => {
            node.order_by_call(now, id, kind, &user);
            return None;
        }
        Operation::Invite(email, valid) => return node.invite(now, id, email.as_deref(), valid),
        Operation::ResetPassword(email) => return node.reset_password(now, id, &email),
        Operation::RequireAuth(user) => {
            let count = ("asked", node.require_auth(now, &user));
            let order = ClusterOrder::RequireAuth { user: user.into() };
            counted("asked", node.confirm(id, order, count)?)
        }
        Operation::Drain(length) => {
            let length = length.unwrap_or(node.drain_length());
            let remaining = node.drain(now, length);
            log::info!("an operator drains within {length:?}; connections: {remaining}");
            counted_with(202, "connections", remaining)
        }
    })
}

fn close_connection(node: &mut Node, now: Now, id: &str) -> Response {
    match id.parse() {
        Ok(id) => counted("disconnected", node.close_connection(now, id)),
        Err(_) => Response::error(
            400,
            "bad_request",
            "The connection's id is malformed: it is like 0000002a-000007",
        ),
    }
}

#[cfg(test)]
pub(crate) mod tests;
