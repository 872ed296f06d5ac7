//! An engine in memory that speaks RESP3 for exactly the bus's commands: bytes in and out for each
//! connection, and faults to switch on. The same input gives the same output.
//!
//! A test runs the same commands against it and a real engine, and compares every reply and push.
#![allow(clippy::indexing_slicing, reason = "a model that is wrong fails its test")]

mod faults;
mod reply;
mod store;

use std::collections::{BTreeMap, BTreeSet};

#[cfg(test)]
pub(crate) use self::faults::RefusedScripts;
pub(crate) use self::faults::{EngineError, ModelFaults};
use self::reply::{ModelReply, bulk, error, write};
use self::store::{ModelStore, ScriptCall};
use super::codec::{RespDecoder, RespToken};
use super::scripts::BusScript;
use crate::time::UnixTime;

/// The engine.
#[derive(Debug, Default)]
pub(crate) struct ModelEngine {
    /// The last one serves new connections. Those before it were demoted, and nobody told them.
    stores: Vec<ModelStore>,
    snapshot: Option<ModelStore>,
    connections: BTreeMap<u64, ModelConnection>,
    opened: u64,
    scripts: BTreeSet<Vec<u8>>,
    /// The demoted masters know that they are.
    knows_demotion: bool,
    /// Switched by tests and the simulator at any time.
    pub(crate) faults: ModelFaults,
    /// How many commands were executed.
    pub(crate) executed: u64,
}

#[derive(Debug)]
struct ModelConnection {
    store: usize,
    decoder: RespDecoder,
    output: Vec<u8>,
    held: Vec<u8>,
    channels: BTreeSet<Vec<u8>>,
    is_greeted: bool,
    is_closed: bool,
}

impl ModelEngine {
    /// An empty engine.
    pub(crate) fn new() -> Self {
        Self { stores: vec![ModelStore::default()], ..Self::default() }
    }

    /// Opens a connection.
    pub(crate) fn connect(&mut self) -> u64 {
        self.opened += 1;
        let connection = ModelConnection {
            store: self.stores.len() - 1,
            decoder: RespDecoder::new(64 << 20),
            output: Vec::new(),
            held: Vec::new(),
            channels: BTreeSet::new(),
            is_greeted: false,
            is_closed: false,
        };
        self.connections.insert(self.opened, connection);
        self.opened
    }

    /// The other side has closed it.
    pub(crate) fn disconnect(&mut self, id: u64) {
        self.connections.remove(&id);
    }

    /// Takes bytes from a connection, and executes the commands that are whole.
    pub(crate) fn receive(&mut self, now: UnixTime, id: u64, bytes: &[u8]) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.decoder.push(bytes);
        }
        self.execute(now, id);
    }

    /// Executes what waited while the engine was stopped.
    pub(crate) fn go_on(&mut self, now: UnixTime) {
        let ids: Vec<u64> = self.connections.keys().copied().collect();
        for id in ids {
            self.execute(now, id);
        }
    }

    /// Takes what the engine sends to a connection.
    pub(crate) fn take_output(&mut self, id: u64) -> Vec<u8> {
        let holds = self.faults.holds_pushes;
        let Some(connection) = self.connections.get_mut(&id) else { return Vec::new() };
        if !holds {
            connection.output.append(&mut connection.held);
        }
        std::mem::take(&mut connection.output)
    }

    /// Has the engine closed the connection? What it has sent before is still to be taken.
    pub(crate) fn is_closed(&self, id: u64) -> bool {
        self.connections.get(&id).is_none_or(|connection| connection.is_closed)
    }

    /// Closes a connection, or all: `CLIENT KILL`, a restart.
    pub(crate) fn close(&mut self, id: Option<u64>) {
        for (key, connection) in &mut self.connections {
            connection.is_closed |= id.is_none_or(|id| id == *key);
        }
    }

    /// Notes the data as a replica that lags has it: [`fail_over`](Self::fail_over) goes back to it.
    pub(crate) fn take_snapshot(&mut self) {
        self.snapshot = self.stores.last().cloned();
    }

    /// A replica becomes the master, with what it has. Connections to the old master stay if
    /// `is_split`: it executes their commands, and nobody else hears of it.
    pub(crate) fn fail_over(&mut self, is_split: bool) {
        let store = self.snapshot.clone().unwrap_or_default();
        self.scripts.clear();
        self.stores.push(store);
        self.knows_demotion = false;
        if !is_split {
            self.close(None);
        }
    }

    /// The masters before the last fail-over become replicas of the new one: they refuse writes.
    pub(crate) fn demote(&mut self) {
        self.knows_demotion = true;
    }

    /// The engine starts anew, without data.
    pub(crate) fn wipe(&mut self) {
        self.snapshot = None;
        self.fail_over(false);
    }

    /// All data is gone, and the connections stay: `FLUSHALL`.
    pub(crate) fn flush_data(&mut self) {
        self.stores.iter_mut().for_each(|store| *store = ModelStore::default());
    }

    /// The engine forgets its scripts.
    pub(crate) fn flush_scripts(&mut self) {
        self.scripts.clear();
    }

    fn execute(&mut self, now: UnixTime, id: u64) {
        while !self.faults.is_stopped
            && let Some(connection) = self.connections.get_mut(&id)
            && !connection.is_closed
            && let Some(words) = connection.next_command()
        {
            self.executed += 1;
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            let is_script = words.first() == Some(&&b"EVALSHA"[..]);
            let reply = self.command(now, id, &words);
            let Some(connection) = self.connections.get_mut(&id) else { return };
            if is_script && self.faults.lost_replies > 0 {
                self.faults.lost_replies -= 1;
                connection.output.clear();
                connection.held.clear();
                connection.is_closed = true;
            } else {
                connection.output.extend_from_slice(&reply);
            }
        }
    }

    /// Executes one command: the reply's bytes.
    fn command(&mut self, now: UnixTime, id: u64, words: &[&[u8]]) -> Vec<u8> {
        let (name, rest) =
            words.split_first().map_or((&[][..], words), |(name, rest)| (*name, rest));
        if name == b"HELLO" {
            return self.hello(id, rest);
        }
        if !self.connections.get(&id).is_some_and(|connection| connection.is_greeted) {
            return error("NOAUTH Authentication required.");
        }
        match self.faults.error {
            Some(EngineError::Busy) => {
                return error("BUSY Redis is busy running a script.");
            }
            Some(EngineError::Loading) if !name.ends_with(b"SUBSCRIBE") => {
                return error("LOADING Redis is loading the dataset in memory");
            }
            _ => {}
        }
        match (name, rest) {
            (b"SCRIPT", [b"LOAD", source]) => self.load(source),
            (b"EVALSHA", [name, count, rest @ ..]) => self.eval(now, id, name, count, rest),
            (b"PUBLISH", [channel, payload]) => {
                let heard = self.announce(id, channel, payload);
                format!(":{heard}\r\n").into_bytes()
            }
            (b"HDEL", [_, field]) => {
                let left = self.store(id).leave(field);
                format!(":{left}\r\n").into_bytes()
            }
            (b"SUBSCRIBE", channels) => self.subscribe(id, channels, true),
            (b"UNSUBSCRIBE", channels) => self.subscribe(id, channels, false),
            (b"INFO", []) => {
                let store = self.connections.get(&id).map_or(0, |connection| connection.store);
                bulk(format!("{INFO}run_id:{store}\r\nmaster_replid:{store}\r\n").as_bytes())
            }
            _ => error("ERR unknown command"),
        }
    }

    fn hello(&mut self, id: u64, words: &[&[u8]]) -> Vec<u8> {
        let said = words.iter().position(|word| *word == b"AUTH").and_then(|at| words.get(at + 2));
        match (&self.faults.password, said) {
            (Some(password), Some(said)) if **said != *password.as_bytes() => {
                return error("WRONGPASS invalid username-password pair or user is disabled.");
            }
            (Some(_), None) => {
                return error("NOAUTH HELLO must be called with the client already authenticated");
            }
            _ => {}
        }
        let role = match self.faults.error {
            Some(EngineError::ReadOnly) => "replica",
            _ => "master",
        };
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.is_greeted = true;
        }
        let length = role.len();
        format!("%2\r\n$6\r\nserver\r\n$5\r\nmodel\r\n$4\r\nrole\r\n${length}\r\n{role}\r\n").into()
    }

    /// A script's name is as long as a real one, and no hash.
    fn load(&mut self, source: &[u8]) -> Vec<u8> {
        let script = BusScript::ALL.into_iter().find(|s| s.source().as_bytes() == source);
        let Some(script) = script else { return error("ERR the model does not know this script") };
        let name = format!("{:040x}", script as u8);
        self.scripts.insert(name.clone().into_bytes());
        bulk(name.as_bytes())
    }

    fn eval(
        &mut self,
        now: UnixTime,
        id: u64,
        name: &[u8],
        count: &[u8],
        rest: &[&[u8]],
    ) -> Vec<u8> {
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
        let script = usize::from_str_radix(text(name), 16).ok();
        let script = script.and_then(|index| BusScript::ALL.get(index).copied());
        let Some(script) = script.filter(|_| self.scripts.contains(name)) else {
            return error("NOSCRIPT No matching script. Please use EVAL.");
        };
        let count = text(count).parse().unwrap_or(0);
        let Some((keys, arguments)) = rest.split_at_checked(count) else {
            return error("ERR Number of keys can't be greater than number of args");
        };
        let call = ScriptCall { keys, arguments };
        let fault = self.faults.error;
        let is_demoted = self.knows_demotion && self.is_old(id);
        if (is_demoted || fault == Some(EngineError::ReadOnly)) && script != BusScript::Revocations
        {
            return error("READONLY You can't write against a read only replica.");
        }
        if script == BusScript::Publish && self.faults.is_full(call.key(0)) {
            return error("OOM command not allowed when used memory > 'maxmemory'.");
        }
        if self.faults.refuses(script) {
            return error("ERR The user executing the script can't run this command");
        }
        let store = self.store(id);
        store.set_now(now.as_millis());
        match fault {
            Some(EngineError::OutOfMemory) if store.needs_memory(script, &call) => {
                return error("OOM command not allowed when used memory > 'maxmemory'.");
            }
            Some(EngineError::NoPermission) => {
                return error("NOPERM this user has no permissions to run the 'evalsha' command");
            }
            _ => {}
        }
        let (mut reply, announcement) = store.run(script, &call);
        if let Some((channel, payload)) = announcement {
            let heard = self.announce(id, &channel, &payload);
            match &mut reply {
                ModelReply::List(words) if !words.is_empty() => {
                    words.push(ModelReply::Integer(heard));
                }
                reply => *reply = ModelReply::Integer(heard),
            }
        }
        let mut bytes = Vec::new();
        write(&reply, &mut bytes);
        bytes
    }

    /// Is the connection to a master of before?
    fn is_old(&self, id: u64) -> bool {
        self.connections.get(&id).is_some_and(|c| c.store + 1 < self.stores.len())
    }

    /// The data that a connection works on.
    fn store(&mut self, id: u64) -> &mut ModelStore {
        let index = self.connections.get(&id).map_or(0, |connection| connection.store);
        let index = index.min(self.stores.len() - 1);
        &mut self.stores[index]
    }

    /// Pushes to all that subscribe to a channel and are connected to the same side: how many.
    fn announce(&mut self, id: u64, channel: &[u8], payload: &[u8]) -> i64 {
        let Some(store) = self.connections.get(&id).map(|connection| connection.store) else {
            return 0;
        };
        let push = [&b">3\r\n$7\r\nmessage\r\n"[..], &bulk(channel), &bulk(payload)].concat();
        let mut heard = 0;
        for connection in self.connections.values_mut() {
            if connection.store != store
                || connection.is_closed
                || !connection.channels.contains(channel)
            {
                continue;
            }
            heard += 1;
            if self.faults.lost_pushes > 0 {
                self.faults.lost_pushes -= 1;
            } else if self.faults.holds_pushes || !connection.held.is_empty() {
                connection.held.extend_from_slice(&push);
            } else {
                connection.output.extend_from_slice(&push);
            }
        }
        heard
    }

    fn subscribe(&mut self, id: u64, channels: &[&[u8]], is_wanted: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        let Some(connection) = self.connections.get_mut(&id) else { return bytes };
        for channel in channels {
            let name: &[u8] = if is_wanted {
                connection.channels.insert(channel.to_vec());
                b"subscribe"
            } else {
                connection.channels.remove(*channel);
                b"unsubscribe"
            };
            let count = format!(":{}\r\n", connection.channels.len());
            let push = [b">3\r\n", &bulk(name)[..], &bulk(channel), count.as_bytes()].concat();
            bytes.extend_from_slice(&push);
        }
        bytes
    }
}

impl ModelConnection {
    /// The next whole command; what is none closes the connection.
    fn next_command(&mut self) -> Option<Vec<Vec<u8>>> {
        let mut reader = match self.decoder.next_frame() {
            Ok(frame) => frame?,
            Err(_) => {
                self.is_closed = true;
                return None;
            }
        };
        reader.array()?;
        let mut words = Vec::new();
        while let Some(token) = reader.token() {
            if let RespToken::Text(word) = token {
                words.push(word.to_vec());
            }
        }
        Some(words)
    }
}

/// What the model says of itself.
const INFO: &str = "redis_version:7.0.0\r\nrole:master\r\nconnected_slaves:0\r\naof_enabled:0\r\n\
    rdb_last_save_time:0\r\nused_memory:1000000\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n";
