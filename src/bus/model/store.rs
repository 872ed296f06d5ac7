//! What a model engine keeps, and what the scripts do to it: line by line as in `scripts/*.lua`.
#![allow(clippy::indexing_slicing, reason = "a model that is wrong fails its test")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::reply::ModelReply;
use crate::bus::scripts::BusScript;

/// What a script asks to be announced: channel and payload. How many hear of it is known outside.
pub(super) type ModelPush = (Vec<u8>, Vec<u8>);

/// The engine's data. All of it is ordered, so that a seed repeats itself.
#[derive(Clone, Debug, Default)]
pub(super) struct ModelStore {
    heads: BTreeMap<Vec<u8>, LogHead>,
    lists: BTreeMap<Vec<u8>, EntryList>,
    ids: BTreeMap<Vec<u8>, (Vec<u8>, u64)>,
    /// The end of each user's revocation, and its moment.
    ends: BTreeMap<Vec<u8>, u64>,
    moments: BTreeMap<Vec<u8>, u64>,
    /// The end of each node's lease in unix milliseconds, and its info.
    leases: BTreeMap<Vec<u8>, (u64, Vec<u8>)>,
    /// Unix milliseconds.
    now: u64,
}

#[derive(Clone, Debug, Default)]
struct LogHead {
    number: u64,
    tag: Vec<u8>,
    bytes: usize,
    expiry_set: u64,
    expires: u64,
}

#[derive(Clone, Debug, Default)]
struct EntryList {
    entries: VecDeque<Vec<u8>>,
    expires: u64,
}

/// A script's keys and arguments.
#[derive(Debug)]
pub(super) struct ScriptCall<'a> {
    pub(super) keys: &'a [&'a [u8]],
    pub(super) arguments: &'a [&'a [u8]],
}

impl<'a> ScriptCall<'a> {
    pub(super) fn key(&self, index: usize) -> &'a [u8] {
        self.keys.get(index).copied().unwrap_or_default()
    }

    /// As in Lua, from 1.
    fn argument(&self, index: usize) -> &'a [u8] {
        self.arguments.get(index - 1).copied().unwrap_or_default()
    }

    fn number(&self, index: usize) -> Option<u64> {
        std::str::from_utf8(self.argument(index)).ok()?.parse().ok()
    }

    fn count(&self, index: usize) -> u64 {
        self.number(index).unwrap_or(0)
    }
}

impl ModelStore {
    /// Sets the clock, and drops what has expired.
    pub(super) fn set_now(&mut self, unix_millis: u64) {
        self.now = unix_millis;
        self.heads.retain(|_, head| head.expires > unix_millis);
        self.lists.retain(|_, list| list.expires > unix_millis);
        self.ids.retain(|_, (_, expires)| *expires > unix_millis);
    }

    /// Runs a script.
    pub(super) fn run(
        &mut self,
        script: BusScript,
        call: &ScriptCall<'_>,
    ) -> (ModelReply, Option<ModelPush>) {
        let reply = match script {
            BusScript::Publish => return self.publish(call),
            BusScript::Break => return self.declare_break(call),
            BusScript::Probe => {
                let push = (call.argument(1).to_vec(), call.argument(2).to_vec());
                return (ModelReply::List(Vec::new()), Some(push));
            }
            BusScript::Read => self.read(call),
            BusScript::Claim => ModelReply::Integer(self.claim(call).into()),
            BusScript::Answer => ModelReply::Integer(self.answer(call).into()),
            BusScript::Release => ModelReply::Integer(self.release(call).into()),
            BusScript::TakeKey => self.take_key(call),
            BusScript::Revoke => self.revoke(call),
            BusScript::Revocations => self.revocations(call),
            BusScript::Lease => self.lease(call),
            BusScript::Rights => ModelReply::List(Vec::new()),
        };
        (reply, None)
    }

    /// Would an engine without memory refuse it? Only what does not begin with a write that needs
    /// none.
    pub(super) fn needs_memory(&self, script: BusScript, call: &ScriptCall<'_>) -> bool {
        match script {
            BusScript::Publish => {
                let is_order = call.key(0).ends_with(b":{c}:m");
                let is_known =
                    |(known, _): &(Vec<u8>, _)| known[0] == b'R' || !is_unpublished(known);
                let is_known = self.ids.get(call.key(2)).is_some_and(is_known);
                !is_known && !is_order && self.heads.contains_key(call.key(0))
            }
            BusScript::Read => {
                !self.heads.contains_key(call.key(0)) && !call.key(0).ends_with(b":{c}:m")
            }
            BusScript::TakeKey => true,
            _ => false,
        }
    }

    /// Gives up a node's lease: how many it had.
    pub(super) fn leave(&mut self, node: &[u8]) -> i64 {
        self.leases.remove(node).is_some().into()
    }

    fn seconds(&self) -> u64 {
        self.now / 1_000
    }

    /// `append.lua`: the place, and what is announced.
    fn append(
        &mut self,
        call: &ScriptCall<'_>,
        (number, tag): (u64, &[u8]),
        bytes: usize,
        expiry_set: Option<u64>,
    ) -> (Vec<u8>, ModelPush) {
        let place = [&(number + 1).to_be_bytes(), call.argument(6), tag].concat();
        let entry = [call.argument(5), &place, call.argument(7)].concat();
        let seconds = self.seconds();
        let (keep, keep_bytes, keep_for) = (call.count(2), call.count(3), call.count(4));
        let list = self.lists.entry(call.key(1).to_vec()).or_default();
        if list.entries.is_empty() {
            list.expires = u64::MAX;
        }
        list.entries.push_back(entry.clone());
        let mut bytes = bytes + entry.len();
        while list.entries.len() > 1
            && (list.entries.len() as u64 > keep || bytes as u64 > keep_bytes)
        {
            bytes -= list.entries.pop_front().map_or(0, |first| first.len());
        }
        let head = self
            .heads
            .entry(call.key(0).to_vec())
            .or_insert_with(|| LogHead { expires: u64::MAX, ..LogHead::default() });
        (head.number, head.tag, head.bytes) = (number + 1, call.argument(6).to_vec(), bytes);
        let is_old = expiry_set.is_none_or(|set| seconds.abs_diff(set) >= keep_for);
        if list.entries.len() == 1 || is_old {
            head.expiry_set = seconds;
            head.expires = self.now + keep_for * 3_000;
            list.expires = head.expires;
        }
        (place, (call.argument(1).to_vec(), entry))
    }

    fn publish(&mut self, call: &ScriptCall<'_>) -> (ModelReply, Option<ModelPush>) {
        let (content, asker) = (call.argument(9), call.argument(10));
        let expires = self.now + call.count(11) * 1_000;
        if let Some((known, known_until)) = self.ids.get_mut(call.key(2)) {
            let (head, rest) = known.split_at(29);
            let (state, place) = (head[0], head[9..].to_vec());
            let is_unpublished = is_unpublished(known);
            let words = match state {
                _ if head[1..9] != *content => vec![b"C".to_vec()],
                b'R' => vec![b"R".to_vec(), rest.to_vec()],
                b'A' if !is_unpublished || rest != asker => {
                    vec![b"A".to_vec(), place, rest.to_vec()]
                }
                _ if is_unpublished => Vec::new(),
                _ => {
                    if !asker.is_empty() {
                        *known = [b"A", &head[1..], asker].concat();
                        *known_until = expires;
                    }
                    vec![b"F".to_vec(), place]
                }
            };
            if !words.is_empty() {
                return (ModelReply::List(words.into_iter().map(ModelReply::Text).collect()), None);
            }
        }
        let head = self.heads.get(call.key(0)).cloned();
        if head.is_none() {
            self.lists.remove(call.key(1));
        }
        let (base, bytes, expiry_set) = match &head {
            Some(head) => ((head.number, &head.tag[..]), head.bytes, Some(head.expiry_set)),
            None => ((0, call.argument(8)), 0, None),
        };
        let (place, announcement) = self.append(call, base, bytes, expiry_set);
        let state = if asker.is_empty() { b"F" } else { b"A" };
        let known = [state, content, &place, asker].concat();
        self.ids.insert(call.key(2).to_vec(), (known, expires));
        let reply = vec![ModelReply::text(*b"P"), ModelReply::Text(place)];
        (ModelReply::List(reply), Some(announcement))
    }

    fn declare_break(&mut self, call: &ScriptCall<'_>) -> (ModelReply, Option<ModelPush>) {
        let seen = (call.count(8), call.argument(9));
        if let Some(head) = self.heads.get(call.key(0))
            && (head.number, &head.tag[..]) != seen
        {
            let position = [&head.number.to_be_bytes(), &head.tag[..]].concat();
            return (ModelReply::List(vec![ModelReply::text(*b"M"), position.into()]), None);
        }
        self.lists.remove(call.key(1));
        let (place, announcement) = self.append(call, seen, 0, None);
        let reply = vec![ModelReply::text(*b"P"), place.into()];
        (ModelReply::List(reply), Some(announcement))
    }

    fn read(&mut self, call: &ScriptCall<'_>) -> ModelReply {
        let (seconds, keep_for, asked) = (self.seconds(), call.count(4), call.number(1));
        let is_begun = !self.heads.contains_key(call.key(0));
        if is_begun {
            let tag = if asked.is_some() { call.argument(2) } else { call.argument(3) }.to_vec();
            let head = LogHead { number: asked.unwrap_or(0), tag, ..LogHead::default() };
            self.heads.insert(call.key(0).to_vec(), head);
            self.lists.remove(call.key(1));
        }
        let Some(head) = self.heads.get_mut(call.key(0)) else {
            return ModelReply::Error("ERR unreachable".to_owned());
        };
        let mut list = self.lists.get_mut(call.key(1));
        if is_begun || seconds.abs_diff(head.expiry_set) >= keep_for {
            head.expiry_set = seconds;
            head.expires = self.now + keep_for * 3_000;
            if let Some(list) = &mut list {
                list.expires = head.expires;
            }
        }
        let none = VecDeque::new();
        let entries = list.map_or(&none, |list| &list.entries);
        let length = entries.len() as u64;
        let tag_before = |index: u64| match entries.get(index as usize) {
            Some(entry) => entry[15..21].to_vec(),
            None => head.tag.clone(),
        };
        let first = match asked {
            None => Some(0),
            Some(asked) => (asked + length)
                .checked_sub(head.number)
                .filter(|first| *first <= length && tag_before(*first) == call.argument(2)),
        };
        let (first, follows) = (first.unwrap_or(0), first.is_some());
        let base = head.number + first - length;
        let base = [&base.to_be_bytes()[..], &tag_before(first)].concat();
        let entries = entries.iter().skip(first as usize).cloned().map(ModelReply::Text).collect();
        ModelReply::List(vec![
            ModelReply::Text(base),
            ModelReply::Integer(follows.into()),
            ModelReply::Integer(is_begun.into()),
            ModelReply::List(entries),
        ])
    }

    fn claim(&mut self, call: &ScriptCall<'_>) -> bool {
        let (from, me) = (call.argument(1), call.argument(2));
        let expires = self.now + call.count(3) * 1_000;
        match self.ids.get_mut(call.key(0)) {
            Some((known, _)) if known[0] == b'A' && known[29..] == *me => true,
            Some((known, until)) if known[0] == b'A' && known[29..] == *from => {
                *known = [&known[..29], me].concat();
                *until = expires;
                true
            }
            _ => false,
        }
    }

    fn answer(&mut self, call: &ScriptCall<'_>) -> bool {
        let (me, answer) = (call.argument(1), call.argument(2));
        let expires = self.now + call.count(3) * 1_000;
        match self.ids.get_mut(call.key(0)) {
            Some((known, _)) if known[0] == b'R' && known[29..] == *answer => true,
            Some((known, until)) if known[0] == b'F' || known[0] == b'A' && known[29..] == *me => {
                *known = [b"R", &known[1..29], answer].concat();
                *until = expires;
                true
            }
            _ => false,
        }
    }

    fn take_key(&mut self, call: &ScriptCall<'_>) -> ModelReply {
        let (content, node) = (call.argument(1), call.argument(2));
        let words =
            |words: &[&[u8]]| ModelReply::List(words.iter().map(|it| it.to_vec().into()).collect());
        let (mut place, mut is_published) = (vec![0; 20], false);
        if let Some((known, _)) = self.ids.get(call.key(0)) {
            let rest = known[29..].to_vec();
            match known[0] {
                _ if known[1..9] != *content => return words(&[b"C"]),
                b'R' => return words(&[b"R", &rest]),
                b'A' if rest != node => return words(&[b"A", &rest]),
                _ => (place, is_published) = (known[9..29].to_vec(), !is_unpublished(known)),
            }
        }
        let value = [b"A", content, &place, node].concat();
        let expires = self.now + call.count(3) * 1_000;
        self.ids.insert(call.key(0).to_vec(), (value, expires));
        if is_published { words(&[b"F", &place]) } else { words(&[b"T"]) }
    }

    fn release(&mut self, call: &ScriptCall<'_>) -> bool {
        let expires = self.now + call.count(2) * 1_000;
        match self.ids.get_mut(call.key(0)) {
            Some((known, until)) if known[0] == b'A' && known[29..] == *call.argument(1) => {
                *known = [b"F", &known[1..29]].concat();
                *until = expires;
                true
            }
            _ => false,
        }
    }

    /// Users in the order of the sorted set: by end, then by name.
    fn by_end(&self) -> Vec<(u64, Vec<u8>)> {
        let users: BTreeSet<_> = self.ends.iter().map(|(user, end)| (*end, user.clone())).collect();
        users.into_iter().collect()
    }

    fn revoke(&mut self, call: &ScriptCall<'_>) -> ModelReply {
        let (user, seconds, capacity) = (call.argument(1), self.seconds(), call.count(4));
        let over = self.by_end().into_iter().take_while(|(end, _)| *end < seconds).take(100);
        for (_, user) in over.collect::<Vec<_>>() {
            self.ends.remove(&user);
            self.moments.remove(&user);
        }
        for (table, index) in [(&mut self.moments, 2), (&mut self.ends, 3)] {
            let value = table.entry(user.to_vec()).or_insert(0);
            *value = (*value).max(call.count(index));
        }
        for _ in 0..100 {
            if capacity == 0 || self.ends.len() as u64 <= capacity {
                break;
            }
            if let Some((_, first)) = self.by_end().into_iter().find(|(_, other)| other != user) {
                self.ends.remove(&first);
                self.moments.remove(&first);
            }
        }
        ModelReply::Integer(1)
    }

    fn revocations(&self, call: &ScriptCall<'_>) -> ModelReply {
        let (user, count) = (call.argument(1), call.count(3) as usize);
        let users = self.by_end();
        let first = match call.number(2) {
            None => 0,
            Some(end) => match users.iter().position(|(e, u)| *e == end && u == user) {
                Some(rank) => rank + 1,
                None => users.iter().filter(|(e, _)| *e < end).count(),
            },
        };
        let is_complete = users.len().saturating_sub(first) <= count;
        let mut page = vec![ModelReply::Integer(is_complete.into())];
        for (end, user) in users.into_iter().skip(first).take(count) {
            let moment = self.moments.get(&user).copied().unwrap_or(0).to_string();
            page.push(ModelReply::Text(user));
            page.push(ModelReply::text(moment));
            page.push(ModelReply::text(end.to_string()));
        }
        ModelReply::List(page)
    }

    fn lease(&mut self, call: &ScriptCall<'_>) -> ModelReply {
        let (me, info) = (call.argument(1).to_vec(), call.argument(3).to_vec());
        let before = self.leases.insert(me, (self.now + call.count(2), info));
        let taken = before.filter(|(end, _)| *end > self.now).map_or(Vec::new(), |(_, info)| info);
        self.leases.retain(|_, (end, _)| *end > self.now);
        let mut live = vec![ModelReply::Text(taken)];
        for (name, (end, info)) in &self.leases {
            live.push(ModelReply::text(name.clone()));
            live.push(ModelReply::text(info.clone()));
            live.push(ModelReply::Integer((end - self.now) as i64));
        }
        ModelReply::List(live)
    }
}

/// Was the id taken only, so that its place is empty?
fn is_unpublished(known: &[u8]) -> bool {
    known[9..29] == [0; 20]
}
