//! What this node and the others tell each other of who is in which room: see
//! [`remote_presence`](super::remote_presence).

use smol_str::SmolStr;

use super::remote_presence::{
    Addressee, BYTES_A_CALL, GATHERED, INTERVAL, LIST_BYTES, REPAIR, ROOMS_A_CALL, RemoteUsers,
    RoomWord, SharedRoom, list_bytes,
};
use crate::node::context::Cx;
use crate::node::planted::Planted;
use crate::node::rooms::Rooms;
use crate::time::Instant;

impl Rooms {
    /// The users of a room have changed here. `is_first`: its first member has come. `watchers`: the
    /// first watcher has come (true), or the last has left.
    pub(super) fn share_presence(
        &mut self,
        now: Instant,
        name: &SmolStr,
        (is_first, watchers): (bool, Option<bool>),
    ) {
        match watchers {
            Some(false) => self.remote.unwatched(now, name),
            Some(true) => self.remote.ask(now, name),
            None if is_first => self.remote.ask(now, name),
            None => {}
        }
        self.remote.changed(now, name);
    }

    /// What `node` says of a room to `own`, in the process that has drawn `run`.
    pub(crate) fn hear_of_room(
        &mut self,
        cx: &Cx,
        own: &SmolStr,
        (node, run): (&SmolStr, u64),
        word: RoomWord,
    ) {
        let (now, most) = (cx.now.monotonic, cx.policy.presence_members);
        let RoomWord { room: name, watches, asks, expects, connections, users } = word;
        let group = self.rooms.number_of(&name);
        if !self.has_presence(&name) {
            // What is remembered of a room goes when it is looked at next.
            if expects.contains(own) {
                self.remote.deny(node, name);
            }
            return;
        }
        let is_watched = group.is_some_and(|group| self.watched.is_listed(group).is_some());
        let room = self.remote.rooms.entry(name.clone()).or_default();
        let known = room.nodes.entry(node.clone()).or_default();
        let mut is_new = known.run != run && known.connections > 0;
        if known.run != run {
            *known = RemoteUsers { run, ..RemoteUsers::default() };
        }
        let was_watching = std::mem::replace(&mut known.watches, watches);
        known.heard = Some(now);
        known.is_owed |= watches && (asks || !was_watching) || asks && is_watched;
        if let Some(mut connections) = connections.filter(|_| is_watched) {
            if cx.fault.is(Planted::CountsAddedUp) {
                connections = connections.saturating_add(known.connections);
            }
            let users = users.filter(|users| users.len() <= most);
            let wants_list = users.is_some();
            is_new |= known.connections != connections;
            known.connections = connections;
            let room_left = (&self.remote.held, cx.policy.cluster_presence_bytes);
            is_new |= known.set_users(users, room_left);
            self.remote.refused += u64::from(wants_list && known.users.is_none());
        }
        self.remote.schedule(now, &name);
        if let Some(group) = group.filter(|_| is_new) {
            self.watched.changed(now, group);
        }
    }

    /// Forgets what nodes have said that are gone: it is told their name, their run, and when they were
    /// heard.
    pub(crate) fn forget_presence(
        &mut self,
        now: Instant,
        is_gone: impl Fn(&SmolStr, u64, Instant) -> bool,
    ) {
        let mut changed = Vec::new();
        for (name, room) in &mut self.remote.rooms {
            let before = room.nodes.len();
            let heard = |node: &RemoteUsers| node.heard.unwrap_or(Instant::START);
            room.nodes.retain(|name, node| !is_gone(name, node.run, heard(node)));
            if room.nodes.len() < before {
                changed.push(name.clone());
            }
        }
        for name in changed {
            self.remote.schedule(now, &name);
            if let Some(group) = self.rooms.number_of(&name) {
                self.watched.changed(now, group);
            }
        }
    }

    /// Forgets all that was said, as nobody can tell whether the others are alive.
    pub(crate) fn forget_all_presence(&mut self, now: Instant) {
        for (name, room) in std::mem::take(&mut self.remote.rooms) {
            if let Some(group) = self.rooms.number_of(&name).filter(|_| !room.nodes.is_empty()) {
                self.watched.changed(now, group);
            }
        }
        self.remote.due.clear();
    }

    /// What other nodes are to be told now, as much as one call may.
    pub(crate) fn next_room_words(&mut self, cx: &Cx) -> Vec<(Addressee, RoomWord)> {
        let now = cx.now.monotonic;
        let mut words = Vec::new();
        if self.remote.next().is_none_or(|at| at > now) {
            return words;
        }
        if cx.policy.presence_members == 0 {
            // As if it had never been: clients are told of nobody.
            self.remote.clear(now);
            return words;
        }
        self.remote.next_call = Some(now + GATHERED);
        if self.remote.repair_at.is_some_and(|at| at <= now) {
            self.remote.repair_at = Some(now + REPAIR);
            self.remote.sweep = self.remote.sweep.or(Some((0, false)));
        }
        for (node, room) in self.remote.take_denials() {
            let nobody = RoomWord { connections: Some(0), ..RoomWord::about(&room) };
            words.push((Some(node), nobody));
        }
        self.sweep_rooms(now);
        let (mut rooms, mut bytes) = (0, 0);
        while rooms < ROOMS_A_CALL && bytes < BYTES_A_CALL {
            let Some((at, _)) = self.remote.due.first() else { break };
            if *at > now {
                break;
            }
            let Some((_, name)) = self.remote.due.pop_first() else { break };
            let from = words.len();
            self.words_of(cx, name, &mut words);
            bytes += words.iter().skip(from).map(|(_, word)| word.weight()).sum::<usize>();
            rooms += 1;
        }
        words
    }

    /// Goes on asking about all rooms.
    fn sweep_rooms(&mut self, now: Instant) {
        let Some((after, with_unwatched)) = self.remote.sweep else { return };
        let page = self.rooms.page(after, ROOMS_A_CALL);
        for (name, _) in page.groups {
            let group = self.rooms.number_of(name);
            if with_unwatched || group.is_some_and(|it| self.watched.is_listed(it).is_some()) {
                self.remote.ask(now, name);
            }
        }
        self.remote.sweep = page.next.map(|after| (after, with_unwatched));
    }

    /// What is to be told of one room.
    fn words_of(&mut self, cx: &Cx, name: SmolStr, words: &mut Vec<(Addressee, RoomWord)>) {
        let now = cx.now.monotonic;
        let is_here = self.has_presence(&name);
        let group = self.rooms.number_of(&name);
        let watches = group.is_some_and(|group| self.watched.is_listed(group).is_some());
        let is_reported = self.remote.rooms.get(&name).is_some_and(SharedRoom::has_addressees);
        let report = (is_reported || !is_here).then(|| self.report_of(cx, &name, watches));
        let Some(room) = self.remote.rooms.get_mut(&name) else { return };
        room.due = None;
        let (asks, is_changed) =
            (std::mem::take(&mut room.is_asked), std::mem::take(&mut room.is_changed));
        let before = words.len();
        if asks && is_here {
            let expects = room.nodes.keys().cloned().collect();
            let question = RoomWord { watches, asks: true, expects, ..RoomWord::about(&name) };
            words.push((None, question));
        }
        if let Some((report, hash)) = report {
            let is_new = is_changed && room.reported != Some(hash);
            for (node, known) in &mut room.nodes {
                // Who leaves the room says so to all that it knows of.
                if std::mem::take(&mut known.is_owed) || !is_here || known.watches && is_new {
                    words.push((Some(node.clone()), report.clone()));
                }
            }
            room.reported = Some(hash);
        }
        room.nodes.retain(|_, node| is_here && (node.watches || node.connections > 0));
        if words.len() > before {
            room.from = Some(now + INTERVAL);
        }
        if room.nodes.is_empty() {
            if room.from.is_some_and(|from| from > now) {
                // It is remembered until it may be told again.
                self.remote.schedule(now, &name);
            } else {
                self.remote.rooms.remove(&name);
            }
        }
    }

    /// What this node reports of a room, and a hash of it.
    fn report_of(&self, cx: &Cx, name: &SmolStr, watches: bool) -> (RoomWord, u64) {
        let members = self.rooms.members(name);
        let connections = self.rooms.count(name) as usize + self.lingering.count(name);
        let users = (connections <= cx.policy.presence_members).then(|| {
            let members = members.filter_map(|slot| self.users.name_of(slot));
            let mut users: Vec<SmolStr> =
                members.chain(self.lingering.users_in(name)).cloned().collect();
            users.sort_unstable();
            users.dedup();
            users
        });
        let users = users.filter(|users| list_bytes(users) <= LIST_BYTES);
        let parts: Vec<&str> = users.iter().flatten().map(SmolStr::as_str).collect();
        let hash = cx.hash(&parts).wrapping_add(connections as u64);
        let hash = (hash << 1 | u64::from(watches)) ^ u64::from(users.is_some()) << 63;
        let connections = Some(connections);
        (RoomWord { watches, connections, users, ..RoomWord::about(name) }, hash)
    }

    /// Is somebody in the room here, or may come back?
    fn has_presence(&self, name: &SmolStr) -> bool {
        self.rooms.number_of(name).is_some() || self.lingering.count(name) > 0
    }
}
