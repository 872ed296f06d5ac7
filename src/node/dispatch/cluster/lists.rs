//! Lists over all nodes: a call asks every node for its part, and merges what they report.

use smol_str::SmolStr;

use crate::bus::BusCommand;
use crate::id::ConnId;
use crate::node::Node;
use crate::node::cluster::COMMAND_TIME;
use crate::node::cluster::control::{self, Word};
use crate::node::cluster::lists::{
    ClusterList, ListKey, ListKind, ListPart, ListQuestion, ListScan, ListValue, ListedBy,
    OpenList, PageBuilder, SCAN_GROUPS,
};
use crate::node::cluster::nodes::ROUND;
use crate::node::gate::operator::OperatorEvent;
use crate::node::rooms::groups::GroupPage;
use crate::time::Now;

impl Node {
    /// Asks all nodes for the first `limit` entries of a list behind `after`:
    /// [`OperatorEvent::Listed`], within a second. Without `[cluster]`, nothing is done.
    pub(crate) fn list_everywhere(
        &mut self,
        now: Now,
        asker: ConnId,
        list: ListKind,
        (after, limit): (Option<ListKey>, usize),
    ) {
        self.cx.now = now;
        let Some(cluster) = &mut self.cluster else { return };
        let ticket = self.work.questions.issue();
        self.connections.await_answer(asker.slot(), ticket);
        let connections = &self.connections;
        let node = cluster.name.clone();
        let is_awaited = |open: &OpenList| connections.awaits_response(open.asker, open.ticket);
        cluster.nodes.drop_lists(&node, is_awaited);
        let page = PageBuilder::new(after.clone(), limit);
        let open = OpenList { asker, ticket, list: list.clone(), page, answered: Vec::new() };
        let round = cluster.nodes.begin_list(now.monotonic, &node, open);
        let question = ListQuestion { round, node, list, after, limit };
        let payload = control::write(&Word::List(question.clone()));
        cluster.send_off(now.monotonic, BusCommand::Tell { node: None, payload }, ROUND);
        // This node's own calls are as many as its admin listener has connections.
        cluster.nodes.scans.push_back(ListScan::new(question, now.monotonic + ROUND));
        self.answer_within(asker.slot(), 2 * ROUND);
    }

    /// Another node asks for a part of a list.
    pub(super) fn list_asked(&mut self, question: ListQuestion) {
        let now = self.cx.now.monotonic;
        let Some(cluster) = &mut self.cluster else { return };
        if question.node != cluster.name {
            cluster.nodes.asked_for_list(question, now + ROUND);
        }
    }

    /// Goes on with the first list that is looked up, by [`SCAN_GROUPS`] at most: what is left is due at
    /// once again. A group keeps its place as long as it has a member, so each is met once.
    pub(super) fn scan_lists(&mut self) {
        let now = self.cx.now.monotonic;
        let Some(cluster) = &mut self.cluster else { return };
        let name = cluster.name.clone();
        let Some(mut scan) = cluster.nodes.scans.pop_front() else { return };
        if scan.until <= now {
            return;
        }
        let next = match &scan.question.list {
            ListKind::Rooms => {
                add_groups(&mut scan.page, self.rooms.rooms.page(scan.place, SCAN_GROUPS))
            }
            ListKind::Users => {
                add_groups(&mut scan.page, self.rooms.users.page(scan.place, SCAN_GROUPS))
            }
            ListKind::Room(room) => {
                self.add_members(&mut scan.page, room, &name);
                None
            }
        };
        let Some(cluster) = &mut self.cluster else { return };
        if let Some(place) = next {
            scan.place = place;
            return cluster.nodes.scans.push_front(scan);
        }
        let (asker, part) = scan.into_part(name.clone());
        if asker == name {
            return self.list_reported(part);
        }
        let payload = control::write(&Word::Listed(part));
        cluster.send_off(now, BusCommand::Tell { node: Some(asker), payload }, COMMAND_TIME);
    }

    /// Adds the connections of a room. O(connections in it), as for a list of one node.
    fn add_members(&self, page: &mut PageBuilder, room: &str, node: &SmolStr) {
        for member in self.view().members_of(room) {
            if page.wants(member.user) {
                let id = SmolStr::new(member.id.to_string());
                let key = ListKey { name: member.user.clone(), node: node.clone(), id };
                page.add(key, ListValue { count: 0, since: member.since.as_millis() });
            }
        }
    }

    /// A node reports its part of a list.
    pub(super) fn list_reported(&mut self, part: ListPart) {
        let Some(cluster) = &mut self.cluster else { return };
        cluster.nodes.listed(part);
        self.end_rounds();
    }

    /// All nodes have reported their parts, but for those that are `missing`.
    pub(super) fn end_list(&mut self, open: OpenList, mut missing: Vec<SmolStr>) {
        let now = self.cx.now.monotonic;
        let Some(cluster) = &self.cluster else { return };
        let OpenList { asker, ticket, list, page, mut answered } = open;
        answered.sort_unstable();
        missing.sort_unstable();
        // A node whose own lease is not in the list at hand does not know which others there are.
        // Of two processes with one name, one answers.
        let knows_others = cluster.link.is_up()
            && cluster.nodes.is_live(now, &cluster.name)
            && !cluster.nodes.has_twin();
        let complete = missing.is_empty() && knows_others;
        let (entries, next) = page.into_page();
        let nodes = ListedBy { complete, answered, missing };
        let event = OperatorEvent::Listed(Box::new(ClusterList { list, entries, next, nodes }));
        self.tell_later(asker, ticket, event);
    }
}

/// Adds groups to a page. The place of the groups that come next.
fn add_groups(page: &mut PageBuilder, groups: GroupPage<'_>) -> Option<u32> {
    for (name, count) in groups.groups {
        if page.wants(name) {
            let key = ListKey { name: name.clone(), ..ListKey::default() };
            page.add(key, ListValue { count, since: 0 });
        }
    }
    groups.next
}
