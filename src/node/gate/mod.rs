//! The gate: from the first byte of a connection to an authenticated user in a room.
//!
//! ```text
//! accept ─▶ proxy header ─▶ request head ─▶ 101 ─▶ token ─▶ signature ─▶ claims ─▶ place ─▶ join
//!   limits.rs   proxy.rs      head.rs               tokens.rs   checks.rs        user_limit  join.rs
//! ```

pub(crate) mod admin_key;
pub(crate) mod checks;
pub(crate) mod drain;
pub(crate) mod forwarded;
pub(crate) mod governor;
pub(crate) mod head;
pub(crate) mod headers;
pub(crate) mod join;
pub(crate) mod key_reads;
pub(crate) mod key_waits;
pub(crate) mod legacy;
pub(crate) mod limits;
pub(crate) mod memos;
pub(crate) mod operator;
pub(crate) mod places;
pub(crate) mod proxy;
pub(crate) mod target;
pub(crate) mod tokens;
pub(crate) mod upgrade;
pub(crate) mod user_limit;
pub(crate) mod user_word;
pub(crate) mod users_elsewhere;

use self::checks::Checks;
use self::drain::Drain;
use self::governor::Governor;
use self::legacy::LegacyLog;
use self::limits::Limits;
use self::memos::Memos;
use self::places::Places;
use self::tokens::Tokens;
use self::user_limit::UserLimit;
use crate::auth::{KeyError, Verifier};
use crate::config::Config;
use crate::id::{Rng, Seed};
use crate::time::Now;

/// What decides whether a connection gets into its room.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) tokens: Tokens,
    pub(crate) limits: Limits,
    /// Signatures that workers check.
    pub(crate) checks: Checks,
    pub(crate) legacy_log: LegacyLog,
    /// Connections beyond the bound, each in a slot for a refusal.
    pub(crate) refusals: Places,
    /// Users with new connections and no place for them.
    pub(crate) user_limit: UserLimit,
    pub(crate) drain: Option<Drain>,
    /// How fast clients can be let in.
    pub(crate) governor: Governor,
    /// What clients that come back bring along.
    pub(crate) memos: Memos,
    /// Spreads re-authentications, and what a drain closes.
    pub(crate) rng: Rng,
}

impl Gate {
    pub(crate) fn new(config: &Config, seed: &Seed) -> Result<Self, KeyError> {
        Ok(Self {
            tokens: Tokens::new(config, seed)?,
            limits: Limits::new(config),
            checks: Checks::new(seed, config.limits.checks_at_once()),
            legacy_log: LegacyLog::default(),
            refusals: Places::default(),
            user_limit: UserLimit::default(),
            drain: None,
            governor: Governor::default(),
            memos: Memos::new(config, seed),
            rng: seed.derive("spread of re-authentications").rng(),
        })
    }

    /// From here on goes by `config`, and checks tokens with `verifier`.
    pub(crate) fn reconfigure(&mut self, now: Now, config: &Config, verifier: Verifier) {
        self.tokens.reconfigure(now, config, verifier);
        self.limits.reconfigure(config);
        self.memos.reconfigure(config);
        self.checks.set_limit(config.limits.checks_at_once());
    }
}
