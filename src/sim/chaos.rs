//! What operators and machines do to a server that runs: new keys, new limits, orders about a user,
//! and a process that is stopped for a while.

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};

use super::engine::Engine;
use super::scenario::Disturbance::{self, Disconnect, NewKey, NewLimits, RequireAuth, Stop};
use super::trace::TraceEvent;
use crate::auth::Verifier;
use crate::config::Size;
use crate::id::Rng;
use crate::node::Node;
use crate::time::Instant;

const ALL: [Disturbance; 5] = [NewKey, NewLimits, RequireAuth, Disconnect, Stop];

/// Every third stop is of up to 20 minutes, so that sessions and tokens end meanwhile; the others of
/// up to 20 seconds.
const LONG_STOP: Duration = Duration::from_secs(20 * 60);
const SHORT_STOP: Duration = Duration::from_secs(20);

/// What is done, and when: up to 12 times before `end`.
pub(super) fn drawn(rng: &mut Rng, end: Duration) -> Vec<(Instant, Disturbance)> {
    let mut draw = || {
        let at = Duration::from_micros(rng.below(end.as_micros() as u64));
        let which = ALL.get(rng.below(ALL.len() as u64) as usize);
        which.map(|&disturbance| (Instant::START + at, disturbance))
    };
    let count = 4 + draw().map_or(0, |(at, _)| at.as_micros() % 9);
    (0..count).filter_map(|_| draw()).collect()
}

impl Engine {
    /// The process stops from here on.
    pub(super) fn stop(&mut self) {
        self.note(&TraceEvent::Disturbance(Stop));
        let longest = if self.rng.below(3) == 0 { LONG_STOP } else { SHORT_STOP };
        let left = (Instant::START + self.scenario.length).since(self.now.monotonic);
        let micros = self.rng.below(longest.min(left).as_micros() as u64 + 1);
        self.stop = Duration::from_micros(micros);
    }

    /// All but a stop reaches the node in a turn, as everything does that other threads leave.
    pub(super) fn disturb(&mut self, node: &mut Node, disturbance: Disturbance) {
        self.note(&TraceEvent::Disturbance(disturbance));
        match disturbance {
            NewKey => {
                self.key_changed = self.now.monotonic;
                self.tokens += 1;
                let secret = format!("simulated secret, number {:09}.", self.tokens);
                self.key = EncodingKey::from_secret(secret.as_bytes());
                self.scenario.config.auth.secret = secret;
                self.reconfigure(node);
            }
            NewLimits => {
                let limits = &mut self.scenario.config.limits;
                limits.auth_per_minute_per_ip = 60 + self.rng.below(61) as u32;
                limits.pending_per_ip = 8 + self.rng.below(100) as usize;
                limits.replay_entries = 60_000 + self.rng.below(2) as usize;
                // These only grow: what was taken before may stay.
                limits.waiting_messages = limits.waiting_messages.max(16);
                limits.outbound_bytes = limits.outbound_bytes.max(Size::kib(64));
                self.reconfigure(node);
            }
            RequireAuth => {
                let user = self.some_user();
                self.ledger.lock().required(&user, self.now.monotonic);
                node.require_auth(self.now, &user);
            }
            Disconnect => {
                let user = self.some_user();
                self.revoked.insert(user.clone(), self.now.monotonic);
                node.disconnect(self.now, &user);
            }
            Stop => {}
        }
    }

    /// A token of `user` that expires `life` seconds from now, or did so before. All differ.
    pub(super) fn token(&mut self, user: &str, life: i64) -> String {
        self.tokens += 1;
        let exp = (self.now.unix.as_millis() / 1_000).saturating_add_signed(life);
        let mut claims =
            serde_json::json!({ "sub": user, "exp": exp, "jti": self.tokens.to_string() });
        if self.scenario.disturbances
            && let Some(claims) = claims.as_object_mut()
        {
            claims.insert("iat".to_owned(), (self.now.unix.as_millis() / 1_000).into());
        }
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.key);
        token.unwrap_or_else(|error| {
            self.fail(format!("a token cannot be signed: {error}"));
            String::new()
        })
    }

    /// One of those that honest clients come as, perhaps.
    fn some_user(&mut self) -> String {
        format!("user-{}", self.rng.below(4))
    }

    fn reconfigure(&mut self, node: &mut Node) {
        let config = &self.scenario.config;
        match Verifier::new(&config.auth) {
            Ok(verifier) => node.reconfigure(self.now, config, verifier),
            Err(fault) => self.fail(format!("the new key cannot be used: {fault}")),
        }
    }

    /// May a token of `user` that was made at `made` be refused because of what an operator did?
    pub(super) fn was_revoked(&self, user: &str, made: Instant) -> bool {
        // `iat` counts whole seconds: a token of the revocation's own second is refused as well.
        self.revoked.get(user).is_some_and(|&at| made <= at + Duration::from_secs(1))
    }

    /// May a token that was made at `made` be signed with a key that is no longer good?
    pub(super) fn key_was_replaced(&self, made: Instant) -> bool {
        made <= self.key_changed
    }
}

/// What a forger has learnt: how often its tokens were looked at.
#[derive(Debug, Default)]
pub(super) struct Loot {
    looked_at: u64,
    since: Option<Instant>,
}

/// The largest allowance of [`Disturbance::NewLimits`], and of the default.
const MOST_POINTS: u64 = 120;

impl Loot {
    /// A forged token was called invalid: it was looked at.
    ///
    /// # Errors
    /// More often than the address's allowance lets it: 10 points each of `MOST_POINTS` a minute,
    /// all of them at once in the beginning, and one beyond.
    pub(super) fn count(&mut self, now: Instant) -> Result<(), String> {
        let since = *self.since.get_or_insert(now);
        self.looked_at += 1;
        let drained = now.since(since).as_secs_f64() / 60.0 * MOST_POINTS as f64;
        if (self.looked_at * 10) as f64 > (MOST_POINTS + 10) as f64 + drained + 10.0 {
            return Err(format!("{} forged tokens were looked at since {since:?}", self.looked_at));
        }
        Ok(())
    }
}
