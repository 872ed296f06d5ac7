//! Which rooms and users there are, a page at a time, and who is in a room.

use serde::Serialize;

use super::call::decode_text;
use crate::node::{GroupPage, ListedNode, Node, Response};
use crate::time::{Now, Rfc3339};

/// How many are on a page, if nobody says that, and at most.
const LISTED: usize = 100;
const MAX_LISTED: usize = 1_000;

/// Which page is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ListPage {
    after: u32,
    limit: usize,
}

impl ListPage {
    /// Reads `limit` and `after` of a query.
    ///
    /// # Errors
    /// What is answered to another query.
    pub(super) fn of(query: &str) -> Result<Self, Response> {
        let bad = |text| Response::error(400, "bad_request", text);
        let (mut after, mut limit) = (None, None);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decode_text(value).unwrap_or_default();
            let is_twice = match name {
                "limit" => {
                    let number = value.parse().ok().filter(|it| (1..=MAX_LISTED).contains(it));
                    limit.replace(number.ok_or_else(|| bad("`limit` must be 1 to 1000"))?).is_some()
                }
                "after" => {
                    let number = value.parse();
                    let number = number.map_err(|_| bad("`after` must be the `next` of a page"))?;
                    after.replace(number).is_some()
                }
                _ => return Err(bad("`limit` and `after` are all there is to ask for")),
            };
            if is_twice {
                return Err(bad("Each of `limit` and `after` at most once"));
            }
        }
        Ok(Self { after: after.unwrap_or(0), limit: limit.unwrap_or(LISTED) })
    }
}

/// One page of the rooms with somebody in them. The work of a call is bounded, so a page may be short
/// or empty though others follow.
pub(super) fn list_rooms(node: &Node, now: Now, page: ListPage) -> Response {
    #[derive(Serialize)]
    struct Room<'a> {
        room: &'a str,
        connections: usize,
    }
    #[derive(Serialize)]
    struct Rooms<'a> {
        rooms: Vec<Room<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        next: Option<String>,
        /// In a cluster: whose they are.
        #[serde(skip_serializing_if = "Option::is_none")]
        node: Option<&'a str>,
        /// In a cluster: how much each node has.
        #[serde(skip_serializing_if = "Option::is_none")]
        nodes: Option<Vec<ListedNode<'a>>>,
    }
    let GroupPage { groups, next } = node.page_of_rooms(page.after, page.limit);
    let rooms = groups.into_iter().map(|(room, connections)| Room { room, connections });
    let next = next.map(|it| it.to_string());
    let (node, nodes) = node.cluster_nodes(now).unzip();
    Response::json(200, &Rooms { rooms: rooms.collect(), next, node, nodes })
}

/// One page of the users with a connection in a room.
pub(super) fn list_users(node: &Node, now: Now, page: ListPage) -> Response {
    #[derive(Serialize)]
    struct User<'a> {
        user_id: &'a str,
        connections: usize,
    }
    #[derive(Serialize)]
    struct Users<'a> {
        users: Vec<User<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        next: Option<String>,
        /// In a cluster: whose they are.
        #[serde(skip_serializing_if = "Option::is_none")]
        node: Option<&'a str>,
        /// In a cluster: how much each node has.
        #[serde(skip_serializing_if = "Option::is_none")]
        nodes: Option<Vec<ListedNode<'a>>>,
    }
    let GroupPage { groups, next } = node.page_of_users(page.after, page.limit);
    let users = groups.into_iter().map(|(user_id, connections)| User { user_id, connections });
    let next = next.map(|it| it.to_string());
    let (node, nodes) = node.cluster_nodes(now).unzip();
    Response::json(200, &Users { users: users.collect(), next, node, nodes })
}

/// The connections of a room, the last to come first. O(connections in it), each of which costs less
/// than to hand it a message of the room.
pub(super) fn list_room(node: &Node, room: &str) -> Response {
    #[derive(Serialize)]
    struct Member<'a> {
        id: String,
        user_id: &'a str,
        since: Rfc3339,
    }
    #[derive(Serialize)]
    struct Listed<'a> {
        room: &'a str,
        connections: Vec<Member<'a>>,
        /// In a cluster: whose they are.
        #[serde(skip_serializing_if = "Option::is_none")]
        node: Option<&'a str>,
    }
    let members = node.members_of(room).map(|member| Member {
        id: member.id.to_string(),
        user_id: member.user,
        since: member.since.to_rfc3339(),
    });
    let node = node.cluster_name();
    Response::json(200, &Listed { room, connections: members.collect(), node })
}
