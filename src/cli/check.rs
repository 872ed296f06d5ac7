//! `vestibule check`: the effective configuration, and the worst-case memory it allows.

use std::fmt::Write as _;

use vestibule::config::Config;

use super::text::LINE_BYTES;
use super::{Outcome, application, descriptors, log, secret};

/// A connection's own state, authenticated: its slot, its timer entry, its place in a room.
const CONNECTION_BYTES: u128 = 512;
/// What a connection or a room is called at most: a room's 128 characters of ASCII, and a user's
/// 256 characters of up to 4 bytes.
const NAME_BYTES: u128 = 128 + 256 * 4;
/// Two ordered trees: a user's hash with two dates, and a date with the hash.
const REVOCATION_BYTES: u128 = 72;
/// One accepted `auth` message: 12 bytes of key, and the slack of an ordered tree.
const REPLAY_ENTRY_BYTES: u128 = 24;
/// What is remembered of an address: 16 bytes in each of two trees, and their slack.
const ADDRESS_BYTES: u128 = 64;
/// An address with pending connections: 12 bytes in one tree, and its slack.
const PENDING_ADDRESS_BYTES: u128 = 32;
/// An end that is remembered, and its user and room, 128 bytes at most each.
const END_BYTES: u128 = 512;
/// One remembered room beside its names.
const ROOM_BYTES: u128 = 128;
/// The stack that the standard library reserves for a thread.
const STACK_BYTES: u128 = 2 << 20;
/// The pages of the database that SQLite keeps, its statements, and the storage thread's stack.
const DATABASE_BYTES: u128 = (8 << 20) + (1 << 20) + STACK_BYTES;
/// The buffer that all connections are read into.
const READ_BUFFER_BYTES: u128 = 64 << 10;
/// The longest answer of a backend, which a thread holds while it reads it.
const BACKEND_ANSWER_BYTES: u128 = 1 << 20;

const MASK: &str = "********";

/// Prints the configuration as TOML, and the memory as comments below it.
pub(super) fn run(config: &Config) -> Outcome {
    let mut faults = Vec::new();
    let (place, warning) = keys(config).unwrap_or_else(|fault| {
        faults.push(fault);
        Default::default()
    });
    let key = secret::admin_key(config).unwrap_or_else(|fault| {
        faults.push(fault);
        None
    });
    let mut resolved = config.clone();
    let few = descriptors::fill(&mut resolved, descriptors::possible()).unwrap_or_else(|fault| {
        faults.push(fault);
        None
    });
    let exposed_tls = secret::tls_exposure(config).unwrap_or_else(|fault| {
        faults.push(fault);
        None
    });
    if faults.is_empty() {
        faults.extend(vestibule::net::tls_fault(&config.tls));
    }
    let exposed = application::inspect(config).unwrap_or_else(|fault| {
        faults.push(fault);
        None
    });
    let mut shown = config.clone();
    if !shown.auth.secret.is_empty() {
        MASK.clone_into(&mut shown.auth.secret);
    }
    let toml = toml::to_string(&shown).unwrap_or_else(|error| {
        faults.push(error.to_string());
        String::new()
    });
    if !faults.is_empty() {
        return Err(faults);
    }
    let exposed_key = key.and_then(|key| key.warning);
    for warning in [warning, exposed, exposed_key, exposed_tls, few].into_iter().flatten() {
        super::warn(&warning);
    }
    super::print(&format!("{toml}\n# {place}\n#\n{}", memory(&resolved)))
}

/// Where the keys are, for people, and a warning about it.
fn keys(config: &Config) -> Result<(String, Option<String>), String> {
    let auth = &config.auth;
    if secret::is_wanted(config) {
        let (place, warning) = secret::inspect(config)?;
        return Ok((format!("Signing secret: {place}"), warning));
    }
    let places = [&auth.public_key_file, &auth.jwks_file, &auth.jwks_url];
    let place = places.into_iter().find(|place| !place.is_empty());
    Ok((format!("Keys: {}", place.map_or("none", String::as_str)), None))
}

/// One line of the sum: what, how many, bytes each.
struct Row {
    what: &'static str,
    count: u128,
    /// `None`: without a bound.
    each: Option<u128>,
}

/// The arithmetic as TOML comments, every bound filled at once. `config` has no zeros left that
/// stand for a number.
fn memory(config: &Config) -> String {
    let rows = rows(config);
    let mut text = format!(
        "# Worst-case memory, if every peer filled every bound at once\n\
         # ({} connections, {} of them pending):\n#\n",
        config.limits.connections, config.limits.pending
    );
    let mut total = Some(0_u128);
    for row in rows {
        let sum = row.each.map(|each| row.count.saturating_mul(each));
        total = total.zip(sum).map(|(total, sum)| total.saturating_add(sum));
        let arithmetic =
            row.each.map_or_else(String::new, |each| format!("{} x {}", row.count, human(each)));
        let sum = sum.map_or_else(|| "no bound".to_owned(), human);
        // Writing into a string cannot fail.
        let _ = writeln!(text, "# {:<44}{arithmetic:>24}{sum:>14}", row.what);
    }
    let total = total.map_or_else(|| "no bound".to_owned(), human);
    let _ = writeln!(text, "# {:<44}{:>24}{total:>14}", "total", "");
    text.push_str(
        "#\n# Beside it, in the kernel: the socket buffers, bounded by net.ipv4.tcp_rmem and \
         tcp_wmem.\n",
    );
    text
}

fn rows(config: &Config) -> Vec<Row> {
    let limits = &config.limits;
    let wide = |count: usize| count as u128;
    let bound = |count: usize| (count > 0).then_some(wide(count));
    let row = |what, count: usize, each| Row { what, count: wide(count), each: Some(each) };
    let open_row = |what, count: usize, each| Row { what, count: wide(count), each };
    let connections = limits.connections;
    let message = wide(limits.message_bytes.get());
    let head = wide(config.http.header_bytes.get());
    let first = wide(limits.pending_message_bytes.get());
    let waiting = u128::from(limits.waiting_messages) * message;
    // An empty queue takes one message of any length, and an answer of a backend is the longest.
    let answer = if config.backend.url.is_empty() { 0 } else { BACKEND_ANSWER_BYTES };
    // A count of 0 is no bound, so the row has none either.
    let entries = |count: usize, each| bound(count).map(|_| each);
    let mut rows = vec![
        row("connections with their names", connections, CONNECTION_BYTES + NAME_BYTES),
        row("limits.message_bytes, unfinished", connections, message),
        row("limits.waiting_messages, of message_bytes", connections, waiting),
        open_row(
            "limits.outbound_bytes, to slow readers",
            connections,
            bound(limits.outbound_bytes.get()).map(|bytes| bytes.max(answer)),
        ),
        row("http.header_bytes + pending_message_bytes", limits.pending, head + first),
        row(
            "http.requests, of body_bytes",
            config.http.requests,
            wide(config.http.body_bytes.get()),
        ),
        row(
            "admin.connections, of head and body",
            if config.admin.listen.is_empty() { 0 } else { config.admin.connections },
            head + wide(config.http.body_bytes.get()),
        ),
        open_row(
            "limits.replay_entries",
            limits.replay_entries,
            entries(limits.replay_entries, REPLAY_ENTRY_BYTES),
        ),
        open_row(
            "limits.revocations",
            limits.revocations,
            entries(limits.revocations, REVOCATION_BYTES),
        ),
        open_row("limits.addresses", limits.addresses, entries(limits.addresses, ADDRESS_BYTES)),
        row("addresses of pending connections", limits.pending, PENDING_ADDRESS_BYTES),
        open_row("limits.answer_bytes", 1, bound(limits.answer_bytes.get())),
        row("limits.recent_ends, twice", limits.recent_ends * 2, END_BYTES),
        open_row("limits.rooms", limits.rooms, entries(limits.rooms, ROOM_BYTES + NAME_BYTES)),
        row("limits.worker_queue, of message_bytes", limits.worker_queue, message),
        row("limits.workers, stacks", limits.workers, STACK_BYTES),
        row("log.queue, lines", config.log.queue * log::COPIES, LINE_BYTES as u128),
        row("read buffer", 1, READ_BUFFER_BYTES),
    ];
    let backend = &config.backend;
    if !backend.url.is_empty() {
        let caller = STACK_BYTES + BACKEND_ANSWER_BYTES;
        rows.extend([
            row("backend.queue, of message_bytes", backend.queue, message + NAME_BYTES),
            row("backend.queue, of leaves", backend.queue, NAME_BYTES),
            row("backend.workers, stacks and answers", backend.workers, caller),
            row("limits.worker_queue, of answers", limits.worker_queue, BACKEND_ANSWER_BYTES),
        ]);
    } else if cfg!(feature = "recipes") {
        let hash = wide(config.accounts.argon2_memory.get()) + STACK_BYTES;
        rows.extend([
            row("limits.storage_queue, of message_bytes", limits.storage_queue, message),
            row("database", 1, DATABASE_BYTES),
            row("accounts.hashes, of argon2_memory", config.accounts.hashes, hash),
        ]);
    }
    rows
}

/// `bytes` with the largest unit that leaves a whole part, and one decimal.
fn human(bytes: u128) -> String {
    let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    match units.into_iter().find(|(_, shift)| bytes >> shift > 0) {
        Some((unit, shift)) => {
            let tenths = (bytes * 10) >> shift;
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vestibule::config::{Backend, Limits, Size};

    fn total(limits: Limits) -> String {
        let text = memory(&Config { limits, ..Config::default() });
        let line = text.lines().find(|line| line.starts_with("# total")).unwrap();
        line.trim_start_matches("# total").trim().to_owned()
    }

    #[test]
    fn the_total_is_the_sum_of_its_rows() {
        let config = Config {
            limits: Limits { connections: 1_000, pending: 500, ..Limits::default() },
            ..Config::default()
        };
        let sum: u128 = rows(&config).iter().map(|row| row.count * row.each.unwrap()).sum();
        assert_eq!(total(config.limits), human(sum));
    }

    #[test]
    fn a_backend_adds_its_rows_to_the_sum() {
        let url = "http://127.0.0.1:8000".to_owned();
        let backend = Backend { url, ..Backend::default() };
        let of_backends = |config: &Config| {
            rows(config).iter().filter(|row| row.what.contains("backend")).count()
        };
        let with = Config { backend, ..Config::default() };
        assert_eq!((of_backends(&with), of_backends(&Config::default())), (3, 0));
    }

    #[test]
    fn a_limit_that_is_none_makes_the_memory_unbounded() {
        for limits in [
            Limits { outbound_bytes: Size::bytes(0), ..Limits::default() },
            Limits { replay_entries: 0, ..Limits::default() },
            Limits { answer_bytes: Size::bytes(0), ..Limits::default() },
            Limits { rooms: 0, ..Limits::default() },
            Limits { addresses: 0, ..Limits::default() },
        ] {
            assert_eq!(total(Limits { connections: 1, pending: 1, ..limits }), "no bound");
        }
    }

    #[test]
    fn every_line_is_a_comment() {
        let text = memory(&Config::default());
        assert!(text.lines().all(|line| line.starts_with('#')), "{text}");
        assert!(text.parse::<toml::Table>().unwrap().is_empty());
    }

    #[test]
    fn bytes_are_written_for_people() {
        assert_eq!(human(0), "0 B");
        assert_eq!(human(1_023), "1023 B");
        assert_eq!(human(1_536), "1.5 KiB");
        assert_eq!(human(3 << 40), "3.0 TiB");
    }
}
