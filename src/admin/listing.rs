//! Which rooms and users there are, a page at a time, and who is in a room.
//!
//! In a cluster these lists are of all nodes, and a page begins behind the last entry of the one before.
//! A node's own list goes by the places that rooms and users have in its memory, which costs less.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use super::call::decode_text;
use crate::id::ConnId;
use crate::node::{
    ClusterList, GroupPage, ListKey, ListKind, ListedBy, MAX_LISTED, Node, Response,
};
use crate::time::{Now, Rfc3339, UnixTime};

/// How many are on a page, if nobody says that.
const LISTED: usize = 100;
/// What the `next` of a list of all nodes begins with, and no place does.
const KEY_MARK: char = '.';

/// Which page is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListPage {
    after: PageStart,
    limit: usize,
    /// Of the node that answers only.
    is_local: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum PageStart {
    /// A place in a node's own list; 0 is the beginning of any list.
    Place(u32),
    /// Behind this entry of all nodes' list.
    Behind(ListKey),
}

impl PageStart {
    fn parse(text: &str) -> Option<Self> {
        let Some(key) = text.strip_prefix(KEY_MARK) else {
            return text.parse().ok().map(Self::Place);
        };
        let bytes = URL_SAFE_NO_PAD.decode(key).ok()?;
        let (name, node, id) = serde_json::from_slice(&bytes).ok()?;
        Some(Self::Behind(ListKey { name, node, id }))
    }

    /// The `next` of a page that ends with this entry.
    fn behind(ListKey { name, node, id }: &ListKey) -> String {
        let bytes = serde_json::to_vec(&(name, node, id)).unwrap_or_default();
        format!("{KEY_MARK}{}", URL_SAFE_NO_PAD.encode(bytes))
    }
}

fn bad_request(text: &str) -> Response {
    Response::error(400, "bad_request", text)
}

const BAD_AFTER: &str = "`after` must be the `next` of a page of the same list";

impl ListPage {
    /// Reads `limit`, `after` and `local` of a query.
    ///
    /// # Errors
    /// What is answered to another query.
    pub(super) fn of(query: &str) -> Result<Self, Response> {
        let (mut after, mut limit, mut is_local) = (None, None, None);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decode_text(value).unwrap_or_default();
            let is_twice = match name {
                "limit" => {
                    let number = value.parse().ok().filter(|it| (1..=MAX_LISTED).contains(it));
                    let number = number.ok_or_else(|| bad_request("`limit` must be 1 to 1000"))?;
                    limit.replace(number).is_some()
                }
                "after" => {
                    let start = PageStart::parse(&value).ok_or_else(|| bad_request(BAD_AFTER))?;
                    after.replace(start).is_some()
                }
                "local" => {
                    let flag = value.parse().ok();
                    let flag = flag.ok_or_else(|| bad_request("`local` must be true or false"))?;
                    is_local.replace(flag).is_some()
                }
                _ => {
                    let text = "`limit`, `after` and `local` are all there is to ask for";
                    return Err(bad_request(text));
                }
            };
            if is_twice {
                return Err(bad_request("Each of `limit`, `after` and `local` at most once"));
            }
        }
        Ok(Self {
            after: after.unwrap_or(PageStart::Place(0)),
            limit: limit.unwrap_or(LISTED),
            is_local: is_local.unwrap_or(false),
        })
    }
}

/// One page of the rooms with somebody in them, of the users with a connection in a room, or of the
/// connections in a room. `None`: the nodes of the cluster are asked for it.
pub(super) fn list(
    node: &mut Node,
    now: Now,
    asker: ConnId,
    (list, page): (ListKind, ListPage),
) -> Option<Response> {
    if page.is_local || node.cluster_name().is_none() {
        return Some(list_here(node, &list, &page));
    }
    let after = match page.after {
        PageStart::Place(0) => None,
        PageStart::Behind(key) => Some(key),
        PageStart::Place(_) => return Some(bad_request(BAD_AFTER)),
    };
    node.list_everywhere(now, asker, list, (after, page.limit));
    None
}

#[derive(Serialize)]
struct ListedRoom<'a> {
    room: &'a str,
    connections: usize,
}

#[derive(Serialize)]
struct ListedUser<'a> {
    user_id: &'a str,
    connections: usize,
}

#[derive(Serialize)]
struct ListedMember<'a> {
    id: &'a str,
    user_id: &'a str,
    since: Rfc3339,
    /// In a list of all nodes: the connection's.
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ListedEntries<'a> {
    Rooms { rooms: Vec<ListedRoom<'a>> },
    Users { users: Vec<ListedUser<'a>> },
    Room { room: &'a str, connections: Vec<ListedMember<'a>> },
}

/// A page as it is answered.
#[derive(Serialize)]
struct ListAnswer<'a> {
    #[serde(flatten)]
    entries: ListedEntries<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// In a cluster: whose own list it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<&'a str>,
    /// In a cluster: which nodes it is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    nodes: Option<&'a ListedBy>,
}

impl ListAnswer<'_> {
    fn response(&self) -> Response {
        Response::json(200, self)
    }
}

/// A page of this node. The work of a call is bounded, so a page of rooms or users may be short or empty
/// though others follow. All connections of a room are listed on one page, the last to come first:
/// O(connections in it), each of which costs less than to hand it a message of the room.
fn list_here(node: &Node, list: &ListKind, page: &ListPage) -> Response {
    let ids: Vec<String>;
    let PageStart::Place(after) = page.after else { return bad_request(BAD_AFTER) };
    let (entries, next) = match list {
        ListKind::Rooms => {
            let GroupPage { groups, next } = node.page_of_rooms(after, page.limit);
            let rooms = groups.into_iter();
            let rooms = rooms.map(|(room, connections)| ListedRoom { room, connections });
            (ListedEntries::Rooms { rooms: rooms.collect() }, next)
        }
        ListKind::Users => {
            let GroupPage { groups, next } = node.page_of_users(after, page.limit);
            let users = groups.into_iter();
            let users = users.map(|(user_id, connections)| ListedUser { user_id, connections });
            (ListedEntries::Users { users: users.collect() }, next)
        }
        ListKind::Room(room) => {
            ids = node.members_of(room).map(|member| member.id.to_string()).collect();
            let members = node.members_of(room).zip(&ids).map(|(member, id)| ListedMember {
                id,
                user_id: member.user,
                since: member.since.to_rfc3339(),
                node: None,
            });
            (ListedEntries::Room { room, connections: members.collect() }, None)
        }
    };
    let next = next.map(|place| place.to_string());
    ListAnswer { entries, next, node: node.cluster_name(), nodes: None }.response()
}

/// A page of all nodes.
pub(super) fn listed(page: &ClusterList) -> Response {
    let entries = page.entries.iter();
    let entries = match &page.list {
        ListKind::Rooms => {
            let rooms = entries
                .map(|(key, value)| ListedRoom { room: &key.name, connections: value.count });
            ListedEntries::Rooms { rooms: rooms.collect() }
        }
        ListKind::Users => {
            let users = entries
                .map(|(key, value)| ListedUser { user_id: &key.name, connections: value.count });
            ListedEntries::Users { users: users.collect() }
        }
        ListKind::Room(room) => {
            let members = entries.map(|(key, value)| ListedMember {
                id: &key.id,
                user_id: &key.name,
                since: UnixTime::from_millis(value.since).to_rfc3339(),
                node: Some(&key.node),
            });
            ListedEntries::Room { room, connections: members.collect() }
        }
    };
    let next = page.next.as_ref().map(PageStart::behind);
    ListAnswer { entries, next, node: None, nodes: Some(&page.nodes) }.response()
}
