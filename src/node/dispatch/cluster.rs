//! The cluster's link: what the engine says becomes calls on rooms, questions and orders.

mod chat;
mod follow;
mod gossip;
mod lists;
mod orders;
mod publications;
mod revocations;
mod user_counts;

use smol_str::SmolStr;

use crate::bus::{BusCommand, BusEvent, BusFault, BusReply, LogEntry, LogName};
use crate::config::counted;
use crate::id::Slot;
use crate::node::Node;
use crate::node::cluster::control;
use crate::node::cluster::nodes::{ListedNode, NodeInfo, run_of};
use crate::node::cluster::room_states::{EntryStep, RoomVisit};
use crate::node::cluster::{COMMAND_TIME, Pending};
use crate::node::work::port::{BusInput, BusOrder};
use crate::time::Now;

/// Rooms that are looked at in one call; what is left is due at once again.
const ROOMS_A_CALL: usize = 64;

/// For whoever has a socket to the engine.
impl Node {
    /// Something has happened to the connection to the engine. Without `[cluster]`, nothing is done.
    pub fn handle_bus(&mut self, now: Now, input: BusInput<'_>) {
        self.cx.now = now;
        let Some(cluster) = &mut self.cluster else { return };
        match input {
            BusInput::Connected => cluster.link.connected(now.monotonic),
            BusInput::Bytes(bytes) => cluster.link.received(now.monotonic, bytes),
            BusInput::Lost(why) => cluster.link.lost(now.monotonic, why),
        }
        self.serve_link();
        self.enforce_budgets();
    }

    /// The next thing to do about that connection; `None`: nothing more for now.
    pub fn poll_bus(&mut self) -> Option<BusOrder> {
        self.cluster.as_mut()?.orders.pop_front()
    }

    /// What is to be written to the engine. Say with [`Node::consume_bus_output`] how much went.
    #[must_use]
    pub fn bus_output(&self) -> &[u8] {
        self.cluster.as_ref().map_or(&[], |cluster| cluster.link.output())
    }

    /// So many bytes of the output are written.
    pub fn consume_bus_output(&mut self, bytes: usize) {
        if let Some(cluster) = &mut self.cluster {
            cluster.link.written(bytes);
        }
    }

    /// The node ends: its lease does, too. For a driver that writes this once more.
    pub fn leave_cluster(&mut self, now: Now) {
        if let Some(cluster) = &mut self.cluster {
            cluster.send_off(now.monotonic, BusCommand::Leave, COMMAND_TIME);
        }
    }

    /// The password that the engine asks for, from the next connection on.
    pub fn set_bus_password(&mut self, now: Now, password: Option<String>) {
        if let Some(cluster) = &mut self.cluster {
            cluster.link.set_password(now.monotonic, password);
        }
    }
}

impl Node {
    /// Does what is due in the cluster.
    pub(crate) fn cluster_due(&mut self) {
        let now = self.cx.now.monotonic;
        let Some(cluster) = &mut self.cluster else { return };
        cluster.link.handle_timeout(now);
        if cluster.link.is_up() && cluster.nodes.is_due(now) {
            self.renew_lease();
            self.make_up_for_orders();
            self.send_owed();
        }
        while let Some(ticket) = self.cluster.as_mut().and_then(|it| it.next_elsewhere(now)) {
            self.publish_again(ticket);
        }
        self.end_patience();
        self.compare_heads();
        self.visit_rooms();
        self.scan_lists();
        self.end_rounds();
        self.fence();
        self.gossip();
        self.serve_link();
    }

    /// Renews this node's lease, with what the others see of it. An order that was missed shows then,
    /// too.
    fn renew_lease(&mut self) {
        let now = self.cx.now.monotonic;
        let info = NodeInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            connections: self.connections.public(),
            rooms: self.rooms.rooms.len(),
            users: self.rooms.users.len(),
            run: self.cluster.as_ref().map_or(0, |cluster| cluster.run),
            owner: self.cluster.as_ref().is_some_and(|cluster| cluster.nodes.is_owner),
        };
        let Some(cluster) = &mut self.cluster else { return };
        if !std::mem::replace(&mut cluster.hears_orders, true) {
            let command = BusCommand::Subscribe(vec![LogName::Control]);
            let _ = cluster.link.send(now, 0, command, now);
        }
        let ttl = u64::try_from(cluster.nodes.lease().as_millis()).unwrap_or(u64::MAX);
        let command = BusCommand::Lease { ttl_ms: ttl, info: control::write(&info) };
        let pending = Pending::Lease { asked_at: now };
        let _ = cluster.send(now, command, (pending, now + COMMAND_TIME));
        // The announcement of an order may be lost, and no later one may come to show it; or the engine has
        // refused to have the log or the revocations read before.
        self.read_control();
        self.repeat_revocations();
    }

    /// This node's name in the cluster. `None`: the server is alone.
    pub(crate) fn cluster_name(&self) -> Option<&str> {
        self.cluster.as_ref().map(|cluster| &*cluster.name)
    }

    /// The nodes that are alive, and this one's name. `None`: the server is alone.
    pub(crate) fn cluster_nodes(&self, now: Now) -> Option<(&str, Vec<ListedNode<'_>>)> {
        let cluster = self.cluster.as_ref()?;
        Some((&cluster.name, cluster.nodes.list(now.monotonic, &cluster.name).collect()))
    }

    /// Handles all that the link has to say.
    fn serve_link(&mut self) {
        while let Some(event) = self.cluster.as_mut().and_then(|cluster| cluster.link.poll()) {
            match event {
                BusEvent::Connect { address } => self.order_bus(BusOrder::Connect { address }),
                BusEvent::Disconnect => self.order_bus(BusOrder::Disconnect),
                BusEvent::Up => self.link_is_up(),
                BusEvent::Down { reason } => self.link_is_down(&reason),
                BusEvent::Subscribed(LogName::Room(room)) => self.room_subscribed(&room),
                BusEvent::Subscribed(LogName::Control) => self.read_control(),
                BusEvent::NotSubscribed { log, fault } => self.not_subscribed(&log, &fault),
                BusEvent::Entry { log: LogName::Room(room), entry } => {
                    self.announced(&room, &entry)
                }
                BusEvent::Entry { log: LogName::Control, entry } => self.ordered(&entry),
                BusEvent::Told { payload } => self.told_by_node(&payload),
                BusEvent::Reply { to, result } => self.bus_answered(to, result),
            }
        }
    }

    fn order_bus(&mut self, order: BusOrder) {
        if let Some(cluster) = &mut self.cluster {
            cluster.orders.push_back(order);
        }
    }

    fn link_is_up(&mut self) {
        let now = self.cx.now.monotonic;
        let Some(cluster) = &mut self.cluster else { return };
        if std::mem::take(&mut cluster.tells_return) {
            log::info!("the node is connected to the cluster's engine as {}", cluster.name);
        }
        cluster.down_since = None;
        cluster.is_fenced = false;
        cluster.nodes.renew_at_once();
        cluster.rooms.history.forget();
        // First: what rooms are read for depends on it.
        let engine = (Pending::Engine, now + COMMAND_TIME);
        let _ = cluster.send(now, BusCommand::Inspect, engine);
        // What the engine has refused before is not wanted any more, as far as the link knows.
        let refused = cluster.rooms.take_all_unsubscribed().into_iter().map(LogName::Room);
        let _ = cluster.link.send(now, 0, BusCommand::Subscribe(refused.collect()), now);
        let control = BusCommand::Subscribe(vec![LogName::Control]);
        let _ = cluster.link.send(now, 0, control, now);
        // First: rooms are read behind it, so who waits for one is admitted with these in force. What
        // is ordered from now on is read again when the log is subscribed to.
        self.read_control();
        self.send_owed();
        self.rooms.remote.begin(now);
        if let Some(cluster) = &self.cluster {
            self.gate.user_limit.elsewhere.begin(now, &cluster.name);
        }
    }

    fn link_is_down(&mut self, reason: &str) {
        let now = self.cx.now.monotonic;
        let Some(cluster) = &mut self.cluster else { return };
        cluster.down_reason = reason.into();
        if cluster.down_since.is_none() {
            (cluster.down_since, cluster.is_patient) = (Some(now), true);
        }
        // It is tried again and again, and the cause may be another one by now.
        if let Some(count) = cluster.losses.count(now) {
            cluster.tells_return = true;
            let times = counted(count, "time");
            log::warn!(
                "the cluster's engine is not reached ({times} since the last such line): {reason}"
            );
        }
        cluster.rooms.lose_all();
        self.rooms.remote.pause();
        self.count_users_alone();
    }

    /// Joins go on where the link is down for long.
    fn end_patience(&mut self) {
        let now = self.cx.now.monotonic;
        let Some(cluster) = &mut self.cluster else { return };
        if cluster.patience_ends().is_some_and(|at| at <= now) {
            cluster.is_patient = false;
            let (early, waiting) =
                (std::mem::take(&mut cluster.early), cluster.rooms.take_waiting());
            early.into_iter().for_each(|id| self.revocations_are_read(id));
            waiting.into_iter().for_each(|id| self.room_is_read(id));
        }
    }

    /// An answer of the engine.
    fn bus_answered(&mut self, number: u64, result: Result<BusReply, BusFault>) {
        let (Some(cluster), now) = (&mut self.cluster, self.cx.now.monotonic) else { return };
        let pending = cluster.take_pending(now, number, &result);
        match pending {
            Some(Pending::Chat { ticket }) => self.chat_published(ticket, result),
            Some(Pending::Claim { ticket }) => self.chat_claimed(ticket, &result),
            Some(Pending::News { room }) => self.news_published(&room, &result),
            Some(Pending::Told { target }) => self.target_told(target, &result),
            Some(Pending::Break { room }) => self.room_broken(&room, &result),
            Some(Pending::Read { room, head }) => {
                if let Some(cluster) = &mut self.cluster {
                    cluster.reads = cluster.reads.saturating_sub(1);
                }
                self.room_read(&room, head, result);
                self.read_queued();
            }
            Some(Pending::Compare { room }) => self.compared(&room, &result),
            Some(Pending::Revocations { reading }) => self.revocations_read(reading, result),
            Some(Pending::Control) => self.control_read(result),
            Some(Pending::Revocation { ticket, user, at, count }) => {
                self.revocation_kept(ticket, (user, at, count), &result);
            }
            Some(Pending::Order { round }) => self.order_published(round, &result),
            Some(Pending::Answer { id }) => self.answer_kept(id, &result),
            Some(Pending::Key { publication, ticket }) => {
                self.key_taken(publication, ticket, result);
            }
            // It was done, whether that is known to the others or not.
            Some(Pending::KeyKept { ended }) => self.tell_published(*ended),
            Some(Pending::Release { key }) => self.key_released(key, &result),
            Some(Pending::Lease { asked_at }) => {
                if let (Some(cluster), Ok(BusReply::Nodes { live, taken_from })) =
                    (&mut self.cluster, result)
                {
                    let times = (self.cx.now.monotonic, asked_at);
                    let before = cluster.nodes.runs(times.0);
                    let twin = taken_from.is_some_and(|info| run_of(&info) != cluster.run);
                    cluster.take_nodes(times, live, twin);
                    self.nodes_listed(asked_at, &before);
                }
            }
            Some(Pending::Engine) => self.engine_inspected(result),
            Some(Pending::Nothing) | None => {}
        }
    }

    /// An update of a room could not be published: the room is broken when the link is up again. While 256
    /// rooms are broken, one that is not followed here is left: its update is counted and logged only.
    fn news_published(&mut self, room: &SmolStr, result: &Result<BusReply, BusFault>) {
        if let Err(fault) = result {
            self.cx.metrics.cluster_unpublished += 1;
            log::debug!("an update was not published: {fault}");
            let now = self.cx.now.monotonic;
            let Some(cluster) = &mut self.cluster else { return };
            if cluster.rooms.set_broken(now, room) && cluster.link.is_up() {
                cluster.subscribe(now, room);
            }
        }
    }

    /// A log cannot be listened to.
    fn not_subscribed(&mut self, log: &LogName, fault: &BusFault) {
        let now = self.cx.now.monotonic;
        let Some(cluster) = &mut self.cluster else { return };
        if let Some(count) = cluster.refusals.count(now) {
            let subscriptions = counted(count, "subscription");
            log::warn!("the cluster's engine refuses {subscriptions}: {fault}");
        }
        match log {
            LogName::Room(room) => {
                cluster.rooms.set_unsubscribed(room);
                self.lose_room(room);
            }
            LogName::Control => cluster.hears_orders = false,
        }
    }

    /// Reads a room again that could not be read, or subscribes to it where the engine has refused that.
    /// While the link is down nothing is done: it begins with all rooms when it is up.
    fn read_again(&mut self, room: SmolStr) {
        let now = self.cx.now.monotonic;
        let Some(cluster) = self.cluster.as_mut().filter(|it| it.link.is_up()) else { return };
        if cluster.rooms.take_unsubscribed(&room) {
            cluster.subscribe(now, &room);
        } else {
            self.read_soon(&room);
        }
    }

    fn compare_heads(&mut self) {
        let now = self.cx.now.monotonic;
        for _ in 0..ROOMS_A_CALL {
            let Some(cluster) = &mut self.cluster else { return };
            match cluster.rooms.next_compare(now) {
                Some(RoomVisit::Compare(room, head)) => cluster.compare_room(now, room, head),
                Some(RoomVisit::Read(room)) => self.read_again(room),
                Some(_) => {}
                None => return,
            }
        }
    }

    /// Looks whether somebody is in the rooms that are followed.
    fn visit_rooms(&mut self) {
        let now = self.cx.now.monotonic;
        let joins = 2 * self.cx.policy.answer_timeout;
        for _ in 0..ROOMS_A_CALL {
            let Self { cluster: Some(cluster), rooms, .. } = self else { return };
            match cluster.rooms.visit(now, joins, |room| rooms.rooms.count(room) > 0) {
                None => return,
                Some(RoomVisit::Nothing) => {}
                Some(RoomVisit::Read(room)) => self.read_again(room),
                Some(RoomVisit::Compare(room, head)) => cluster.compare_room(now, room, head),
                Some(RoomVisit::Drop(room)) => {
                    rooms.logs.forget(&room);
                    let command = BusCommand::Unsubscribe(vec![LogName::Room(room)]);
                    let _ = cluster.link.send(now, 0, command, now);
                }
            }
        }
    }

    /// The head of a room was compared: what is behind it was announced, and did not arrive.
    fn compared(&mut self, room: &SmolStr, result: &Result<BusReply, BusFault>) {
        let Some(cluster) = &self.cluster else { return };
        let Some(head) = cluster.rooms.head(room) else { return };
        let Ok(BusReply::Entries { base, entries, follows, .. }) = result else { return };
        let newest = entries.last().map_or(*base, |entry| entry.position);
        // What came while the question was under way was announced behind it.
        let is_behind = newest.distance_from(head).is_some_and(|distance| distance > 0);
        if !follows || is_behind || cluster.rooms.is_broken(room) {
            self.read_soon(room);
        }
    }

    /// The connections that are in their rooms.
    fn authenticated(&self) -> Vec<Slot> {
        let all = self.connections.iter();
        let members = all.filter(|(_, it)| it.session.phase().is_authenticated());
        members.map(|(slot, _)| slot).collect()
    }

    /// An entry of a room was announced.
    fn announced(&mut self, room: &SmolStr, entry: &LogEntry) {
        let now = self.cx.now.monotonic;
        let Some(cluster) = &mut self.cluster else { return };
        match cluster.rooms.announced(now, room, entry) {
            EntryStep::Ignore | EntryStep::Skip => {}
            EntryStep::Deliver => self.deliver_entry(room, entry),
            EntryStep::Break => self.break_room_here(room, entry.position),
            EntryStep::Read => {
                self.cx.metrics.cluster_gaps += 1;
                self.read_soon(room);
            }
        }
    }
}
