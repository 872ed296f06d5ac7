//! Lists that are one list over all nodes: rooms, users, and the connections in a room.
//!
//! ```text
//!  operator ─▶ asked node ── Word::List ──▶ every node: its first `limit` entries behind `after`
//!                  │                            │
//!                  └── page, next ◀─ PageBuilder ◀── Word::Listed, which says whether there are more
//! ```
//!
//! Entries have one order on all nodes, that of their keys. A node that has more than it reports knows
//! nothing here behind its last entry, so the page ends at the smallest of these last entries: no entry
//! between two pages is left out, whatever the nodes have. The asked node reports to itself like the
//! others. Nothing is kept from one page to the next.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::id::ConnId;
use crate::node::work::ticket::Ticket;
use crate::time::Instant;

/// The most entries of a page.
pub(crate) const MAX_LISTED: usize = 1_000;
/// The most bytes of a page's names, and so of what a node reports: behind that, a page is short.
const PAGE_BYTES: usize = 64 << 10;
/// What an entry counts beside its names: its numbers, and the names of its fields in JSON.
const ENTRY_BYTES: usize = 32;
/// What a call for a list takes until it is answered: its entries in a tree, which is filled by half at
/// worst, and the bytes of names that are too long to be kept in place.
#[cfg(feature = "net")]
pub(crate) const CLUSTER_LIST_BYTES: usize =
    2 * MAX_LISTED * size_of::<(ListKey, ListValue)>() + 2 * PAGE_BYTES;
/// Questions of all nodes that wait to be looked up at one node. Those beyond have no answer. Only the
/// first of them holds entries.
pub(crate) const MAX_SCANS: usize = 64;
/// Of them those of one asking node: callers of it who hang up and call again take no others' places.
pub(crate) const MAX_SCANS_OF_A_NODE: usize = 8;
/// Places of rooms or users that are entries of a page, at most, in one call of the node: a quarter of the
/// places that a page of its own list looks at, as each name is compared here.
pub(crate) const SCAN_GROUPS: usize = 1 << 14;

/// What is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ListKind {
    /// The rooms with somebody in them.
    Rooms,
    /// The users with a connection in a room.
    Users,
    /// The connections in this room, by their users.
    Room(SmolStr),
}

/// What entries are sorted by. Rooms and users have a name, connections in a room all three.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct ListKey {
    /// The room, or the user.
    pub(crate) name: SmolStr,
    pub(crate) node: SmolStr,
    /// The connection's, which is its node's own.
    pub(crate) id: SmolStr,
}

/// What is said of an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListValue {
    /// Of a room or a user: how many connections.
    pub(crate) count: usize,
    /// Of a connection: when it joined, in milliseconds since 1970.
    pub(crate) since: u64,
}

/// A node asks every node for a part of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ListQuestion {
    pub(crate) round: u64,
    /// The one that asks.
    pub(crate) node: SmolStr,
    pub(crate) list: ListKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<ListKey>,
    pub(crate) limit: usize,
}

/// What a node reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ListPart {
    pub(crate) round: u64,
    /// The one that reports.
    pub(crate) node: SmolStr,
    /// In their order.
    pub(crate) entries: Vec<ListEntry>,
    /// There are others behind these.
    pub(crate) more: bool,
}

/// An entry as a node reports it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ListEntry {
    name: SmolStr,
    #[serde(skip_serializing_if = "SmolStr::is_empty")]
    id: SmolStr,
    #[serde(skip_serializing_if = "is_zero")]
    count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    since: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The first entries behind a key, as they come in any order: at most `limit`, and [`PAGE_BYTES`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageBuilder {
    after: Option<ListKey>,
    limit: usize,
    entries: BTreeMap<ListKey, ListValue>,
    bytes: usize,
    /// What is behind this is not on the page; `None`: the list ends with the page.
    end: Option<ListKey>,
}

impl PageBuilder {
    pub(crate) fn new(after: Option<ListKey>, limit: usize) -> Self {
        let limit = limit.clamp(1, MAX_LISTED);
        Self { after, limit, entries: BTreeMap::new(), bytes: 0, end: None }
    }

    /// May an entry of this name be on the page? Cheaper than to try it.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.after.as_ref().is_none_or(|after| name >= after.name.as_str())
            && self.end.as_ref().is_none_or(|end| name <= end.name.as_str())
    }

    /// Adds an entry, or its count to the one of this key.
    pub(crate) fn add(&mut self, key: ListKey, value: ListValue) {
        let is_before = self.after.as_ref().is_some_and(|after| key <= *after);
        if is_before || self.end.as_ref().is_some_and(|end| key > *end) {
            return;
        }
        let weight = key.weight();
        match self.entries.entry(key) {
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                known.count = known.count.saturating_add(value.count);
            }
            Entry::Vacant(place) => {
                place.insert(value);
                self.bytes += weight;
            }
        }
        while self.entries.len() > self.limit || self.bytes > PAGE_BYTES && self.entries.len() > 1 {
            self.drop_last();
            self.end = self.entries.last_key_value().map(|(key, _)| key.clone());
        }
    }

    /// Nothing is known of what is behind `end`.
    fn end_at(&mut self, end: ListKey) {
        if self.end.as_ref().is_some_and(|known| *known <= end) {
            return;
        }
        while self.entries.last_key_value().is_some_and(|(key, _)| *key > end) {
            self.drop_last();
        }
        self.end = Some(end);
    }

    fn drop_last(&mut self) {
        if let Some((key, _)) = self.entries.pop_last() {
            self.bytes = self.bytes.saturating_sub(key.weight());
        }
    }

    /// The entries in their order, and behind which key the next page begins; `None`: this is the last.
    pub(crate) fn into_page(self) -> (Vec<(ListKey, ListValue)>, Option<ListKey>) {
        (self.entries.into_iter().collect(), self.end)
    }
}

impl ListKey {
    fn weight(&self) -> usize {
        self.name.len() + self.node.len() + self.id.len() + ENTRY_BYTES
    }
}

/// A question that is looked up at this node, some groups at a time.
#[derive(Debug)]
pub(crate) struct ListScan {
    pub(crate) question: ListQuestion,
    /// The place of the groups that is looked at next.
    pub(crate) place: u32,
    pub(crate) page: PageBuilder,
    /// Then nobody waits for it any more.
    pub(crate) until: Instant,
}

impl ListScan {
    pub(crate) fn new(mut question: ListQuestion, until: Instant) -> Self {
        let page = PageBuilder::new(question.after.take(), question.limit);
        Self { question, place: 0, page, until }
    }

    /// Which node asks, and what it is answered by `node`.
    pub(crate) fn into_part(self, node: SmolStr) -> (SmolStr, ListPart) {
        let ListQuestion { round, node: asker, .. } = self.question;
        let (entries, end) = self.page.into_page();
        let entries = entries.into_iter().map(|(key, value)| ListEntry {
            name: key.name,
            id: key.id,
            count: value.count as u64,
            since: value.since,
        });
        let entries = entries.collect();
        (asker, ListPart { round, node, entries, more: end.is_some() })
    }
}

/// An operator's call for a list, while nodes report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpenList {
    pub(crate) asker: ConnId,
    pub(crate) ticket: Ticket,
    pub(crate) list: ListKind,
    pub(crate) page: PageBuilder,
    /// The nodes that have reported.
    pub(crate) answered: Vec<SmolStr>,
}

impl OpenList {
    /// Takes what a node reports, once. One that has more, and names nothing that belongs on the page, does
    /// not say where the next page begins: then it counts as one that has not answered.
    pub(crate) fn take(&mut self, part: ListPart) -> bool {
        let ListPart { node, entries, more, .. } = part;
        let entries = entries.into_iter().map(|ListEntry { name, id, count, since }| {
            let of = if id.is_empty() { SmolStr::default() } else { node.clone() };
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            (ListKey { name, node: of, id }, ListValue { count, since })
        });
        let entries: Vec<_> = entries.collect();
        let last = entries.iter().map(|(key, _)| key).max().cloned();
        if self.answered.contains(&node) || more && last <= self.page.after {
            return false;
        }
        for (key, value) in entries {
            self.page.add(key, value);
        }
        if let Some(last) = last.filter(|_| more) {
            self.page.end_at(last);
        }
        self.answered.push(node);
        true
    }
}

/// A page of a list over all nodes.
#[derive(Debug)]
pub(crate) struct ClusterList {
    pub(crate) list: ListKind,
    pub(crate) entries: Vec<(ListKey, ListValue)>,
    /// The next page begins behind this; `None`: there is none.
    pub(crate) next: Option<ListKey>,
    pub(crate) nodes: ListedBy,
}

/// Which nodes a page is of.
#[derive(Debug, Serialize)]
pub(crate) struct ListedBy {
    /// All nodes have answered, as far as this one knows them, and it would know others.
    pub(crate) complete: bool,
    pub(crate) answered: Vec<SmolStr>,
    /// Those that have not answered in time.
    pub(crate) missing: Vec<SmolStr>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> ListKey {
        ListKey { name: name.into(), ..ListKey::default() }
    }

    fn names(page: PageBuilder) -> (String, Option<String>) {
        let (entries, end) = page.into_page();
        let entries = entries.iter().map(|(key, value)| format!("{}{}", key.name, value.count));
        (entries.collect::<Vec<_>>().join(" "), end.map(|end| end.name.to_string()))
    }

    fn open(after: Option<&str>, limit: usize) -> OpenList {
        OpenList {
            asker: ConnId::from_bits(1),
            ticket: Ticket { index: 0, serial: 0 },
            list: ListKind::Rooms,
            page: PageBuilder::new(after.map(key), limit),
            answered: Vec::new(),
        }
    }

    fn part(node: &str, names: &[&str], more: bool) -> ListPart {
        let entry = |name: &&str| ListEntry { name: (*name).into(), count: 1, ..<_>::default() };
        let entries = names.iter().map(entry).collect();
        ListPart { round: 1, node: node.into(), entries, more }
    }

    #[test]
    fn a_page_has_the_first_names_in_their_order() {
        let mut page = PageBuilder::new(Some(key("b")), 3);
        for name in ["g", "b", "d", "a", "f", "c", "e", "d"] {
            page.add(key(name), ListValue { count: 1, since: 0 });
        }
        assert_eq!(names(page), ("c1 d2 e1".to_owned(), Some("e".to_owned())));
    }

    #[test]
    fn long_names_make_a_page_short_but_not_empty() {
        let long = "x".repeat(PAGE_BYTES);
        let mut page = PageBuilder::new(None, 3);
        page.add(key(&long), ListValue::default());
        page.add(key("a"), ListValue::default());
        assert_eq!(names(page), ("a0".to_owned(), Some("a".to_owned())));
        let mut page = PageBuilder::new(Some(key("a")), 3);
        page.add(key(&long), ListValue::default());
        assert_eq!(page.into_page().0.len(), 1);
    }

    #[test]
    fn a_page_ends_where_a_node_knows_no_more() {
        for order in [[0, 1], [1, 0]] {
            let mut open = open(None, 4);
            let parts = [part("n0", &["a", "b"], true), part("n1", &["a", "c", "d"], false)];
            for index in order {
                assert!(open.take(parts[index].clone()));
            }
            assert_eq!(names(open.page), ("a2 b1".to_owned(), Some("b".to_owned())));
        }
    }

    #[test]
    fn a_part_that_leads_back_is_no_answer() {
        let mut open = open(Some("c"), 4);
        for names in [&["a", "b"][..], &["c"], &[]] {
            assert!(!open.take(part("n0", names, true)), "{names:?}");
        }
        assert!(open.take(part("n0", &["c"], false)));
        assert!(open.take(part("n1", &["b", "d"], true)));
        assert_eq!(names(open.page), ("d1".to_owned(), Some("d".to_owned())));
    }

    #[test]
    fn a_node_reports_once() {
        let mut open = open(None, 4);
        assert!(open.take(part("n0", &["a"], false)));
        assert!(!open.take(part("n0", &["a"], false)));
        assert!(!open.take(part("n1", &[], true)));
        assert_eq!(names(open.page), ("a1".to_owned(), None));
    }
}
