//! What became of a connection, or how it stands: for `vestibule explain`.

use std::collections::BTreeMap;

use serde::Serialize;
use smol_str::SmolStr;

use super::call::decode_text;
use super::close_advice;
use crate::id::ConnId;
use crate::node::{
    Account, ClosedConnection, Ending, Hangup, Node, Response, Standing, Unanswered,
};
use crate::node::{UNIX_PEER, cut, peer_text};
use crate::protocol::MessageFault;
use crate::time::{Now, Rfc3339, UnixTime};

/// Ends that are listed where nobody says how many, and at most.
const LISTED: usize = 20;
const MAX_LISTED: usize = 1_000;

/// A connection, as it is told.
#[derive(Serialize)]
struct ConnectionReport<'a> {
    id: String,
    /// The phase it is in, or `ended`.
    state: &'static str,
    address: String,
    user_id: Option<&'a str>,
    room: Option<&'a str>,
    accepted_at: Rfc3339,
    upgraded_at: Option<Rfc3339>,
    authenticated_at: Option<Rfc3339>,
    messages: u32,
    reauthenticated: bool,
    /// What was wrong with the last message that was not understood.
    fault: Option<&'static str>,
    /// There while it lives.
    live: Option<Live>,
    /// There when it has ended.
    end: Option<Ended<'a>>,
    /// When this was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    now: Option<Rfc3339>,
}

#[derive(Serialize)]
struct Live {
    /// When its state ends, if nothing comes before.
    deadline: Rfc3339,
    token_ends_at: Option<Rfc3339>,
    heard_at: Rfc3339,
    queued_bytes: usize,
    waiting_messages: usize,
}

#[derive(Serialize)]
struct Ended<'a> {
    at: Rfc3339,
    /// The phase it was in.
    state: &'static str,
    how: &'static str,
    /// Of the close frame, or the HTTP status.
    code: Option<u16>,
    reason: &'static str,
    text: Option<&'static str>,
    meaning: &'static str,
    /// What was wrong with its token, where it ended for that.
    token_fault: Option<&'a str>,
}

#[derive(Serialize)]
struct ListedEnds<'a> {
    /// How many of each kind are remembered at most.
    remembered: usize,
    ends: Vec<ConnectionReport<'a>>,
    now: Rfc3339,
}

/// One connection by its id, which is in the 101 and in the log. O(ends that are remembered).
pub(super) fn explain(node: &Node, now: Now, id: &str) -> Response {
    let Ok(id) = id.parse::<ConnId>() else {
        let message = "The id is malformed: it is in the 101's X-Connection-Id and in the log's \
                       `connection=`, such as 0000002a-000007";
        return Response::error(400, "bad_request", message);
    };
    let (moment, history) = (Some(now.unix.to_rfc3339()), node.recent_ends());
    if let Some(end) = history.find(id) {
        let faults = history.token_faults();
        let report = ConnectionReport { now: moment, ..told_of_end(end, &faults) };
        return Response::json(200, &report);
    }
    if let Some((account, standing)) = node.standing(id) {
        let (live, state) = (Some(live(&standing)), account.phase.name());
        let report = ConnectionReport { live, now: moment, ..told(&account, state) };
        return Response::json(200, &report);
    }
    let capacity = history.capacity();
    let message = format!(
        "There is no such connection: it never was, or its end is forgotten. Of closed \
         connections, the last {capacity} that had been in a room are remembered, and the last \
         {capacity} others (limits.recent_ends)"
    );
    Response::error(404, "not_found", &message)
}

/// The last ends, the latest first, as `query` selects them. O(ends that are remembered).
pub(super) fn list_ends(node: &Node, now: Now, query: &str) -> Result<Response, Response> {
    let (history, now) = (node.recent_ends(), now.unix.to_rfc3339());
    let filter = Filter::of(query).map_err(|text| Response::error(400, "bad_request", text))?;
    let faults = history.token_faults();
    let ends = history.newest().filter(|end| filter.fits(&end.account));
    let ends = ends.take(filter.limit).map(|end| told_of_end(end, &faults)).collect();
    Ok(Response::json(200, &ListedEnds { remembered: history.capacity(), ends, now }))
}

/// Which ends are asked for.
struct Filter {
    limit: usize,
    user: Option<SmolStr>,
    address: Option<std::net::IpAddr>,
}

impl Filter {
    fn of(query: &str) -> Result<Self, &'static str> {
        let mut filter = Self { limit: LISTED, user: None, address: None };
        let mut seen = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decode_text(value).ok_or("A value is not UTF-8, percent-encoded")?;
            match name {
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=MAX_LISTED).contains(limit));
                    filter.limit = limit.ok_or("`limit` must be 1 to 1000")?;
                }
                "user" => filter.user = Some(cut(&SmolStr::new(value))),
                "address" => {
                    let address = match value.as_str() {
                        "unix" => Ok(UNIX_PEER.ip()),
                        address => address.parse(),
                    };
                    let fault = "`address` must be an IP address, or `unix`";
                    filter.address = Some(address.map_err(|_| fault)?);
                }
                _ => return Err("`limit`, `user` and `address` are all there is to ask for"),
            }
            if seen.contains(&name) {
                return Err("Each of `limit`, `user` and `address` at most once");
            }
            seen.push(name);
        }
        Ok(filter)
    }

    fn fits(&self, account: &Account) -> bool {
        let is_users = self.user.is_none() || self.user == account.user;
        is_users && self.address.is_none_or(|address| account.peer.ip() == address.to_canonical())
    }
}

fn told<'a>(account: &'a Account, state: &'static str) -> ConnectionReport<'a> {
    ConnectionReport {
        id: account.id.to_string(),
        state,
        address: peer_text(account.peer),
        user_id: account.user.as_deref(),
        room: account.room.as_deref(),
        accepted_at: account.accepted.to_rfc3339(),
        upgraded_at: account.upgraded.map(UnixTime::to_rfc3339),
        authenticated_at: account.joined.map(UnixTime::to_rfc3339),
        messages: account.messages,
        reauthenticated: account.is_renewed,
        fault: account.fault.map(MessageFault::text),
        live: None,
        end: None,
        now: None,
    }
}

fn told_of_end<'a>(
    end: &'a ClosedConnection,
    token_faults: &BTreeMap<ConnId, &'a str>,
) -> ConnectionReport<'a> {
    let (how, code, reason, text) = parts(end.how);
    let ended = Ended {
        at: end.at.to_rfc3339(),
        state: end.account.phase.name(),
        how,
        code,
        reason,
        text: text.filter(|text| !text.is_empty()),
        meaning: close_advice::of(end.how),
        token_fault: token_faults.get(&end.account.id).copied(),
    };
    ConnectionReport { end: Some(ended), ..told(&end.account, "ended") }
}

/// How it ended, the code, the reason's label, and its text.
type EndParts = (&'static str, Option<u16>, &'static str, Option<&'static str>);

fn parts(how: Ending) -> EndParts {
    match how {
        Ending::Closed(why) => ("closed", Some(why.code()), why.label(), Some(why.text())),
        Ending::ClosedByClient(code) => ("closed_by_client", code, "normal", None),
        Ending::HungUp(Hangup::Eof) => ("hung_up", None, "eof", None),
        Ending::HungUp(Hangup::Reset) => ("hung_up", None, "reset", None),
        Ending::HungUp(Hangup::Tls) => ("hung_up", None, "tls", None),
        Ending::Refused(refusal) => {
            let (status, code, text) = refusal.parts();
            ("refused", Some(status), code, Some(text))
        }
        Ending::Dropped(why) => {
            let reason = match why {
                Unanswered::NoRequest => "no_request",
                Unanswered::GaveWay => "gave_way",
                Unanswered::BadProxyHeader => "bad_proxy_header",
                Unanswered::Address => "pending_per_ip",
            };
            ("dropped", None, reason, None)
        }
    }
}

fn live(standing: &Standing) -> Live {
    Live {
        deadline: standing.deadline.to_rfc3339(),
        token_ends_at: standing.token_end.map(UnixTime::to_rfc3339),
        heard_at: standing.heard_at.to_rfc3339(),
        queued_bytes: standing.queued_bytes,
        waiting_messages: standing.waiting_messages,
    }
}
