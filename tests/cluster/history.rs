//! What a client has got, and whether it is what it should be.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The place of a message in its room, as clients see it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) number: u64,
    tag: String,
}

impl Place {
    pub(crate) fn read(text: &str) -> Self {
        let (number, tag) = text.split_once('.').unwrap();
        Self { number: number.parse().unwrap(), tag: tag.to_owned() }
    }
}

/// What a client has got between two moments at which it was told that it may have missed something.
#[derive(Debug)]
pub(crate) struct Stretch {
    pub(crate) base: Place,
    /// The messages of others, and its own that came again, with their ids.
    pub(crate) heard: Vec<(Place, String)>,
    /// The newest place that an answer has named: everything before it has come.
    pub(crate) answered_at: Place,
}

/// What a client has got in all.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) user: String,
    pub(crate) room: String,
    pub(crate) stretches: Vec<Stretch>,
    /// The answers to its messages, by their ids.
    pub(crate) answers: BTreeMap<String, Value>,
    /// How often it has sent a message, the same one again too.
    pub(crate) sent: usize,
    /// How it was closed, and how often.
    pub(crate) closes: BTreeMap<String, usize>,
    /// How often it went on where it was.
    pub(crate) resumed: usize,
    /// What must not happen.
    pub(crate) faults: Vec<String>,
}

impl Report {
    /// How often it was told that it may have missed something.
    pub(crate) fn told(&self) -> usize {
        self.stretches.len().saturating_sub(1)
    }
}

/// A room's messages, as all its clients together know them.
#[derive(Default)]
struct Room<'a> {
    ids: BTreeMap<&'a Place, &'a str>,
    places: BTreeMap<&'a str, BTreeSet<&'a Place>>,
    before: BTreeMap<&'a Place, &'a Place>,
}

/// What is wrong with what the clients have got. Where the engine has kept its memory, a message has
/// one place.
pub(crate) fn faults(reports: &[Report], engine_remembers: bool) -> Vec<String> {
    let mut faults: Vec<String> =
        reports.iter().flat_map(|report| report.faults.iter().cloned()).collect();
    let mut rooms: BTreeMap<&str, Vec<&Report>> = BTreeMap::new();
    for report in reports {
        rooms.entry(&report.room).or_default().push(report);
    }
    for (name, members) in rooms {
        let room = gather(&members, &mut faults);
        for member in &members {
            gaps(&room, member, engine_remembers, &mut faults);
        }
        let twice = room.places.iter().filter(|(_, places)| places.len() > 1);
        if engine_remembers {
            faults.extend(twice.map(|(id, places)| format!("{name}: {id} is at {places:?}")));
        }
    }
    faults
}

/// One message at each place, and one place before each.
fn gather<'a>(members: &[&'a Report], faults: &mut Vec<String>) -> Room<'a> {
    let mut room = Room::default();
    for member in members {
        for stretch in &member.stretches {
            let mut last = &stretch.base;
            for (place, id) in &stretch.heard {
                if *room.ids.entry(place).or_insert(id) != id {
                    faults.push(format!("{}: two messages at {place:?}", member.room));
                }
                room.places.entry(id).or_default().insert(place);
                let is_next = place.number == last.number + 1;
                if is_next && *room.before.entry(place).or_insert(last) != last {
                    faults.push(format!("{}: two places before {place:?}", member.room));
                }
                last = place;
            }
        }
    }
    room
}

/// A client has each message of a stretch once, in order, but for its own.
fn gaps(room: &Room<'_>, member: &Report, engine_remembers: bool, faults: &mut Vec<String>) {
    let Report { user, room: name, .. } = member;
    let mut unknown = 0;
    for stretch in &member.stretches {
        let mut last = stretch.base.number;
        for (place, id) in &stretch.heard {
            if place.number <= last {
                faults.push(format!("{name}: {user} got {id} at {place:?} behind {last}"));
            }
            unknown += missing(
                room,
                member,
                (last, room.before.get(place).copied(), place.number),
                faults,
            );
            last = last.max(place.number);
        }
        let end = &stretch.answered_at;
        unknown += missing(room, member, (last, Some(end), end.number + 1), faults);
    }
    // Places that nobody has heard are of its own messages, while the others were told. An engine that
    // forgets may give a message several.
    let known = |id: &String| room.places.get(id.as_str()).map_or(0, BTreeSet::len);
    let own = if engine_remembers {
        member.answers.keys().filter(|id| known(id) == 0).count()
    } else {
        member.sent.saturating_sub(member.answers.keys().map(known).sum())
    };
    if unknown > own {
        faults.push(format!("{name}: {user} misses {unknown} places, and {own} may be its own"));
    }
}

/// What is behind number `last` and before number `next` must be the client's own; `before` is the last
/// of it, where that is known. How many places nobody knows.
fn missing<'a>(
    room: &Room<'a>,
    member: &'a Report,
    (last, mut before, next): (u64, Option<&'a Place>, u64),
    faults: &mut Vec<String>,
) -> usize {
    let Report { user, room: name, .. } = member;
    let mut unknown = 0;
    for _ in last + 1..next {
        let id = before.and_then(|place| room.ids.get(place));
        match id {
            Some(id) if id.rsplit_once('-').is_some_and(|(of, _)| of == user) => {}
            Some(id) => {
                faults.push(format!("{name}: {user} misses {id} at {before:?} and was not told"));
            }
            None => unknown += 1,
        }
        before = before.and_then(|place| room.before.get(place).copied());
    }
    unknown
}
