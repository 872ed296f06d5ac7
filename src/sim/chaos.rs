//! Disturbances by operators and machines: new keys, new limits, orders about a user, and a process
//! that stops for a while.

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};

use super::engine::{Engine, News};
use super::issuer::Issuer;
use super::network::LinkId;
use super::scenario::Disturbance::{self, Disconnect, NewKey, NewLimits, RequireAuth, Stop};
use super::trace::TraceEvent;
use crate::auth::Verifier;
use crate::config::Size;
use crate::id::Rng;
use crate::node::Node;
use crate::time::{Instant, UnixTime};

const ALL: [Disturbance; 5] = [NewKey, NewLimits, RequireAuth, Disconnect, Stop];

/// One stop in three lasts up to 20 minutes, so that sessions and tokens expire during it. The
/// others last up to 20 seconds.
const LONG_STOP: Duration = Duration::from_secs(20 * 60);
const SHORT_STOP: Duration = Duration::from_secs(20);

/// Draws up to 12 disturbances, each with a time before `end`.
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
    /// Breaks a link: by a reset, by silence, or by ending one side.
    pub(super) fn break_link(&mut self, link: LinkId) {
        let fate = self.rng.below(4);
        let Some(open) = self.link(link) else { return };
        let client = open.client;
        match fate {
            0 | 1 => self.reset(link),
            2 => self.end(link),
            _ => {
                open.vanish();
                open.is_over = true;
            }
        }
        if fate != 2 {
            self.news.push_back((client, link, News::Ended));
        }
    }

    /// Draws how long the process stops from now on.
    pub(super) fn stop(&mut self) {
        self.note(&TraceEvent::Disturbance(Stop));
        let longest = if self.rng.below(3) == 0 { LONG_STOP } else { SHORT_STOP };
        let left = (Instant::START + self.scenario.length).since(self.now.monotonic);
        let micros = self.rng.below(longest.min(left).as_micros() as u64 + 1);
        self.stop = Duration::from_micros(micros);
    }

    /// Sets the wall clock by up to an hour.
    pub(super) fn set_wall_clock(&mut self) {
        self.note(&TraceEvent::WallClock);
        let millis = self.now.unix.as_millis() + self.rng.below(7_200_000);
        self.now.unix = UnixTime::from_millis(millis.saturating_sub(3_600_000));
        self.ledger.lock().now = self.now;
    }

    /// Carries out a disturbance other than a stop. It reaches the node in a turn, as everything
    /// does that another thread leaves.
    pub(super) fn disturb(&mut self, node: &mut Node, disturbance: Disturbance) {
        self.note(&TraceEvent::Disturbance(disturbance));
        match disturbance {
            NewKey => {
                self.key_changed = self.now.monotonic;
                self.tokens += 1;
                let secret = format!("simulated secret, number {:09}.", self.tokens);
                self.key = EncodingKey::from_secret(secret.as_bytes());
                // An issuer tells nobody: the node finds out by the tokens.
                if let Some(issuer) = &mut self.issuer {
                    issuer.publish(&secret, self.tokens);
                } else {
                    self.scenario.config.auth.secret = secret;
                    self.reconfigure(node);
                }
            }
            NewLimits => {
                let limits = &mut self.scenario.config.limits;
                limits.auth_per_minute_per_ip = 60 + self.rng.below(61) as u32;
                limits.pending_per_ip = 8 + self.rng.below(100) as usize;
                limits.replay_entries = 60_000 + self.rng.below(2) as usize;
                // These limits only grow, so that messages accepted earlier stay within them.
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

    /// A token of `user` that expires in `life` seconds; a negative `life` makes an expired one. No
    /// two tokens are equal.
    pub(super) fn token(&mut self, user: &str, life: i64) -> String {
        self.tokens += 1;
        let exp = (self.now.unix.as_millis() / 1_000).saturating_add_signed(life);
        let mut claims =
            serde_json::json!({ "sub": user, "exp": exp, "jti": self.tokens.to_string() });
        if (self.scenario.disturbances || self.scenario.dates_tokens)
            && let Some(claims) = claims.as_object_mut()
        {
            claims.insert("iat".to_owned(), (self.now.unix.as_millis() / 1_000).into());
        }
        let kid = self.issuer.as_ref().map(|issuer| issuer.key_id.clone());
        let header = Header { kid, ..Header::new(Algorithm::HS256) };
        let token = jsonwebtoken::encode(&header, &claims, &self.key);
        token.unwrap_or_else(|error| {
            self.fail(format!("a token cannot be signed: {error}"));
            String::new()
        })
    }

    /// Draws a user. Honest clients use some of these names.
    fn some_user(&mut self) -> String {
        format!("user-{}", self.rng.below(4))
    }

    fn reconfigure(&mut self, node: &mut Node) {
        let config = &self.scenario.config;
        match Verifier::new(&config.auth) {
            Ok(mut verifier) => {
                if let Some(keys) = self.issuer.as_ref().and_then(Issuer::keys) {
                    verifier.replace_keys(keys);
                }
                node.reconfigure(self.now, config, verifier);
            }
            Err(fault) => self.fail(format!("the new key cannot be used: {fault}")),
        }
    }

    /// May a token of `user` that was issued at `made` be refused because of an operator's order?
    pub(super) fn was_revoked(&self, user: &str, made: Instant) -> bool {
        // `iat` is in whole seconds: a token issued in the same second as the revocation is refused
        // too.
        self.revoked.get(user).is_some_and(|&at| made <= at + Duration::from_secs(1))
    }

    /// May a token that was issued at `made` have been signed with a key that was replaced since?
    pub(super) fn key_was_replaced(&self, made: Instant) -> bool {
        made <= self.key_changed
    }
}

/// Counts how many of a forger's tokens the server verified.
#[derive(Debug, Default)]
pub(super) struct ForgeryCount {
    verified: u64,
    since: Option<Instant>,
}

/// The largest allowance of [`Disturbance::NewLimits`], and of the default.
const MOST_POINTS: u64 = 120;

impl ForgeryCount {
    /// Counts a forged token that was refused as invalid, which means that the server verified it.
    ///
    /// # Errors
    /// The server verified more tokens than the address's allowance permits. Each costs 10 points;
    /// the allowance is `MOST_POINTS`, refilled over a minute. One token more is tolerated.
    pub(super) fn count(&mut self, now: Instant) -> Result<(), String> {
        let since = *self.since.get_or_insert(now);
        self.verified += 1;
        let drained = now.since(since).as_secs_f64() / 60.0 * MOST_POINTS as f64;
        if (self.verified * 10) as f64 > (MOST_POINTS + 10) as f64 + drained + 10.0 {
            return Err(format!("{} forged tokens were verified since {since:?}", self.verified));
        }
        Ok(())
    }
}
