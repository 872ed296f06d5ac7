//! Rooms that are followed in the engine: joined when they were read, delivered entry by entry, and
//! broken where something is missing that cannot be read.

use smol_str::SmolStr;

use crate::bus::{BusFault, BusReply, EntryKind, LogEntry};
use crate::id::{ConnId, Slot};
use crate::node::Node;
use crate::node::cluster::room_states::{EntryStep, FollowState, LinkView, Wanted};
use crate::node::cluster::{READS_AT_ONCE, SessionToken};
use crate::node::connections::frame::Shared;
use crate::node::connections::waiting::{AcceptedAuth, PendingAuth};
use crate::node::gate::user_limit::look_again;
use crate::node::planted::Planted;
use crate::node::rooms::Outgoing;
use crate::node::rooms::deliveries::Delivered;
use crate::protocol::{CloseReason, Position};

impl Node {
    /// Has the room that `slot` wants to join followed. `None`: it waits until that room was read, or
    /// was refused.
    pub(crate) fn follow_room(
        &mut self,
        slot: Slot,
        accepted: AcceptedAuth,
    ) -> Option<AcceptedAuth> {
        let Self { cx, connections, cluster: Some(cluster), rooms, .. } = self else {
            return Some(accepted);
        };
        let issued = accepted.principal.issue_time();
        cluster.sessions.insert(slot, SessionToken { accepted_at: cx.now.unix, issued });
        let Some(room) = connections.wanted_name(slot).cloned() else {
            return Some(accepted); // It is in its room.
        };
        let (now, id) = (cx.now.monotonic, connections.id_of(slot));
        if !cluster.has_revocations {
            // Nobody knows yet whether the sessions of this user were ended.
            if cluster.view() == LinkView::Down {
                cx.metrics.cluster_refused += 1;
                self.refuse_place(slot, &accepted, CloseReason::BackendUnavailable);
            } else {
                cluster.early.insert(id);
                self.wait_for_room(slot, accepted);
            }
            return None;
        }
        let link = cluster.view();
        let seen = connections.get(slot).and_then(|it| it.waiting.as_ref()?.resume.as_ref()?.seen);
        match cluster.rooms.want(now, &room, (id, seen), link) {
            Wanted::Ready => {
                if let Some(head) = cluster.rooms.head(&room) {
                    let until = now + cx.policy.resume_window;
                    rooms.logs.ensure(&room, head, (until, cx.policy.history_bytes));
                }
                return Some(accepted);
            }
            Wanted::Wait => {}
            Wanted::Subscribe if cx.fault.is(Planted::ReadBeforeSubscribed) => {
                let _ = cluster.read_room(now, &room);
            }
            Wanted::Subscribe => {
                cluster.subscribe(now, &room);
                if link == LinkView::Down {
                    return Some(accepted);
                }
            }
            Wanted::Read => {
                self.wait_for_room(slot, accepted);
                self.read_soon(&room);
                return None;
            }
        }
        self.wait_for_room(slot, accepted);
        None
    }

    fn wait_for_room(&mut self, slot: Slot, accepted: AcceptedAuth) {
        if let Some(connection) = self.connections.get_mut(slot) {
            let place = PendingAuth::Room(Box::new(accepted));
            connection.waiting.get_or_insert_default().set_auth(place);
        }
        self.connections.weigh_input(slot);
    }

    /// The engine has said what it is, or has not.
    pub(super) fn engine_inspected(&mut self, result: Result<BusReply, BusFault>) {
        if let (Some(cluster), Ok(BusReply::Inspected(engine))) = (&mut self.cluster, result) {
            cluster.rooms.history.set(engine.history);
        }
    }

    /// The room of a connection that waits for it was read, or cannot be.
    pub(super) fn room_is_read(&mut self, id: ConnId) {
        if let Some(accepted) = self.wake(id) {
            self.ask_application(id.slot(), accepted);
        }
    }

    /// The revocations were read, or cannot be.
    pub(super) fn revocations_are_read(&mut self, id: ConnId) {
        if let Some(accepted) = self.wake(id) {
            self.ask_to_join(id.slot(), accepted);
        }
    }

    /// A connection waits no longer. `None`: it is gone, or refused by now.
    fn wake(&mut self, id: ConnId) -> Option<AcceptedAuth> {
        let Self { cx, connections, gate, .. } = self;
        let connection = connections.find_mut(id)?;
        let accepted = connection.waiting.as_mut().and_then(|it| it.take_room())?;
        let Some(reason) = look_again(cx, connections, &gate.tokens, id, &accepted) else {
            return Some(accepted);
        };
        self.refuse_place(id.slot(), &accepted, reason);
        None
    }

    /// What comes of `room` is announced from now on.
    pub(super) fn room_subscribed(&mut self, room: &SmolStr) {
        let Some(cluster) = &mut self.cluster else { return };
        let was_read = self.cx.fault.is(Planted::ReadBeforeSubscribed);
        if !was_read || cluster.rooms.state(room) == Some(FollowState::Lost) {
            self.read_soon(room);
        }
    }

    /// Reads what the log of `room` has behind what this node has delivered, when fewer rooms are being
    /// read.
    pub(super) fn read_soon(&mut self, room: &SmolStr) {
        if let Some(cluster) = &mut self.cluster {
            cluster.rooms.queue_read(room);
        }
        self.read_queued();
    }

    /// Reads the rooms that wait for it, as many as may be read at once.
    pub(super) fn read_queued(&mut self) {
        while let Some(cluster) = &mut self.cluster
            && cluster.reads < READS_AT_ONCE
            && let Some(room) = cluster.rooms.next_read()
        {
            self.read_room(&room);
        }
    }

    fn read_room(&mut self, room: &SmolStr) {
        let now = self.cx.now.monotonic;
        let Some(cluster) = &mut self.cluster else { return };
        if cluster.read_room(now, room).is_err() {
            self.lose_room(room);
        }
    }

    /// The room cannot be read: who waits for it joins all the same.
    pub(super) fn lose_room(&mut self, room: &SmolStr) {
        let now = self.cx.now.monotonic;
        let waiting = self.cluster.as_mut().map(|cluster| cluster.rooms.lose(now, room));
        for id in waiting.unwrap_or_default() {
            self.room_is_read(id);
        }
    }

    /// The log of a room was read, from `asked` on. An answer to an earlier question is passed over:
    /// what it brings was delivered.
    pub(super) fn room_read(
        &mut self,
        room: &SmolStr,
        asked: Option<Position>,
        result: Result<BusReply, BusFault>,
    ) {
        let Some(cluster) = &mut self.cluster else { return };
        let is_reading = cluster.rooms.state(room) == Some(FollowState::Reading);
        if !is_reading || cluster.rooms.head(room) != asked {
            return;
        }
        let Ok(BusReply::Entries { base, entries, follows, adopted }) = result else {
            return self.lose_room(room);
        };
        let newest = entries.last().map_or(base, |entry| entry.position);
        if self.cx.fault.is(Planted::ReadBeforeSubscribed) {
            cluster.subscribe(self.cx.now.monotonic, room);
        }
        match cluster.rooms.head(room) {
            Some(_) if !follows && self.cx.fault.is(Planted::GoesOnAfterFailOver) => {}
            Some(head) if !follows && self.cx.fault.is(Planted::EntriesByNumber) => {
                let is_new = |entry: &&LogEntry| entry.position.number() > head.number();
                for entry in entries.iter().filter(is_new) {
                    self.deliver_read(room, entry);
                }
            }
            Some(_) if follows => {
                for entry in &entries {
                    self.deliver_read(room, entry);
                }
            }
            // The engine has dropped what this node did not get in time, as a log has a bound: the others have it.
            Some(head)
                if base.number() > head.number() && cluster.rooms.is_of_this_history(room) =>
            {
                self.cx.metrics.cluster_breaks += 1;
                self.mirror(room, base, &entries);
                self.close_members(room);
            }
            Some(_) => {
                // The engine has lost what this node has delivered. Other nodes may not have got it,
                // and nobody can tell them.
                self.cx.metrics.cluster_breaks += 1;
                self.mirror(room, base, &entries);
                self.close_members(room);
                let now = self.cx.now.monotonic;
                if let Some(cluster) = &mut self.cluster {
                    cluster.break_room(now, room, newest);
                }
            }
            None => {
                self.mirror(room, base, &entries);
                // Who came while the link was down does not know what was said since, where something
                // was.
                if !adopted {
                    self.close_members(room);
                }
            }
        }
        let now = self.cx.now.monotonic;
        let Some(cluster) = &mut self.cluster else { return };
        let is_broken = cluster.rooms.take_broken(room);
        let waiting = cluster.rooms.read(now, room, newest);
        if is_broken {
            cluster.break_room(now, room, newest);
        }
        for id in waiting {
            self.room_is_read(id);
        }
    }

    fn deliver_read(&mut self, room: &SmolStr, entry: &LogEntry) {
        let Some(cluster) = &mut self.cluster else { return };
        match cluster.rooms.advance(room, entry) {
            EntryStep::Break => self.break_room_here(room, entry.position),
            EntryStep::Deliver => self.deliver_entry(room, entry),
            EntryStep::Ignore | EntryStep::Skip | EntryStep::Read => {}
        }
    }

    /// Takes the log of a room over as it was read.
    fn mirror(&mut self, room: &SmolStr, base: Position, entries: &[LogEntry]) {
        let is_break = |entry: &LogEntry| entry.kind == EntryKind::Break;
        let broken = entries.iter().rposition(is_break);
        let base = broken.and_then(|at| entries.get(at)).map_or(base, |entry| entry.position);
        let behind = entries.get(broken.map_or(0, |at| at + 1)..).unwrap_or_default();
        let frames: Vec<_> = behind.iter().map(|it| (it.position, self.frame_of(it))).collect();
        let Self { cx, rooms, .. } = self;
        let frames = frames.into_iter().map(|(position, frame)| (position, Box::from(&*frame)));
        let bounds = (cx.now.monotonic + cx.policy.resume_window, cx.policy.history_bytes);
        rooms.logs.restore((room.clone(), base), frames, bounds);
        if rooms.rooms.count(room) > 0 {
            rooms.logs.joined(room, false, cx.policy.history_bytes);
        }
    }

    /// A room was broken, or not: something was said in it meanwhile, or the engine has refused it.
    pub(super) fn room_broken(&mut self, room: &SmolStr, result: &Result<BusReply, BusFault>) {
        let now = self.cx.now.monotonic;
        let Some(cluster) = &mut self.cluster else { return };
        match result {
            Ok(BusReply::Moved { head }) if cluster.rooms.is_breaking(room) => {
                cluster.break_room(now, room, *head);
            }
            Ok(_) => {}
            Err(_) => {
                cluster.rooms.set_broken(now, room);
            }
        }
    }

    /// Hands the entry to its room's members, but for whoever has said it.
    pub(super) fn deliver_entry(&mut self, room: &SmolStr, entry: &LogEntry) {
        let frame = self.frame_of(entry);
        let Self { cx, connections, cluster: Some(cluster), rooms, .. } = self else { return };
        let except = cluster.own_sender(&entry.origin);
        let kind = if entry.frame.starts_with(CHAT) { Delivered::Chat } else { Delivered::Update };
        let message = (Some(entry.position), frame, kind);
        rooms.distribute(cx, connections, room, except, message);
        self.close_slow_members();
    }

    /// What was before the entry at `position` cannot be told to those who are here.
    pub(super) fn break_room_here(&mut self, room: &SmolStr, position: Position) {
        self.cx.metrics.cluster_breaks += 1;
        self.mirror(room, position, &[]);
        self.close_members(room);
    }

    /// Closes the connections in `room`, which have perhaps missed something: their clients begin
    /// anew.
    pub(crate) fn close_members(&mut self, room: &str) {
        let members: Vec<Slot> = self.rooms.rooms.members(room).collect();
        for slot in members {
            self.close(slot, CloseReason::MessagesMissed);
        }
    }

    /// Publishes what this node has to say to rooms, in the cluster.
    pub(crate) fn publish_outgoing(&mut self) {
        let now = self.cx.now.monotonic;
        while let Some(outgoing) = self.rooms.next_outgoing() {
            let Some(cluster) = &mut self.cluster else { return };
            let Outgoing { room, except, text } = outgoing;
            if let Err(fault) = cluster.publish_news(now, &room, (except, text)) {
                self.news_published(&room, &Err(fault));
            }
        }
    }

    /// The frame of an entry, with its position.
    fn frame_of(&mut self, entry: &LogEntry) -> Shared {
        let text = entry.frame.strip_suffix(b"}}").unwrap_or(&entry.frame);
        self.cx.encoder.text(|buffer| {
            buffer.extend_from_slice(text);
            buffer
                .extend_from_slice(format!(",\"position\":\"{}\"}}}}", entry.position).as_bytes());
        })
    }
}

/// What the text of a chat message begins with.
const CHAT: &[u8] = b"{\"type\":\"chat_message\"";
