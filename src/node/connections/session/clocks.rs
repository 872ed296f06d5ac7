//! The clocks of a session: when its token must be renewed, and when it ends.

use std::time::Duration;

use crate::id::Rng;
use crate::node::policy::Policy;
use crate::protocol::ReauthReason;
use crate::time::{Instant, Now, UnixTime};

/// The shortest time from an accepted `auth` to the next request for a token. A client that answers
/// with the token that it had would otherwise be asked after ever shorter halves of what is left.
pub(crate) const SHORTEST_INTERVAL: Duration = Duration::from_secs(5);

/// When a token's session must be renewed, fixed when its `auth` was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clocks {
    /// When a fresh token is asked for; at the token's end, none is.
    pub(crate) reauth_at: Instant,
    /// Why it is asked for then.
    pub(crate) reason: ReauthReason,
    /// When the token runs out, whatever the wall clock does meanwhile.
    pub(crate) token_end: Instant,
}

impl Clocks {
    /// Protocol, section 5: the earlier of the session's age and the token's expiry, and a random
    /// bit before that, so that clients that came together do not come back together. `token_end`
    /// is later than `expires` by the leeway, in which a token is taken, but should not be needed.
    pub(crate) fn new(
        now: Now,
        (expires, token_end): (UnixTime, UnixTime),
        policy: &Policy,
        rng: &mut Rng,
    ) -> Self {
        let life = expires.since(now.unix);
        let lead = policy.reauth_before_expiry;
        let until_expiring = if life < lead * 2 { life / 2 } else { life - lead };
        let by_age = !policy.reauth_after.is_zero() && policy.reauth_after < until_expiring;
        let (interval, reason) = if by_age {
            (policy.reauth_after, ReauthReason::SessionAge)
        } else {
            (until_expiring, ReauthReason::TokenExpiring)
        };
        let spread = policy.reauth_spread.min(interval / 10);
        let earlier = rng.below(u64::try_from(spread.as_micros()).unwrap_or(u64::MAX));
        let interval = (interval - Duration::from_micros(earlier)).max(SHORTEST_INTERVAL);
        let token_end = now.monotonic + token_end.since(now.unix);
        Self { reauth_at: (now.monotonic + interval).min(token_end), reason, token_end }
    }
}
