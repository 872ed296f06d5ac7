//! The engine's replies as the node's.

use smol_str::SmolStr;

use super::codec::{RespReader, RespToken};
use super::command::{BusCommand, BusFault, BusReply, EngineInfo, NodeLease, StoredRevocation};
use super::entry::{LogEntry, read_tag};
use crate::protocol::Position;

/// The reply to `command`.
///
/// # Errors
///
/// The engine's error, or [`BusFault::Protocol`] where this is no reply to it.
pub(super) fn parse_reply(
    command: &BusCommand,
    reader: &mut RespReader<'_>,
) -> Result<BusReply, BusFault> {
    if let Some(RespToken::Error(error)) = reader.clone().token() {
        return Err(BusFault::from_error(error));
    }
    parse(command, reader).ok_or(BusFault::Protocol)
}

fn parse(command: &BusCommand, reader: &mut RespReader<'_>) -> Option<BusReply> {
    Some(match command {
        BusCommand::Publish { .. } => publication(reader)?,
        BusCommand::Break { .. } => broken(reader)?,
        BusCommand::Read { .. } => entries(reader)?,
        BusCommand::TakeKey { .. } => key(reader)?,
        BusCommand::Claim { .. } => BusReply::Claimed(reader.number()? == 1),
        BusCommand::Answer { .. } | BusCommand::StoreRevocation { .. } => {
            BusReply::Stored(reader.number()? == 1)
        }
        BusCommand::Release { .. } | BusCommand::Leave => {
            reader.number()?;
            BusReply::Done
        }
        BusCommand::ReadRevocations { .. } => revocations(reader)?,
        BusCommand::Lease { info, .. } => nodes(reader, info)?,
        BusCommand::Tell { .. } => BusReply::Told(u32::try_from(reader.number()?).ok()?),
        BusCommand::Inspect => BusReply::Inspected(engine(reader.text()?)),
        BusCommand::TryRights => {
            let refused = (0..reader.array()?).map(|_| name(reader.text()?));
            BusReply::Refused(refused.collect::<Option<_>>()?)
        }
        BusCommand::Subscribe(_) | BusCommand::Unsubscribe(_) => return None,
    })
}

fn publication(reader: &mut RespReader<'_>) -> Option<BusReply> {
    reader.array()?;
    Some(match reader.text()? {
        b"P" => published(reader)?,
        b"C" => BusReply::OtherContent,
        b"R" => BusReply::Answered(reader.text()?.into()),
        b"A" => {
            // Of an id that was only taken it is 0.
            let position = position(reader.text()?.get(..14)?)?;
            BusReply::Asked { position, by: name(reader.text()?)? }
        }
        b"F" => unasked(reader)?,
        _ => return None,
    })
}

fn unasked(reader: &mut RespReader<'_>) -> Option<BusReply> {
    let (position, _) = place(reader.text()?)?;
    Some(BusReply::Unasked { position })
}

fn key(reader: &mut RespReader<'_>) -> Option<BusReply> {
    reader.array()?;
    Some(match reader.text()? {
        b"T" => BusReply::Claimed(true),
        b"C" => BusReply::OtherContent,
        b"R" => BusReply::Answered(reader.text()?.into()),
        b"A" => BusReply::Asked { by: name(reader.text()?)?, position: Position::new(0, 0) },
        b"F" => unasked(reader)?,
        _ => return None,
    })
}

/// The position and its predecessor where the id came before and is asked about or free.
pub(super) fn known_place(reader: &RespReader<'_>) -> Option<(Position, Position)> {
    let mut reader = reader.clone();
    reader.array()?;
    match reader.text()? {
        b"A" | b"F" => place(reader.text()?),
        _ => None,
    }
}

fn broken(reader: &mut RespReader<'_>) -> Option<BusReply> {
    reader.array()?;
    match reader.text()? {
        b"P" => published(reader),
        b"M" => Some(BusReply::Moved { head: position(reader.text()?)? }),
        _ => None,
    }
}

fn published(reader: &mut RespReader<'_>) -> Option<BusReply> {
    let (position, previous) = place(reader.text()?)?;
    let subscribers = u32::try_from(reader.number()?).ok()?;
    Some(BusReply::Published { position, previous, subscribers })
}

fn entries(reader: &mut RespReader<'_>) -> Option<BusReply> {
    reader.array()?;
    let base = position(reader.text()?)?;
    let follows = reader.number()? == 1;
    let adopted = reader.number()? == 1;
    let entries =
        (0..reader.array()?).map(|_| LogEntry::decode(reader.text()?)).collect::<Option<_>>()?;
    Some(BusReply::Entries { base, entries, follows, adopted })
}

fn revocations(reader: &mut RespReader<'_>) -> Option<BusReply> {
    let users = reader.array()?.checked_sub(1)? / 3;
    let complete = reader.number()? == 1;
    let mut page = Vec::new();
    for _ in 0..users {
        let user = name(reader.text()?)?;
        page.push(StoredRevocation { user, at: reader.number()?, until: reader.number()? });
    }
    Some(BusReply::Revocations { page, complete })
}

fn nodes(reader: &mut RespReader<'_>, info: &[u8]) -> Option<BusReply> {
    let count = reader.array()?.checked_sub(1)? / 3;
    let before = reader.text()?;
    let mut live = Vec::new();
    for _ in 0..count {
        let name = name(reader.text()?)?;
        let info = reader.text()?.into();
        live.push(NodeLease { name, info, remaining_ms: reader.number()? });
    }
    // The engine's own order is another each time.
    live.sort_by(|a, b| a.name.cmp(&b.name));
    let is_other = !before.is_empty() && before != info;
    Some(BusReply::Nodes { live, taken_from: is_other.then(|| before.into()) })
}

/// What `INFO` says.
fn engine(text: &[u8]) -> EngineInfo {
    let text = String::from_utf8_lossy(text);
    let field = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.unwrap_or_default()
    };
    let number = |name| field(name).trim().parse().unwrap_or(0);
    let server = match field("valkey_version") {
        "" => format!("redis {}", field("redis_version")),
        version => format!("valkey {version}"),
    };
    let history = match (field("run_id"), field("master_replid")) {
        ("", _) | (_, "") => String::new(),
        (process, data) => format!("{process} {data}"),
    };
    EngineInfo {
        server,
        history,
        role: field("role").to_owned(),
        replicas: number("connected_slaves"),
        append_only: number("aof_enabled") == 1,
        last_save: number("rdb_last_save_time"),
        max_memory: number("maxmemory"),
        used_memory: number("used_memory"),
        eviction: field("maxmemory_policy").to_owned(),
    }
}

/// A number and a tag.
fn position(bytes: &[u8]) -> Option<Position> {
    let (number, tag) = bytes.split_at_checked(8)?;
    Some(Position::new(u64::from_be_bytes(number.try_into().ok()?), read_tag(tag)?))
}

/// A position, and the tag of its predecessor.
fn place(bytes: &[u8]) -> Option<(Position, Position)> {
    let (head, previous) = bytes.split_at_checked(14)?;
    let position = position(head)?;
    Some((position, Position::new(position.number().checked_sub(1)?, read_tag(previous)?)))
}

fn name(bytes: &[u8]) -> Option<SmolStr> {
    std::str::from_utf8(bytes).ok().map(SmolStr::new)
}
