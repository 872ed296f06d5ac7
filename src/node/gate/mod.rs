//! The gate: from the first byte of a connection to an authenticated user in a room.
//!
//! ```text
//! accept ─▶ proxy header ─▶ request head ─▶ 101 ─▶ token ─▶ signature ─▶ claims ─▶ place ─▶ join
//!   limits.rs   proxy.rs      head.rs               tokens.rs   checks.rs        user_limit  join.rs
//! ```

pub(crate) mod checks;
pub(crate) mod drain;
pub(crate) mod forwarded;
pub(crate) mod head;
pub(crate) mod join;
pub(crate) mod legacy;
pub(crate) mod limits;
pub(crate) mod places;
pub(crate) mod proxy;
pub(crate) mod target;
pub(crate) mod tokens;
pub(crate) mod upgrade;
pub(crate) mod user_limit;

use self::checks::Checks;
use self::drain::Drain;
use self::legacy::LogThrottle;
use self::places::Places;
use self::user_limit::UserLimit;
use crate::auth::{AddressLimiter, KeyError, ReplaySet, Revocations, Verifier};
use crate::config::Config;
use crate::id::{Rng, Seed};
use crate::node::observe::MinuteThrottle;

/// Who may come in.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) verifier: Verifier,
    pub(crate) replays: ReplaySet,
    pub(crate) revocations: Revocations,
    pub(crate) limiter: AddressLimiter,
    checks: Checks,
    legacy_log: LogThrottle,
    /// Connections beyond the bound, each in a slot for a refusal.
    pub(crate) refusals: Places,
    /// Users with new connections and no place for them.
    pub(crate) user_limit: UserLimit,
    pub(crate) drain: Option<Drain>,
    /// Spreads re-authentications, and what a drain closes.
    rng: Rng,
    /// Tokens that were refused as they may live longer than any may.
    long_tokens: MinuteThrottle,
}

impl Gate {
    pub(crate) fn new(config: &Config, seed: &Seed) -> Result<Self, KeyError> {
        let limits = &config.limits;
        let mut revocations = Revocations::new(limits.revocations);
        bound(&mut revocations, config);
        Ok(Self {
            verifier: Verifier::new(&config.auth)?,
            replays: ReplaySet::new(limits.replay_entries),
            revocations,
            limiter: AddressLimiter::new(limits.auth_per_minute_per_ip, limits.addresses),
            checks: Checks::new(limits.checks_at_once()),
            legacy_log: LogThrottle::default(),
            refusals: Places::default(),
            user_limit: UserLimit::default(),
            drain: None,
            rng: seed.derive("spread of re-authentications").rng(),
            long_tokens: MinuteThrottle::default(),
        })
    }

    /// From here on goes by `config`, and checks tokens with `verifier`.
    pub(crate) fn reconfigure(&mut self, config: &Config, verifier: Verifier) {
        let limits = &config.limits;
        self.verifier = verifier;
        self.replays.set_capacity(limits.replay_entries);
        bound(&mut self.revocations, config);
        self.limiter.set_allowance(limits.auth_per_minute_per_ip, limits.addresses);
        self.checks.set_limit(limits.checks_at_once());
    }
}

/// Has the table go by `config` from here on.
fn bound(revocations: &mut Revocations, config: &Config) {
    revocations.set_capacity(config.limits.revocations);
    revocations.set_token_life(config.auth.max_token_life.get(), config.auth.leeway.get());
}
