//! `[limits]`: how far things may grow.

use super::units::{Length, Size};

section! {
    /// `[limits]`: a bound for everything a peer can grow.
    #[derive(Debug)]
    pub struct Limits at limits:

    /// The memory of the process: every bound on it that you do not set is then
    /// [derived from this one number](#memory-limit), and the worst case fits into it. `0`:
    /// bounds that you do not set have their defaults.
    memory: Size = Size::bytes(0), "`0`, or the least that the rest needs, which is told", restart;

    /// TCP connections in all. 0: what the limit of open files leaves (`ulimit -n`; raised as far
    /// as allowed; 128 are kept for the rest, `admin.connections`, and 2 for each of
    /// `backend.workers`), at most 1048576.
    connections: usize = 0, "0 to 16777216 connections", reload;

    /// Of these, not yet authenticated. 0: half of them. Fewer keeps more room for those who are in
    /// when a storm of silent sockets comes; more lets a storm of honest ones in faster.
    pending: usize = 0, "0 to 16777216 connections, at most `limits.connections`", reload;

    /// Of the pending ones, those of one address; an IPv6 /64 is one address. More are answered
    /// 429, and dropped from 64 beyond it. Many users behind one address need room to come back
    /// together. 0: no limit.
    pending_per_ip: usize = 256, "0 or more connections", reload;

    /// Connections of one user (`sub`), over all rooms. One that does not answer a ping gives way to
    /// a new one. 0: no limit.
    connections_per_user: u32 = 5, "0 to 4294967295 connections", reload;

    /// Connections in one room. A message to a room of so many takes some 2 µs of the processor for
    /// each of them. More are closed with `Room full`, once the application has let them in. 0: no
    /// limit.
    room_members: u32 = 20_000, "0 to 4294967295 connections", reload;

    /// The allowance of an address in a minute, and at once, in points: 10 for a forged token, 1 for
    /// an honest one. Less stops a forger sooner; more keeps users behind one address from feeling
    /// one. 0: no limit.
    auth_per_minute_per_ip: u32 = 120, "0 to 1000000 points", reload;

    /// Addresses that have used some of their allowance and are remembered until it is restored, at
    /// most a minute and some. When it is full, the one with the least used is forgotten. 0: no
    /// limit.
    addresses: usize = 65_536, "0 or more addresses", reload;

    /// Chat messages a minute on one connection, and the burst. Messages of an unknown type, which
    /// are ignored, count among them. 0: no limit, for trusted clients and load tests.
    messages_per_minute: u32 = 30, "0 to 4294967295 messages", reload;

    /// The largest message. Each connection may hold this much of an unfinished one.
    message_bytes: Size = Size::kib(64), "`512` to `16MiB`", reload;

    /// The largest message before authentication, and never more than `message_bytes`. It must hold
    /// your largest token; what strangers can make the node keep grows with it.
    pending_message_bytes: Size = Size::kib(16), "`512` to `16MiB`", reload;

    /// What all who are not authenticated have sent and is not finished, with its buffers. Beyond it
    /// [who holds most is refused](#which-connections-are-closed-when-memory-runs-out). `0`: no limit
    /// but each one's own.
    pending_input_total: Size = Size::bytes(0),
        "`0`, or 4 of the largest requests and more", reload;

    /// What all members have sent and is not finished, or waits for an earlier answer, with its
    /// buffers. Beyond it who holds most is closed. `0`: no limit but each one's own.
    member_input_total: Size = Size::bytes(0), "`0`, or 4 of the largest messages and more", reload;

    /// Messages of one connection that wait for the answer to an earlier one. More wait in the
    /// kernel, and slow that client alone.
    waiting_messages: u32 = 16, "1 to 65536 messages", reload;

    /// Queued to one slow reader; then it is closed. One message may always be queued on an empty
    /// queue. 0: no limit, which lets one reader take all the memory.
    outbound_bytes: Size = Size::kib(256), "`0` or more", reload;

    /// Queued to all readers, with the queues; what they share counts once. Beyond it the slowest
    /// reader is closed. `0`: no limit but each one's own.
    outbound_total: Size = Size::bytes(0),
        "`0`, or 4 times `limits.outbound_bytes` and more", reload;

    /// What the application was asked and has not answered, twice its text and some. Beyond it
    /// messages of members wait, and beyond half of it joins and requests are refused. `0`: no limit
    /// but the queues' own.
    work_total: Size = Size::bytes(0), "`0`, or 4 of the largest requests and more", reload;

    /// Silence after which a ping is sent; the connection ends after 2 that stay unanswered.
    /// Shorter notices the dead sooner and wakes phones more often. `0s`: never.
    ping: Length = Length::from_secs(30), "`0s` to `366d`", reload;

    /// Accepted `auth` messages that are remembered until their token expires. When it is full, the
    /// one nearest to its expiry is forgotten and could be sent again. 0: no limit.
    replay_entries: usize = 65_536, "0 or more messages", reload;

    /// Users whose sessions an operator ended, and whose older tokens stay refused: until the last
    /// of them has expired, where `auth.max_token_life` says when that is, and else for good. When
    /// it is full, the oldest is forgotten. The file in the data directory has at most twice as
    /// many lines and 1024 more. 0: no limit.
    revocations: usize = 65_536, "0 or more users", reload;

    /// Answers that are kept for messages that come twice, in all. When it is full, the stalest
    /// room's go. 0: no limit.
    answer_bytes: Size = Size::kib(16 * 1_024), "`0` or more", reload;

    /// Ends of connections that are remembered for
    /// [`vestibule explain`](admin.md#inspect-a-connection): so many of those who had been in
    /// a room, and as many others, so that no storm of strangers makes the server forget what became
    /// of its users. When it is full, the oldest is forgotten. 0: none.
    recent_ends: usize = 1_024, "0 to 65536 ends", reload;

    /// Rooms whose owner the in-memory application remembers. When it is full, there is no new
    /// room. 0: no limit.
    rooms: usize = 65_536, "0 or more rooms", restart;

    /// Messages whose sender was told `backend_timeout` while the application was at work on them,
    /// and whose answers are still awaited, for who sends them again. When it is full, the one that
    /// has waited longest is given up: sent again, it is answered `backend_timeout` and not done
    /// twice.
    late_answers: usize = 256, "0 to 65536 messages", reload;

    /// Threads for work that blocks; and beside them as many, or as the host has cores where those
    /// are fewer, that check signatures. Each is started when there is work for it.
    workers: usize = 4, "1 to 1024 threads", restart;

    /// Work that waits for a thread. When it is full, the connection that asks is refused. Longer
    /// hides a slow application behind waiting; shorter tells of it.
    worker_queue: usize = 1_024, "1 to 1048576 jobs", restart;

    /// Joins, messages and requests that wait for the embedded recipe chat's database. When it is
    /// full, who asks is refused. Longer rides out a slower disk; shorter tells of it.
    storage_queue: usize = 4_096, "1 to 1048576 jobs", restart;

    /// Accepts, handshakes and signature checks in one turn of the reactor. Fewer keeps chat
    /// quicker during a storm; more ends the storm sooner.
    pending_per_turn: u32 = 64, "1 to 65536", restart;
}

/// Signature checks that are submitted for each thread, at most: so many that none is idle while a
/// turn of the reactor brings new ones, and so few that who is authenticated is checked soon.
const CHECKS_PER_THREAD: usize = 8;

impl Limits {
    /// Signature checks that are with their threads at once.
    pub(crate) fn checks_at_once(&self) -> usize {
        (self.workers * CHECKS_PER_THREAD).max(1)
    }
}
