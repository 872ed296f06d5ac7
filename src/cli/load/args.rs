//! The arguments of `vestibule load`.

use clap::Subcommand;
use vestibule::config::Length;

/// Measure a server: connections, authentications and messages a second, and their latency
///
/// One thread plays all clients: connect, upgrade, `auth` by message with a freshly signed token,
/// chat, close. It works with any server that speaks the protocol and shares the secret that the
/// tokens are signed with. It always ends by itself (--timeout), and exits with 1 if anything
/// failed.
///
/// The server's limits are sized for people. Turn off `limits.messages_per_minute` and the limits of
/// one address and of one user on the server under test, or you measure how fast it refuses;
/// docs/sizing.md has the commands.
///
/// What the numbers mean:
///
/// * connections or operations a second: completed ones, by the wall clock of the measured phase.
///
/// * latency: percentiles of all completed operations, from their start to their end as the
///   client sees them, in microseconds.
///
/// * server CPU: what the scheduler charged to all threads of --pid during the measured phase
///   (/proc/PID/task/*/schedstat), divided by the operations: user and kernel time.
///
/// * server memory: the growth of the resident set of --pid since before the first connect, without
///   pages of files such as its code (Anonymous in /proc/PID/smaps_rollup), divided by the
///   connections. Kernel socket buffers are not in it.
///
/// * failed: what ended in another way than the protocol says, by reason.
///
/// Over TLS (wss://), latency from the TCP connect includes the handshake. Each handshake is a full
/// one, except that the clients of `return` and `storm --resume` resume their sessions, like
/// browsers. This thread does its own part of each, which costs about as much as the server's.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct LoadArgs {
    #[command(subcommand)]
    pub(super) scenario: LoadScenario,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Options of every scenario.
#[derive(Debug, clap::Args)]
pub(super) struct Common {
    /// Where the server listens: ws://HOST:PORT, or wss://HOST:PORT with --ca-file
    #[arg(long, global = true, default_value = "ws://127.0.0.1:8080", value_name = "URL")]
    pub(super) url: String,
    /// PEM file with the authorities that the certificate of a wss:// server may be from
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) ca_file: Option<String>,
    /// Accept any certificate of a wss:// server at a loopback address
    #[arg(long, global = true, conflicts_with = "ca_file")]
    pub(super) insecure: bool,
    /// Process ids of the server, to measure its CPU time and memory: the sum of all
    #[arg(long, global = true, value_delimiter = ',', value_name = "PID[,…]")]
    pub(super) pid: Vec<u32>,
    /// Maximum handshakes in flight; in a storm, connections
    #[arg(long, global = true, default_value_t = 500, value_name = "N")]
    pub(super) concurrency: u32,
    /// Loopback source addresses to use (127.0.0.2, …). 0 means one for every 200 sockets
    #[arg(long, global = true, default_value_t = 0, value_name = "N")]
    pub(super) sources: u32,
    /// Stop the test after this long, even if unfinished
    #[arg(long, global = true, default_value = "120s", value_name = "DURATION")]
    pub(super) timeout: Length,
    /// Print one JSON object instead of the table
    #[arg(long, global = true)]
    pub(super) json: bool,
}

/// The scenarios.
#[derive(Debug, Subcommand)]
pub(super) enum LoadScenario {
    /// Many authenticated connections that say nothing: their memory, and what silence costs
    ///
    /// An operation is a connection: latency is TCP connect to acknowledgement, CPU is that of
    /// connecting. `hold_cpu_us` is the server's CPU in all over --hold.
    Idle(IdleArgs),
    /// Sockets that upgrade and never authenticate: their memory, and when they are closed
    ///
    /// Each must be closed with 1008 `Authentication timeout`. Latency is how late: from the 101
    /// to the close frame, less --auth-timeout. A close more than 1 ms before --auth-timeout,
    /// counted from the upgrade request, is a failure. CPU is per socket, until all are closed.
    Pending(PendingArgs),
    /// Connect, authenticate, close, as fast as it goes
    ///
    /// Latency is TCP connect to acknowledgement; CPU is per connection, its close included.
    Storm(StormArgs),
    /// Each connection sends, awaits its answer, sends again
    ///
    /// Latency is the round trip. Measured after all are connected and had one warm-up round.
    Chat(ChatArgs),
    /// One sends to a room of many
    ///
    /// An operation is one delivery to another connection; latency is send to delivery. The next
    /// message is sent when all have the last one. With --others, further users chat in rooms of
    /// their own at a steady rate, first in quiet and then during a second --duration of this.
    Fanout(FanoutArgs),
    /// Chat at a steady rate, in quiet and then during a storm among silent sockets
    ///
    /// Latency counts from the moment a message was due, not from when it could be sent, so that
    /// a stall counts for every message it held up. Operations and CPU: chat round trips and
    /// authentications during the storm. Silent sockets that time out are replaced.
    Mixed(MixedArgs),
    /// Chat between pairs at a steady rate, in quiet and then while silent sockets pour in
    ///
    /// The sockets upgrade, say nothing and stay, so the server holds ever more of them; the chat
    /// is measured until the last one is upgraded. Latency is the round trip from the moment a
    /// message was due, as above. Operations and CPU: chat round trips and upgrades. More than the
    /// server's `auth.timeout` can let in before it closes the first are too many.
    Surge(SurgeArgs),
    /// Clients chat, the given command restarts the server, and all come back as it tells them
    Return(ReturnArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct IdleArgs {
    /// Connections, each its own user in its own room
    #[arg(long, default_value_t = 10_000, value_name = "N", value_parser = some())]
    pub(super) connections: u32,
    /// Chat round trips on each before the hold
    #[arg(long, default_value_t = 0, value_name = "K")]
    pub(super) warm: u32,
    /// How long they are held
    #[arg(long, default_value = "2s", value_name = "DURATION")]
    pub(super) hold: Length,
}

#[derive(Debug, clap::Args)]
pub(super) struct PendingArgs {
    /// Silent sockets
    #[arg(long, default_value_t = 10_000, value_name = "N", value_parser = some())]
    pub(super) connections: u32,
    /// The server's `auth.timeout`
    #[arg(long, default_value = "5s", value_name = "DURATION")]
    pub(super) auth_timeout: Length,
}

#[derive(Debug, clap::Args)]
pub(super) struct StormArgs {
    /// Connections in all, each its own user in its own room
    #[arg(long, default_value_t = 10_000, value_name = "N", value_parser = storm())]
    pub(super) connections: u32,
    /// Over TLS, resume the session of an earlier connection, which is not measured
    #[arg(long)]
    pub(super) resume: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct ChatArgs {
    /// Connections that chat
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = some())]
    pub(super) connections: u32,
    /// Rooms they share. 0 gives each connection its own room
    #[arg(long, default_value_t = 0, value_name = "R")]
    pub(super) rooms: u32,
    /// How long
    #[arg(long, default_value = "5s", value_name = "DURATION", conflicts_with = "operations")]
    pub(super) duration: Length,
    /// Stop after this many round trips, instead of a duration
    #[arg(long, value_name = "N")]
    pub(super) operations: Option<u64>,
    /// Pause between an answer and the next message
    #[arg(long, default_value = "0s", value_name = "DURATION")]
    pub(super) think: Length,
}

#[derive(Debug, clap::Args)]
pub(super) struct FanoutArgs {
    /// Connections in the room, the sender included
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = room())]
    pub(super) connections: u32,
    /// How long
    #[arg(long, default_value = "5s", value_name = "DURATION")]
    pub(super) duration: Length,
    /// Users that chat in other rooms
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(super) others: u32,
    /// Their chat messages a second, in all
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = rate())]
    pub(super) rate: u32,
    /// How long their chat is measured before the room gets messages
    #[arg(long, default_value = "3s", value_name = "DURATION")]
    pub(super) quiet: Length,
}

#[derive(Debug, clap::Args)]
pub(super) struct MixedArgs {
    /// Connections that chat, each in its own room
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = some())]
    pub(super) connections: u32,
    /// Chat messages a second, in all
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = rate())]
    pub(super) rate: u32,
    /// Sockets that upgrade and say nothing
    #[arg(long, default_value_t = 2_000, value_name = "N")]
    pub(super) silent: u32,
    /// Authentications in the storm
    #[arg(long, default_value_t = 10_000, value_name = "N", value_parser = some())]
    pub(super) storm: u32,
    /// How long the quiet before the storm is measured
    #[arg(long, default_value = "3s", value_name = "DURATION")]
    pub(super) quiet: Length,
}

#[derive(Debug, clap::Args)]
pub(super) struct SurgeArgs {
    /// Pairs that chat, each in its own room
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = pairs())]
    pub(super) pairs: u32,
    /// Chat messages a second, in all
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = rate())]
    pub(super) rate: u32,
    /// Sockets that come, upgrade and say nothing
    #[arg(long, default_value_t = 10_000, value_name = "N", value_parser = some())]
    pub(super) sockets: u32,
    /// How long the quiet before they come is measured
    #[arg(long, default_value = "3s", value_name = "DURATION")]
    pub(super) quiet: Length,
}

#[derive(Debug, clap::Args)]
pub(super) struct ReturnArgs {
    /// Command that restarts the server, for `sh -c`. It may end before the server is back
    #[arg(long, value_name = "COMMAND")]
    pub(super) restart: String,
    /// Connections
    #[arg(long, default_value_t = 10_000, value_name = "N", value_parser = some())]
    pub(super) connections: u32,
    /// How long they stay before the restart
    #[arg(long, default_value = "2s", value_name = "DURATION")]
    pub(super) quiet: Length,
    /// Connections in each room
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = some())]
    pub(super) room_size: u32,
    /// Messages a second, of all clients together
    #[arg(long, default_value_t = 200, value_name = "N", value_parser = rate())]
    pub(super) rate: u32,
    /// Admin listener of the server, HOST:PORT or unix:PATH: the joins that its application was asked
    /// about, or only told of, since the restart are read there
    #[arg(long, value_name = "ADDRESS")]
    pub(super) admin: Option<String>,
    /// How many of a hundred clients do not support resuming
    #[arg(long, default_value_t = 0, value_name = "PERCENT")]
    pub(super) old: u32,
}

impl SurgeArgs {
    /// The number of users that chat.
    pub(super) fn users(&self) -> u32 {
        self.pairs.saturating_mul(2)
    }
}

/// Users are named by seven digits. In practice the memory of this process limits them earlier.
fn some() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=1_000_000)
}

/// With `--resume` each has two users.
fn storm() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=500_000)
}

fn room() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(2..=1_000_000)
}

fn pairs() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=500_000)
}

fn rate() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=200_000)
}

/// What a scenario needs to be prepared before it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Needs {
    /// Users with a token.
    pub(super) users: u32,
    /// Sockets open at once.
    pub(super) sockets: u32,
}

impl LoadScenario {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Idle(_) => "idle",
            Self::Pending(_) => "pending",
            Self::Storm(_) => "storm",
            Self::Chat(_) => "chat",
            Self::Fanout(_) => "fanout",
            Self::Mixed(_) => "mixed",
            Self::Surge(_) => "surge",
            Self::Return(_) => "return",
        }
    }

    pub(super) fn needs(&self, concurrency: u32) -> Needs {
        let all = |n| Needs { users: n, sockets: n };
        match self {
            Self::Idle(idle) => all(idle.connections),
            Self::Pending(pending) => Needs { users: 0, sockets: pending.connections },
            Self::Storm(storm) => Needs {
                users: storm.connections.saturating_mul(1 + u32::from(storm.resume)),
                sockets: storm.connections.min(concurrency),
            },
            Self::Chat(chat) => all(chat.connections),
            Self::Fanout(fanout) => all(fanout.connections.saturating_add(fanout.others)),
            Self::Mixed(mixed) => Needs {
                users: mixed.connections.saturating_add(mixed.storm),
                sockets: mixed
                    .connections
                    .saturating_add(mixed.silent)
                    .saturating_add(mixed.storm.min(concurrency)),
            },
            // It makes its tokens itself.
            Self::Return(returning) => Needs { users: 0, sockets: returning.connections },
            Self::Surge(surge) => {
                Needs { users: surge.users(), sockets: surge.users().saturating_add(surge.sockets) }
            }
        }
    }
}
