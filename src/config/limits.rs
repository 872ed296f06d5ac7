//! `[limits]`: how far things may grow.

use super::units::{Length, Size};

section! {
    /// `[limits]`: a bound for everything a peer can grow.
    #[derive(Debug)]
    pub struct Limits at limits:

    /// Memory limit of the process. Every limit on memory that you do not set is [derived from this
    /// one number](#memory-limit), and the worst case fits into it. `0`: limits that you do not set
    /// have their defaults.
    memory: Size = Size::bytes(0), "`0`, or at least what the rest needs", restart;

    /// All TCP connections. 0: as many as the limit of open files allows (`ulimit -n`, raised as
    /// far as possible; 128 are reserved for other files, `admin.connections`, and 2 for each of
    /// `backend.workers`), at most 1048576.
    connections: usize = 0, "0 to 16777216 connections", reload + memory;

    /// Pending connections, which are not yet authenticated. 0: half of all. A lower value leaves
    /// more room for authenticated users during a flood of silent sockets; a higher one admits a
    /// rush of real users faster.
    pending: usize = 0, "0 to 16777216 connections, at most `limits.connections`", reload + memory;

    /// Pending connections of one address; an IPv6 /64 is one address. Further ones get 429, and
    /// from 64 above the limit they are dropped. Many users behind one address need room to
    /// reconnect together. 0: unlimited.
    pending_per_ip: usize = 256, "0 or more connections", reload;

    /// Connections of one user (`sub`), over all rooms, and over all nodes of a
    /// [cluster](cluster.md#what-is-not-shared). One that does not answer a ping is replaced by a new
    /// one. 0: unlimited.
    connections_per_user: u32 = 5, "0 to 4294967295 connections", reload;

    /// Connections in one room. A message to a room of that many takes about 2 µs of CPU for each
    /// of them. Further ones are closed with `Room full`, after the application has admitted them.
    /// 0: unlimited.
    room_members: u32 = 20_000, "0 to 4294967295 connections", reload;

    /// Connections in one room up to which [presence](protocol.md#presence) lists its users, for
    /// clients that ask for it. In a larger room they get the number of connections only. Each change
    /// of a room costs about 0.3 µs for each connection, at most once a second. 0: no presence.
    presence_members: u32 = 64, "0 to 1024 connections", reload;

    /// Authentication rate limit of an address: points per minute, and the burst. A forged token
    /// costs 10, a correctly signed one 1. A lower value stops a forger sooner; a higher one keeps
    /// a forger from affecting other users behind the same address. 0: unlimited.
    auth_per_minute_per_ip: u32 = 120, "0 to 1000000 points", reload;

    /// Key ids per minute of an address, and the burst, that may cause a fetch of `auth.jwks_url` or
    /// a look at `auth.jwks_file` and then turn out not to be there. Further ones cause none, and
    /// are checked with the keys that others' tokens fetch. 0: unlimited; there is at most one fetch
    /// a second.
    missed_keys_per_minute_per_ip: u32 = 60, "0 to 1000000 key ids", reload;

    /// How many client addresses to track for the rate limits of addresses. An entry is dropped when
    /// its points have refilled, after a little more than a minute at most. When the table is full,
    /// the address with the least used is dropped. 0: unlimited.
    addresses: usize = 65_536, "0 or more addresses", reload + memory;

    /// Accepted tokens per minute of one user, and the burst, over all connections. Further ones are
    /// closed with `Too many auth attempts`. Refresh tokens of one account have an allowance
    /// of the same size; further refreshes get 429. 0: unlimited, for load tests as one user.
    auth_per_minute_per_user: u32 = 60, "0 to 1000000 tokens", reload;

    /// How many users to track for the rate limits of users, that of messages once their last
    /// connection is gone. When the table is full, the user with the least used is dropped. 0:
    /// unlimited.
    users: usize = 65_536, "0 or more users", reload + memory;

    /// Chat messages per minute of one user, and the burst, over all connections. A message counts once
    /// more for each 4 KiB of it, unless it is sent again, and for each 4 KiB of an answer that others in
    /// its room get, too. Ignored messages of an unknown type count too. Control frames have an allowance
    /// of the same size. 0: unlimited, for trusted clients and load tests.
    messages_per_minute: u32 = 30, "0 to 4294967295 messages", reload;

    /// HTTP requests per minute of one user, in points, and the burst: each request costs 1, 1 for each
    /// 16 KiB of its answer, and 1 for each KiB that it has others in a room read. Further ones get 429.
    /// 0: unlimited.
    requests_per_minute_per_user: u32 = 600, "0 to 1000000 points", reload;

    /// The same for requests without a token of one address: sign-ins, and the files of a page. An
    /// office behind one address needs more than a user. 0: unlimited.
    requests_per_minute_per_ip: u32 = 6_000, "0 to 1000000 points", reload;

    /// Largest message. Each connection may hold this much of an unfinished one.
    message_bytes: Size = Size::kib(64), "`512` to `16MiB`", reload + memory;

    /// Largest message before authentication, never more than `message_bytes`. It must hold your
    /// largest token. The memory that unauthenticated clients can use grows with it.
    pending_message_bytes: Size = Size::kib(16), "`512` to `16MiB`", reload + memory;

    /// Budget for the unfinished input of all pending connections, including buffers. When it is
    /// exceeded, [the largest holder is
    /// refused](#which-connections-are-closed-when-memory-runs-out). `0`: only the limits of each
    /// connection apply.
    pending_input_total: Size = Size::bytes(0),
        "`0`, or 4 of the largest requests and more", reload + memory;

    /// Budget for the input of all authenticated connections that is unfinished or waits for an
    /// earlier answer, including buffers. When it is exceeded, the largest holder is closed. `0`:
    /// only the limits of each connection apply.
    member_input_total: Size = Size::bytes(0),
        "`0`, or 4 of the largest messages and more", reload + memory;

    /// Messages of one connection that wait for the answer to an earlier one. Further ones wait in
    /// the kernel, which slows down that client only.
    waiting_messages: u32 = 16, "1 to 65536 messages", reload + memory;

    /// Bytes queued to one slow reader; beyond it the connection is closed. One message may always
    /// be queued on an empty queue. 0: unlimited, so one reader can use up all memory.
    outbound_bytes: Size = Size::kib(256), "`0` or more", reload + memory;

    /// Budget for the output queued to all readers, including the queues; memory that they share
    /// counts once. When it is exceeded, the slowest reader is closed. `0`: only the limits of each
    /// connection apply.
    outbound_total: Size = Size::bytes(0),
        "`0`, or 4 times `limits.outbound_bytes` and more", reload + memory;

    /// Budget for unanswered calls to the application: a little more than twice their text. When it
    /// is exceeded, messages of authenticated clients wait; beyond half of it, joins and requests
    /// are refused. `0`: only the limits of the queues apply.
    work_total: Size = Size::bytes(0), "`0`, or 4 of the largest requests and more", reload + memory;

    /// Silence after which a ping is sent; the connection is closed after 2 unanswered pings. A
    /// shorter time detects dead connections sooner, and wakes phones more often. `0s`: never.
    ping: Length = Length::from_secs(30), "`0s` to `366d`", reload;

    /// Accepted `auth` messages that are remembered until their token expires. When the table is
    /// full, one of the user with most of them is dropped and could be replayed. If you do not
    /// set it, it is raised to 3 for each of `limits.connections`, or 9 with `auth.single_use_jti`.
    /// 0: unlimited.
    replay_entries: usize = 65_536, "0 or more messages", reload + memory;

    /// Users whose sessions an operator ended, and whose older tokens stay refused: until the last
    /// of them has expired if `auth.max_token_life` is set, otherwise permanently. When the table
    /// is full, the oldest is dropped. The file in the data directory has at most twice as many
    /// lines, plus 1024. 0: unlimited.
    revocations: usize = 65_536, "0 or more users", reload + memory;

    /// Total size of the answers that are kept for repeated messages; an answer that several
    /// messages share counts once. When it is reached, the answers of the user with most of them are
    /// dropped, in the room that user was silent in longest. If you do not set it, it is raised to
    /// about 2 KiB for each of `limits.connections`. 0: unlimited.
    answer_bytes: Size = Size::kib(16 * 1_024), "`0` or more", reload + memory;

    /// Budget for the last messages of rooms, of which clients that come back get what they have
    /// missed: up to 64 messages and 64 KiB of each room. When it is reached, the messages of the room
    /// that was silent longest are dropped, and its clients start again. 0: none are kept.
    history_bytes: Size = Size::kib(16 * 1_024), "`0` or more", reload + memory;

    /// Closed connections that are remembered for
    /// [`vestibule explain`](admin.md#inspect-a-connection): this many that had been in a room, and
    /// as many others, so that a flood of unauthenticated connections does not displace those of
    /// your users. When a list is full, the oldest of the user, or of the address, with most of them
    /// is dropped. 0: none.
    recent_ends: usize = 1_024, "0 to 65536 ends", reload + memory;

    /// Rooms whose owner the in-memory application remembers. When the table is full, an empty room
    /// of the user with most rooms is dropped; a user who has most cannot create more. 0: unlimited.
    rooms: usize = 65_536, "0 or more rooms", restart + memory;

    /// Messages that got `backend_timeout` while the application was processing them, and whose
    /// answers are still awaited in case the client sends them again. When the table is full, the
    /// oldest one is given up: if it is sent again, it is answered `backend_timeout` and not
    /// processed twice.
    late_answers: usize = 256, "0 to 65536 messages", reload + memory;

    /// Threads for blocking work, plus as many (or as many as the host has cores, if that is fewer)
    /// for signature checks, and as many again (leaving one core, if there are several) for TLS
    /// handshakes. Each thread is started when it is needed.
    workers: usize = 4, "1 to 1024 threads", restart + memory;

    /// Jobs that wait for a thread, which serves their users in turn. When the queue is full, the
    /// newest job of the user with most in it is refused. A longer queue hides a slow application
    /// behind waiting; a shorter one reports it.
    worker_queue: usize = 1_024, "1 to 1048576 jobs", restart + memory;

    /// TLS handshakes that wait for a thread, which serves their addresses in turn; at most
    /// `limits.pending`. When the queue is full, the newest handshake of the address with most in it
    /// is closed, as is one that has waited for half of `http.header_timeout`. A thread does some 4,000
    /// a second (1,700 with RSA). Keep the queue shorter than what the threads do in that half.
    tls_queue: usize = 2_048, "1 to 1048576 handshakes", restart + memory;

    /// Joins, messages and requests that wait for the embedded recipe chat's database, which serves
    /// their users in turn. When the queue is full, the newest of the user with most in it is
    /// refused. A longer queue survives a slower disk; a shorter one reports it.
    storage_queue: usize = 2_048, "1 to 1048576 jobs", restart + memory;

    /// Accepts, first requests and signature checks in one event-loop iteration (turn). A lower
    /// value keeps chat faster during a flood; a higher one ends the flood sooner.
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

    /// TLS handshakes that wait at once. A pending connection has one at most.
    #[cfg(feature = "net")]
    pub(crate) fn handshakes_waiting(&self) -> usize {
        if self.pending == 0 { self.tls_queue } else { self.tls_queue.min(self.pending) }
    }
}
