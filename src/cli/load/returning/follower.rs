//! What a client that supports resuming knows: its place in the room, and when it may come back.

use std::time::Duration;

use serde::Deserialize;
use vestibule::time::Instant;

use crate::cli::load::engine::TextKind;

/// A message of the server, as far as such a client has to read it.
#[derive(Debug, Deserialize)]
pub(super) struct Heard {
    #[serde(rename = "type")]
    kind: String,
    payload: HeardPayload,
}

#[derive(Debug, Deserialize)]
struct HeardPayload {
    request_id: Option<String>,
    position: Option<String>,
    session: Option<HeardSession>,
    resumed: Option<bool>,
    reconnect_after_ms: Option<u64>,
    within_ms: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct HeardSession {
    resume: Option<HeardResume>,
    reconnect: Option<HeardReconnect>,
}

#[derive(Debug, Deserialize)]
struct HeardResume {
    memo: Option<String>,
    position: Option<String>,
}

#[derive(Debug, Deserialize)]
struct HeardReconnect {
    within_ms: u64,
}

impl Heard {
    pub(super) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    pub(super) fn kind(&self) -> TextKind {
        match self.kind.as_str() {
            "recipe_update" if self.payload.session.is_some() => TextKind::Acknowledgement,
            "recipe_update" if self.payload.request_id.is_some() => TextKind::Answer,
            _ => TextKind::Other,
        }
    }
}

/// Follows the positions of a room.
#[derive(Debug)]
pub(super) struct Follower {
    /// The last position: its number, and its text.
    last: Option<(u64, String)>,
    memo: Option<String>,
    /// Messages of its own whose positions it has not seen: it does not get them back.
    own: u64,
    slot_at: Option<Instant>,
    pub(super) within_ms: u64,
    pub(super) resumed: u64,
    pub(super) anew: u64,
    pub(super) missed: u64,
    pub(super) twice: u64,
}

impl Default for Follower {
    fn default() -> Self {
        Self {
            last: None,
            memo: None,
            own: 0,
            slot_at: None,
            within_ms: 1_000,
            resumed: 0,
            anew: 0,
            missed: 0,
            twice: 0,
        }
    }
}

impl Follower {
    /// What its `auth` says.
    pub(super) fn request(&self) -> String {
        match &self.last {
            Some((_, position)) => {
                let memo = self.memo.as_deref().unwrap_or_default();
                format!("{{\"memo\":\"{memo}\",\"position\":\"{position}\"}}")
            }
            None => "{}".to_owned(),
        }
    }

    /// It has said something.
    pub(super) fn said(&mut self) {
        self.own += 1;
    }

    /// When it may come back, if the server has said so.
    pub(super) fn take_slot(&mut self) -> Option<Instant> {
        self.slot_at.take()
    }

    /// Takes a message in.
    pub(super) fn follow(&mut self, heard: &Heard, now: Instant) {
        let payload = &heard.payload;
        if let Some(millis) = payload.reconnect_after_ms {
            self.slot_at = Some(now + Duration::from_millis(millis));
            self.within_ms = payload.within_ms.unwrap_or(self.within_ms);
        }
        if let Some(session) = &payload.session {
            if let Some(reconnect) = &session.reconnect {
                self.within_ms = reconnect.within_ms;
            }
            let resume = session.resume.as_ref();
            if let Some(memo) = resume.and_then(|resume| resume.memo.clone()) {
                self.memo = Some(memo);
            }
            let position = resume.and_then(|resume| resume.position.as_deref());
            if let (Some(position), Some(resumed)) = (position, payload.resumed) {
                self.enter(position, resumed);
            }
            return;
        }
        let Some((number, position)) = payload.position.as_deref().and_then(split) else { return };
        match &self.last {
            // An answer says where its room stands.
            Some((last, _)) if number <= *last && payload.request_id.is_some() => return,
            Some((last, _)) if number <= *last => self.twice += 1,
            Some((last, _)) => {
                let is_other = u64::from(payload.request_id.is_none());
                let unseen = number - last - is_other;
                let own = unseen.min(self.own);
                self.own -= own;
                self.missed += unseen - own;
            }
            None => {}
        }
        self.last = Some((number, position));
    }

    /// It is in its room, and goes on where it was or begins anew.
    fn enter(&mut self, position: &str, resumed: bool) {
        let Some((number, position)) = split(position) else { return };
        self.own = 0;
        match &self.last {
            Some((last, _)) if resumed => {
                self.resumed += 1;
                // The same place: what it has missed follows.
                self.missed += number.abs_diff(*last);
            }
            before => {
                self.anew += u64::from(before.is_some());
                self.last = Some((number, position));
            }
        }
    }
}

/// The number of a position, and the position.
fn split(position: &str) -> Option<(u64, String)> {
    let (number, _) = position.split_once('.')?;
    Some((number.parse().ok()?, position.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(follower: &mut Follower, payload: &str) {
        let heard = Heard::parse(&format!("{{\"type\":\"recipe_update\",\"payload\":{payload}}}"));
        follower.follow(&heard.unwrap(), Instant::START);
    }

    fn acknowledge(follower: &mut Follower, position: &str, resumed: bool) {
        let session = format!(
            "{{\"resume\":{{\"memo\":\"AAAB\",\"position\":\"{position}\"}},\"reconnect\":{{\"within_ms\":2500}}}}"
        );
        hear(
            follower,
            &format!("{{\"request_id\":\"a\",\"session\":{session},\"resumed\":{resumed}}}"),
        );
    }

    #[test]
    fn gaps_and_repetitions_are_counted() {
        let mut follower = Follower::default();
        assert_eq!(follower.request(), "{}");
        acknowledge(&mut follower, "4.AA", false);
        assert_eq!((follower.within_ms, follower.anew), (2_500, 0));
        for number in [5, 6, 9, 9] {
            hear(&mut follower, &format!("{{\"request_id\":null,\"position\":\"{number}.AA\"}}"));
        }
        assert_eq!((follower.missed, follower.twice), (2, 1));
        assert_eq!(follower.request(), "{\"memo\":\"AAAB\",\"position\":\"9.AA\"}");
        acknowledge(&mut follower, "9.AA", true);
        hear(&mut follower, "{\"request_id\":null,\"position\":\"10.AA\"}");
        hear(&mut follower, "{\"request_id\":null,\"position\":\"11.AA\"}");
        assert_eq!((follower.missed, follower.twice, follower.resumed), (2, 1, 1));
        acknowledge(&mut follower, "12.AA", true);
        assert_eq!(follower.missed, 3);
        acknowledge(&mut follower, "0.BB", false);
        assert_eq!((follower.anew, follower.missed), (1, 3));
    }

    #[test]
    fn own_messages_are_no_gap() {
        let mut follower = Follower::default();
        acknowledge(&mut follower, "4.AA", false);
        follower.said();
        hear(&mut follower, "{\"request_id\":\"m\",\"position\":\"5.AA\"}");
        follower.said();
        // Another message comes before the answer.
        hear(&mut follower, "{\"request_id\":null,\"position\":\"7.AA\"}");
        hear(&mut follower, "{\"request_id\":\"m\",\"position\":\"7.AA\"}");
        assert_eq!((follower.missed, follower.twice), (0, 0));
        hear(&mut follower, "{\"request_id\":\"m\",\"position\":\"8.AA\"}");
        assert_eq!(follower.missed, 1);
    }

    #[test]
    fn slot_is_taken_once() {
        let mut follower = Follower::default();
        hear(&mut follower, "{\"reconnect_after_ms\":1500}");
        assert_eq!(follower.take_slot(), Some(Instant::START + Duration::from_millis(1_500)));
        assert_eq!(follower.take_slot(), None);
    }

    #[test]
    fn last_word_on_the_back_off_counts() {
        let mut follower = Follower::default();
        acknowledge(&mut follower, "4.AA", false);
        hear(&mut follower, "{\"reconnect_after_ms\":1500,\"within_ms\":1200}");
        assert_eq!(follower.within_ms, 1_200);
        hear(&mut follower, "{\"reconnect_after_ms\":1500}");
        assert_eq!(follower.within_ms, 1_200);
        acknowledge(&mut follower, "4.AA", true);
        assert_eq!(follower.within_ms, 2_500);
    }
}
