//! Commands as an engine's words.

use smol_str::SmolStr;

use super::codec::CommandWriter;
use super::command::BusCommand;
use super::entry::{EntryBody, EntryKind, LogName, write_tag};
use super::keys::KeySpace;
use super::scripts::{BusScript, ScriptNames};

/// Revocations in a page.
const PAGE: u64 = 512;
/// Lua counts in doubles, which are exact to here. No log gets there.
const MAX_NUMBER: u64 = 1 << 53;

/// What of the settings is in commands.
#[derive(Clone, Debug)]
pub(super) struct RequestContext {
    /// This node.
    pub(super) name: SmolStr,
    pub(super) keys: KeySpace,
    /// Entries and bytes of a log, at least one entry.
    pub(super) keep: u64,
    pub(super) keep_bytes: u64,
    /// Seconds for which a silent log and an id are kept.
    pub(super) keep_for: u64,
    pub(super) keep_id_for: u64,
    pub(super) scripts: ScriptNames,
}

/// What is drawn for each attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draws {
    /// The tag of an entry.
    pub(super) tag: u64,
    /// The base's tag of a log that is not there.
    pub(super) base: u64,
}

impl RequestContext {
    /// Which script does it; `None`: a command of the engine does.
    pub(super) const fn script(command: &BusCommand) -> Option<BusScript> {
        Some(match command {
            BusCommand::Publish { .. } => BusScript::Publish,
            BusCommand::Read { .. } => BusScript::Read,
            BusCommand::Break { .. } => BusScript::Break,
            BusCommand::Claim { .. } => BusScript::Claim,
            BusCommand::Answer { .. } => BusScript::Answer,
            BusCommand::Release { .. } => BusScript::Release,
            BusCommand::TakeKey { .. } => BusScript::TakeKey,
            BusCommand::StoreRevocation { .. } => BusScript::Revoke,
            BusCommand::ReadRevocations { .. } => BusScript::Revocations,
            BusCommand::Lease { .. } => BusScript::Lease,
            BusCommand::TryRights => BusScript::Rights,
            BusCommand::Leave
            | BusCommand::Tell { .. }
            | BusCommand::Subscribe(_)
            | BusCommand::Unsubscribe(_)
            | BusCommand::Inspect => return None,
        })
    }

    /// Appends the words of `command` to `out`. (Subscriptions are written elsewhere.)
    pub(super) fn write(&self, command: &BusCommand, draws: Draws, out: &mut Vec<u8>) {
        match command {
            BusCommand::Publish { .. } | BusCommand::Break { .. } => {
                self.write_append(command, draws, out);
            }
            BusCommand::Read { log, head, fresh } => {
                let keys = [self.keys.meta(log), self.keys.list(log)];
                let mut writer = self.eval(BusScript::Read, &keys, 4, out);
                match head.filter(|head| head.number() < MAX_NUMBER) {
                    Some(head) => writer.number(head.number()).word(&write_tag(head.tag())),
                    None => writer.word(b"").word(b""),
                };
                writer.word(&write_tag(*fresh)).number(self.keep_for);
            }
            BusCommand::Claim { log, id, from } => {
                self.eval(BusScript::Claim, &[self.keys.id(log, id)], 3, out)
                    .word(from.as_bytes())
                    .word(self.name.as_bytes())
                    .number(self.keep_id_for);
            }
            BusCommand::Answer { log, id, answer } => {
                self.eval(BusScript::Answer, &[self.keys.id(log, id)], 3, out)
                    .word(self.name.as_bytes())
                    .word(answer)
                    .number(self.keep_id_for);
            }
            BusCommand::Release { log, id } => {
                self.eval(BusScript::Release, &[self.keys.id(log, id)], 2, out)
                    .word(self.name.as_bytes())
                    .number(self.keep_id_for);
            }
            BusCommand::TakeKey { log, id, content } => {
                let id = self.keys.id(log, id);
                self.eval(BusScript::TakeKey, &[id], 3, out)
                    .word(&content.to_be_bytes())
                    .word(self.name.as_bytes())
                    .number(self.keep_id_for);
            }
            _ => self.write_shared(command, out),
        }
    }

    /// Appends the words of a probe to `out`.
    pub(super) fn write_probe(&self, nonce: u64, out: &mut Vec<u8>) {
        let channel = self.keys.probe_channel(&self.name);
        self.eval(BusScript::Probe, std::slice::from_ref(&channel), 2, out)
            .word(&channel)
            .word(&nonce.to_be_bytes());
    }

    /// The commands that append to a log.
    fn write_append(&self, command: &BusCommand, draws: Draws, out: &mut Vec<u8>) {
        match command {
            BusCommand::Publish { log, id, content, asks, connection, frame, .. } => {
                let kind = EntryKind::Message;
                let body = EntryBody { node: &self.name, connection: *connection, kind, id, frame };
                let id = self.keys.id(log, id);
                let mut writer =
                    self.append(BusScript::Publish, log, Some(id), 11, draws, &body, out);
                writer.word(&write_tag(draws.base)).word(&content.to_be_bytes());
                writer.word(if *asks { self.name.as_bytes() } else { b"" });
                writer.number(self.keep_id_for);
            }
            BusCommand::Break { log, seen_head, .. } => {
                let (kind, id, frame) = (EntryKind::Break, &[0; 16], &[]);
                let body = EntryBody { node: &self.name, connection: 0, kind, id, frame };
                self.append(BusScript::Break, log, None, 9, draws, &body, out)
                    .number(seen_head.number().min(MAX_NUMBER))
                    .word(&write_tag(seen_head.tag()));
            }
            _ => {}
        }
    }

    /// The commands that are about no log.
    fn write_shared(&self, command: &BusCommand, out: &mut Vec<u8>) {
        match command {
            BusCommand::StoreRevocation { user, at, until, capacity } => {
                let keys = [self.keys.revoked(), self.keys.revoked_at()];
                self.eval(BusScript::Revoke, &keys, 4, out)
                    .word(user.as_bytes())
                    .number((*at).min(MAX_NUMBER))
                    .number((*until).min(MAX_NUMBER))
                    .number(*capacity as u64);
            }
            BusCommand::ReadRevocations { after } => {
                let keys = [self.keys.revoked(), self.keys.revoked_at()];
                let mut writer = self.eval(BusScript::Revocations, &keys, 3, out);
                match after {
                    Some(last) => writer.word(last.user.as_bytes()).number(last.until),
                    None => writer.word(b"").word(b""),
                };
                writer.number(PAGE);
            }
            BusCommand::Lease { ttl_ms, info } => {
                self.eval(BusScript::Lease, &[self.keys.leases()], 3, out)
                    .word(self.name.as_bytes())
                    .number(*ttl_ms)
                    .word(info);
            }
            BusCommand::Leave => {
                CommandWriter::new(out, 3)
                    .word(b"HDEL")
                    .word(&self.keys.leases())
                    .word(self.name.as_bytes());
            }
            BusCommand::Tell { node, payload } => {
                CommandWriter::new(out, 3)
                    .word(b"PUBLISH")
                    .word(&self.keys.nodes_channel(node.as_deref()))
                    .word(payload);
            }
            BusCommand::TryRights => {
                self.eval(BusScript::Rights, &[self.keys.rights()], 0, out);
            }
            BusCommand::Inspect => {
                CommandWriter::new(out, 1).word(b"INFO");
            }
            _ => {}
        }
    }

    /// Begins a script that appends, which has this many arguments: `append.lua` reads the first.
    #[expect(clippy::too_many_arguments, reason = "a script's arguments are a list")]
    fn append<'a>(
        &self,
        script: BusScript,
        log: &LogName,
        id: Option<Vec<u8>>,
        arguments: usize,
        draws: Draws,
        body: &EntryBody<'_>,
        out: &'a mut Vec<u8>,
    ) -> CommandWriter<'a> {
        let mut keys = vec![self.keys.meta(log), self.keys.list(log)];
        keys.extend(id);
        let mut writer = self.eval(script, &keys, arguments, out);
        writer
            .word(&self.keys.channel(log))
            .number(self.keep)
            .number(self.keep_bytes)
            .number(self.keep_for)
            .word(&EntryBody::VERSION)
            .word(&write_tag(draws.tag))
            .parts(&[&body.to_bytes_before_frame(), body.frame]);
        writer
    }

    fn eval<'a>(
        &self,
        script: BusScript,
        keys: &[Vec<u8>],
        arguments: usize,
        out: &'a mut Vec<u8>,
    ) -> CommandWriter<'a> {
        let mut writer = CommandWriter::new(out, 3 + keys.len() + arguments);
        writer.word(b"EVALSHA").word(self.scripts.of(script)).number(keys.len() as u64);
        for key in keys {
            writer.word(key);
        }
        writer
    }
}
