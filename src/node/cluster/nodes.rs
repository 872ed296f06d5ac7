//! The other nodes: who is alive, and what they are asked.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::bus::NodeLease;
use crate::id::ConnId;
use crate::node::cluster::lists::{
    ListPart, ListQuestion, ListScan, MAX_SCANS, MAX_SCANS_OF_A_NODE, OpenList,
};
use crate::node::cluster::told::ToldTargets;
use crate::node::work::publication::EndedPublication;
use crate::node::work::ticket::Ticket;
use crate::time::Instant;

/// How long the other nodes have to confirm an order, or to answer a question. An operator is then
/// told how many did.
pub(crate) const ROUND: Duration = Duration::from_secs(1);

/// The nodes of the cluster.
#[derive(Debug)]
pub(crate) struct Nodes {
    lease: Duration,
    renew_at: Instant,
    /// The nodes, this one among them, and when their leases end, as the engine said last.
    live: Vec<(Instant, NodeLease)>,
    has_twin: bool,
    /// This one's application is the one that the others ask.
    pub(crate) is_owner: bool,
    /// Orders of it did not reach the engine.
    pub(crate) owes_orders: bool,
    /// When that list was asked for.
    listed_at: Instant,
    /// The node whose application the others ask, as it has said last: it may be away.
    pub(crate) last_owner: Option<SmolStr>,
    /// Nodes that are not in the list, and since when another list is awaited.
    suspects: BTreeMap<SmolStr, Instant>,
    rounds: BTreeMap<u64, ClusterRound>,
    /// Each process begins with a number that it has drawn. What is answered to an earlier one of the same
    /// name thus belongs to no round of this one, whatever the version of the node that answers.
    last_round: u64,
    /// Publications that the engine is asked about.
    pub(crate) told: ToldTargets,
    /// Lists that nodes, this one among them, have asked for, and that are looked up.
    pub(crate) scans: VecDeque<ListScan>,
}

/// What a node tells of itself with its lease: numbers as they are, so that nothing drifts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct NodeInfo {
    pub(crate) version: String,
    pub(crate) connections: usize,
    pub(crate) rooms: usize,
    pub(crate) users: usize,
    /// Drawn by the process: the next one of the same name has another. 0: an older version.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) run: u64,
    /// The other nodes ask its application.
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) owner: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
const fn is_false(value: &bool) -> bool {
    !*value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A node as others see it.
#[derive(Debug, Serialize)]
pub(crate) struct ListedNode<'a> {
    pub(crate) name: &'a str,
    /// It is the one that answers.
    pub(crate) is_self: bool,
    /// When its lease ends, if it is not renewed, in milliseconds from now.
    pub(crate) lease_ms: u64,
    #[serde(flatten)]
    pub(crate) info: NodeInfo,
}

/// Something that every node is to do or to answer.
#[derive(Debug)]
pub(crate) struct ClusterRound {
    until: Instant,
    /// The engine has what it is about: before that nobody is told that it was done.
    is_published: bool,
    /// Those that have not answered.
    pub(crate) expected: Vec<SmolStr>,
    /// How many have, this node among them.
    pub(crate) confirmed: usize,
    /// What they have counted together.
    pub(crate) count: usize,
    /// Who is told in the end.
    pub(crate) purpose: RoundPurpose,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RoundPurpose {
    /// An operator's order to end sessions or to lock.
    EndSessions { ticket: Ticket },
    /// An operator's call that is answered with how many connections it was for.
    Call { asker: ConnId, noun: &'static str },
    /// An operator's publication.
    Publication(Box<EndedPublication>),
    /// An operator's call for a list.
    List(Box<OpenList>),
}

impl Nodes {
    /// `drawn` is random, and another one in each process.
    pub(crate) fn new(lease: Duration, drawn: u64) -> Self {
        Self {
            lease,
            renew_at: Instant::START,
            live: Vec::new(),
            has_twin: false,
            is_owner: false,
            owes_orders: false,
            listed_at: Instant::START,
            last_owner: None,
            suspects: BTreeMap::new(),
            rounds: BTreeMap::new(),
            last_round: drawn,
            told: ToldTargets::default(),
            scans: VecDeque::new(),
        }
    }

    /// For how long a lease is taken.
    pub(crate) fn lease(&self) -> Duration {
        self.lease
    }

    /// When the lease is to be renewed.
    pub(crate) fn next_renewal(&self) -> Instant {
        self.renew_at
    }

    /// Is the lease to be renewed now? Then it is for a third of its time.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.renew_at <= now;
        if is_due {
            self.renew_at = now + self.lease / 3;
        }
        is_due
    }

    /// The link is up again: the lease is renewed at once.
    pub(crate) fn renew_at_once(&mut self) {
        self.renew_at = Instant::START;
    }

    /// Those that are alive, as the engine says, which was asked at `asked_at`.
    pub(crate) fn set_live(
        &mut self,
        (now, asked_at): (Instant, Instant),
        live: Vec<NodeLease>,
        has_twin: bool,
    ) {
        self.listed_at = asked_at;
        let until = |node: &NodeLease| now + Duration::from_millis(node.remaining_ms);
        self.live = live.into_iter().map(|node| (until(&node), node)).collect();
        self.has_twin = has_twin;
    }

    /// Is it known which nodes there are?
    pub(crate) fn is_listed(&self) -> bool {
        !self.live.is_empty()
    }

    /// Has another node this one's name?
    pub(crate) fn has_twin(&self) -> bool {
        self.has_twin
    }

    /// Those that are alive, this one among them.
    pub(crate) fn live(&self, now: Instant) -> impl Iterator<Item = &NodeLease> {
        self.live.iter().filter(move |(until, _)| *until > now).map(|(_, node)| node)
    }

    /// The same, for people.
    pub(crate) fn list<'a>(
        &'a self,
        now: Instant,
        own: &'a str,
    ) -> impl Iterator<Item = ListedNode<'a>> {
        let live = self.live.iter().filter(move |(until, _)| *until > now);
        live.map(move |(until, node)| ListedNode {
            name: &node.name,
            is_self: node.name == own,
            lease_ms: u64::try_from(until.since(now).as_millis()).unwrap_or(u64::MAX),
            info: NodeInfo { run: 0, ..node_info(&node.info) },
        })
    }

    /// Those that are alive, with what their processes have drawn.
    pub(crate) fn runs(&self, now: Instant) -> BTreeMap<SmolStr, u64> {
        self.live(now).map(|node| (node.name.clone(), run_of(&node.info))).collect()
    }

    pub(crate) fn is_live(&self, now: Instant, name: &str) -> bool {
        self.live(now).any(|node| node.name == name)
    }

    /// Is the lease of `name` over? The list at hand does not tell: that node may have come after it,
    /// and this one may have been away. So the answer is no until another list has come.
    pub(crate) fn is_gone(&mut self, now: Instant, name: &SmolStr) -> bool {
        if self.is_live(now, name) {
            self.suspects.remove(name);
            return false;
        }
        let since = *self.suspects.entry(name.clone()).or_insert(now);
        if since == now {
            self.renew_at_once();
        }
        let is_gone = self.listed_at >= since && since < now;
        if is_gone {
            self.suspects.remove(name);
        }
        is_gone
    }

    /// A number that no round has, nor has had.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.last_round = self.last_round.wrapping_add(1);
        self.last_round
    }

    /// Begins a round in which `own` has done its part, for `count` connections. Its number.
    pub(crate) fn begin_round(
        &mut self,
        now: Instant,
        (own, count): (&SmolStr, usize),
        purpose: RoundPurpose,
    ) -> u64 {
        let number = self.next_number();
        let names = self.live(now).map(|node| &node.name);
        // Another process of this name answers under it, too.
        let expected = names.filter(|name| self.has_twin || *name != own).cloned().collect();
        let (until, is_published) = (now + ROUND, false);
        let round = ClusterRound { until, is_published, expected, confirmed: 1, count, purpose };
        self.rounds.insert(number, round);
        number
    }

    /// Begins a round in which all nodes, `own` among them, report a part of a list. Its number.
    pub(crate) fn begin_list(&mut self, now: Instant, own: &SmolStr, list: OpenList) -> u64 {
        let number = self.begin_round(now, (own, 0), RoundPurpose::List(Box::new(list)));
        if let Some(round) = self.rounds.get_mut(&number) {
            round.confirmed = 0;
            if !round.expected.contains(own) {
                round.expected.push(own.clone());
            }
            // If it does not reach the engine, nobody answers but this node.
            round.is_published = true;
        }
        number
    }

    /// What a node reports of a list.
    pub(crate) fn listed(&mut self, part: ListPart) {
        let (number, node) = (part.round, part.node.clone());
        let round = self.rounds.get_mut(&number);
        if let Some(RoundPurpose::List(list)) = round.map(|round| &mut round.purpose)
            && list.take(part)
        {
            self.confirmed(number, &node, 0);
        }
    }

    /// Drops the lists that nobody waits for, and what `own` looks up for them, so that a caller who hangs
    /// up has no more of them than there are connections.
    pub(crate) fn drop_lists(&mut self, own: &str, is_awaited: impl Fn(&OpenList) -> bool) {
        self.rounds.retain(|_, round| match &round.purpose {
            RoundPurpose::List(list) => is_awaited(list),
            _ => true,
        });
        let rounds = &self.rounds;
        self.scans.retain(|scan| {
            let ListQuestion { node, round, .. } = &scan.question;
            node != own || rounds.contains_key(round)
        });
    }

    /// Another node asks for a part of a list. Beyond [`MAX_SCANS`] or [`MAX_SCANS_OF_A_NODE`] it gets none.
    pub(crate) fn asked_for_list(&mut self, question: ListQuestion, until: Instant) {
        let of_node = self.scans.iter().filter(|scan| scan.question.node == question.node).count();
        if self.scans.len() < MAX_SCANS && of_node < MAX_SCANS_OF_A_NODE {
            self.scans.push_back(ListScan::new(question, until));
        }
    }

    #[cfg(test)]
    pub(crate) fn open_rounds(&self) -> usize {
        self.rounds.len()
    }

    #[cfg(test)]
    pub(crate) fn last_round(&self) -> u64 {
        self.last_round
    }

    /// The engine has what the round is about: the others hear of it, be it later.
    pub(crate) fn round_published(&mut self, number: u64) {
        if let Some(round) = self.rounds.get_mut(&number) {
            round.is_published = true;
        }
    }

    /// `node` has done its part.
    pub(crate) fn confirmed(&mut self, number: u64, node: &str, count: usize) {
        let Some(round) = self.rounds.get_mut(&number) else { return };
        let before = round.expected.len();
        round.expected.retain(|name| name != node);
        if round.expected.len() < before {
            round.confirmed += 1;
            round.count += count;
        }
    }

    /// The round cannot take place.
    pub(crate) fn fail_round(&mut self, number: u64) -> Option<ClusterRound> {
        self.rounds.remove(&number)
    }

    /// A round in which all have answered, or whose time is over; with it comes how many nodes there
    /// are.
    pub(crate) fn take_ended(&mut self, now: Instant) -> Option<(ClusterRound, usize)> {
        let is_over = |(_, round): &(&u64, &ClusterRound)| {
            round.is_published && (round.expected.is_empty() || round.until <= now)
        };
        let number = *self.rounds.iter().find(is_over)?.0;
        let round = self.rounds.remove(&number)?;
        let nodes = round.confirmed + round.expected.len();
        Some((round, nodes))
    }

    /// When the next round's time is over, or a list is to be looked up: at once.
    pub(crate) fn next_round(&self) -> Option<Instant> {
        if !self.scans.is_empty() {
            return Some(Instant::START);
        }
        let end = |round: &ClusterRound| {
            if round.expected.is_empty() { Instant::START } else { round.until }
        };
        self.rounds.values().filter(|round| round.is_published).map(end).min()
    }
}

/// What the process has drawn that tells this of itself.
pub(crate) fn run_of(info: &[u8]) -> u64 {
    node_info(info).run
}

/// What a node tells of itself.
pub(crate) fn node_info(info: &[u8]) -> NodeInfo {
    serde_json::from_slice(info).unwrap_or_default()
}

#[cfg(test)]
mod tests;
