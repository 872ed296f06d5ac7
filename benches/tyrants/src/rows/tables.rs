//! Tables with a last entry: whose entry goes when one user fills them.

use std::collections::VecDeque;
use std::error::Error;
use std::time::{Duration, Instant};

use super::attacker_at;
use crate::Bench;
use crate::client::{Chat, Origin, Outcome};
use crate::report::Report;
use crate::server::{VICTIMS, token};

const VICTIM_COUNT: usize = 10;

/// The longest that an attacker goes on.
fn until(bench: &Bench) -> Instant {
    Instant::now() + bench.phase * 2
}

/// `auth` messages that were used: whether they stay refused, recorded or with the token alone.
pub(super) fn replays(bench: &Bench) -> Result<Report, Box<dyn Error>> {
    let keys = [("auth.single_use_jti", "true"), ("limits.replay_entries", "48")];
    let server = bench.start(&["--app", "memory"], &keys)?;
    let origin = server.origin(VICTIMS);
    let used: Vec<_> = (0..VICTIM_COUNT).map(|index| token(&format!("victim-{index}"))).collect();
    let present = |index: usize, id: &str, token: &str| -> Outcome {
        let mut chat = Chat::upgrade(&origin, &format!("room-{index}"))?;
        chat.authenticate(&format!("{id}-{index}"), token)?;
        chat.leave();
        Ok(())
    };
    for (index, token) in used.iter().enumerate() {
        present(index, "recorded", token)?;
    }
    let done = reconnect(&server.origin(attacker_at(1)), 1_000, until(bench));
    let refused = |id: &str| {
        let is_refused = |(index, token): &(usize, &String)| present(*index, id, token).is_err();
        used.iter().enumerate().filter(is_refused).count()
    };
    let mut report = Report::default();
    for (id, what) in [("recorded", "recorded `auth` messages"), ("fresh", "used tokens")] {
        let measure = format!("{what} that stay refused");
        report.kept(&measure, refused(id), VICTIM_COUNT, format!("{done} tokens accepted"));
    }
    Ok(report)
}

/// Rooms in memory: whether others can create one.
pub(super) fn rooms(bench: &Bench) -> Result<Report, Box<dyn Error>> {
    let server = bench.start(&["--app", "memory"], &[("limits.rooms", "32")])?;
    let attacker = server.origin(attacker_at(1));
    let (mut open, mut created) = (VecDeque::new(), 0);
    let end = until(bench);
    for index in 0..50 {
        if Instant::now() > end {
            break;
        }
        if let Ok(chat) = Chat::join(&attacker, &format!("mine-{index}"), &token("mallory")) {
            created += 1;
            open.push_back(chat);
        }
        if open.len() == 5
            && let Some(oldest) = open.pop_front()
        {
            Chat::leave(oldest);
        }
    }
    let origin = server.origin(VICTIMS);
    let joins = |index: &usize| {
        let user = format!("victim-{index}");
        Chat::join(&origin, &user, &token(&user)).map(Chat::leave).is_ok()
    };
    let mut report = Report::default();
    let joined = (0..VICTIM_COUNT).filter(joins).count();
    report.kept("new rooms of others", joined, VICTIM_COUNT, format!("{created} rooms created"));
    Ok(report)
}

/// Closed connections: whether those of others are still remembered.
pub(super) fn ends(bench: &Bench) -> Result<Report, Box<dyn Error>> {
    let server = bench.start(&["--app", "memory"], &[("limits.recent_ends", "32")])?;
    let origin = server.origin(VICTIMS);
    let victims: Vec<_> = (0..VICTIM_COUNT).map(|index| format!("victim-{index}")).collect();
    for user in &victims {
        Chat::join(&origin, user, &token(user))?.leave();
    }
    let done = reconnect(&server.origin(attacker_at(1)), 5_000, until(bench));
    let is_known = |user: &&String| {
        let ends = server.ask(&format!("GET /v1/ends?user={user}"));
        let ends = ends.ok().and_then(|answer| Some(answer.json.get("ends")?.as_array()?.len()));
        ends.is_some_and(|count| count > 0)
    };
    let known = victims.iter().filter(is_known).count();
    let mut report = Report::default();
    let measure = "users whose last connection is remembered";
    report.kept(measure, known, VICTIM_COUNT, format!("{done} connections"));
    Ok(report)
}

/// Has one user connect and disconnect, each time with a fresh token, from one address after the
/// other: how often it was accepted.
fn reconnect(origin: &Origin, most: u32, end: Instant) -> u32 {
    let (mut done, mut refused) = (0, 0_u8);
    while done < most && Instant::now() < end {
        let at = origin.at(attacker_at(refused.clamp(1, 200)));
        match Chat::join(&at, "mine", &token("mallory")) {
            Ok(chat) => {
                chat.leave();
                done += 1;
            }
            Err(_) => {
                refused = refused.wrapping_add(1);
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
    done
}
