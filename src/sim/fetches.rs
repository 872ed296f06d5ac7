//! Fetches of keys from the simulated issuer, which take their time and fail.

use std::time::Duration;

use super::engine::{Engine, MailboxItem, TimedEvent};
use crate::node::{Fetched, KeyNews, KeyRequest};

/// The shortest time between the beginnings of two fetches.
const BETWEEN: Duration = Duration::from_secs(1);
/// How long keys are fresh that nobody asks for.
const FRESH: Duration = Duration::from_secs(600);

impl Engine {
    /// The node asks for keys.
    pub(super) fn ask_issuer(&mut self, request: KeyRequest) {
        let now = self.now.monotonic;
        let Some(issuer) = &mut self.issuer else { return };
        issuer.asked = request.serial;
        let soonest = issuer.last.map_or(now, |last| last + BETWEEN);
        self.at(soonest.max(now + request.after), TimedEvent::Fetch);
    }

    /// A fetch begins, if none is under way and the last one is long enough ago.
    pub(super) fn begin_fetch(&mut self) {
        let now = self.now.monotonic;
        let fails = !self.is_healed && self.rng.below(3) > 0;
        let millis = match self.rng.below(if self.is_healed { 1 } else { 4 }) {
            0..3 => self.rng.below(1_000),
            _ => 1_000 + self.rng.below(5_000),
        };
        let Some(issuer) = &mut self.issuer else { return };
        if issuer.fetching.is_some() || issuer.last.is_some_and(|last| now < last + BETWEEN) {
            return;
        }
        issuer.last = Some(now);
        let fetched = match issuer.keys() {
            Some(keys) if !fails => Fetched::Keys(keys),
            _ => Fetched::Nothing,
        };
        issuer.fetching = Some(KeyNews { issuer: 0, answers: issuer.asked, fetched });
        self.at(now + Duration::from_millis(millis), TimedEvent::Fetched);
    }

    /// A fetch is over. The next one begins soon if it failed, or somebody has asked meanwhile.
    pub(super) fn end_fetch(&mut self) {
        let now = self.now.monotonic;
        let Some(issuer) = &mut self.issuer else { return };
        let Some(news) = issuer.fetching.take() else { return };
        let is_over = news.answers == issuer.asked && !matches!(news.fetched, Fetched::Nothing);
        self.mail.push_back(MailboxItem::Keys(news));
        self.at(now + if is_over { FRESH } else { BETWEEN }, TimedEvent::Fetch);
    }
}
