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
#[derive(Clone, Debug)]
pub(crate) struct Stretch {
    pub(crate) base: Place,
    /// The messages of others, and its own that came again, with their ids.
    pub(crate) heard: Vec<(Place, String)>,
    /// The newest place that an answer has named: everything before it has come.
    pub(crate) answered_at: Place,
}

impl Stretch {
    /// Where it begins, the numbers of what came first and last, and the newest that an answer named.
    fn extent(&self) -> (u64, Option<u64>, Option<u64>, u64) {
        let number = |heard: Option<&(Place, String)>| heard.map(|(place, _)| place.number);
        let (first, last) = (number(self.heard.first()), number(self.heard.last()));
        (self.base.number, first, last, self.answered_at.number)
    }
}

/// What a client has got in all.
#[derive(Clone, Debug, Default)]
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
    /// The places of each number: more than one where the engine has forgotten some.
    numbered: BTreeMap<u64, BTreeSet<&'a Place>>,
    engine_remembers: bool,
}

impl<'a> Room<'a> {
    /// One message at each place, and one place before each.
    fn gather(&mut self, members: &[&'a Report], faults: &mut Vec<String>) {
        for member in members {
            for stretch in &member.stretches {
                let mut last = &stretch.base;
                for (place, id) in &stretch.heard {
                    if *self.ids.entry(place).or_insert(id) != id {
                        faults.push(format!("{}: two messages at {place:?}", member.room));
                    }
                    self.places.entry(id).or_default().insert(place);
                    self.numbered.entry(place.number).or_default().insert(place);
                    let is_next = place.number == last.number + 1;
                    if is_next && *self.before.entry(place).or_insert(last) != last {
                        faults.push(format!("{}: two places before {place:?}", member.room));
                    }
                    last = place;
                }
            }
        }
    }

    /// What `user` has missed at `number`, as far as somebody knows: nobody may have heard what is before
    /// a place together with it, as while there are only two of which each has said something. Where
    /// the engine forgets, what another has said there may be of another history.
    fn at(&self, number: u64, place: Option<&'a Place>, user: &str) -> Option<&'a Place> {
        let mut known = self.numbered.get(&number).into_iter().flatten();
        let is_its = |place: &&Place| self.ids.get(place).is_some_and(|id| is_of(id, user));
        let only = known.next().filter(|place| self.engine_remembers || is_its(place));
        place.or_else(|| only.copied().filter(|_| known.next().is_none()))
    }
}

/// Has `user` sent the message of this id?
fn is_of(id: &str, user: &str) -> bool {
    id.rsplit_once('-').is_some_and(|(of, _)| of == user)
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
        let mut room = Room { engine_remembers, ..Room::default() };
        room.gather(&members, &mut faults);
        for member in &members {
            gaps(&room, member, &mut faults);
        }
        let twice = room.places.iter().filter(|(_, places)| places.len() > 1);
        if engine_remembers {
            faults.extend(twice.map(|(id, places)| format!("{name}: {id} is at {places:?}")));
        }
    }
    faults
}

/// A client has each message of a stretch once, in order, but for its own.
fn gaps(room: &Room<'_>, member: &Report, faults: &mut Vec<String>) {
    let Report { user, room: name, .. } = member;
    let mut unknown = Vec::new();
    for stretch in &member.stretches {
        let (mut last, before_it) = (stretch.base.number, unknown.len());
        for (place, id) in &stretch.heard {
            if place.number <= last {
                faults.push(format!("{name}: {user} got {id} at {place:?} behind {last}"));
            }
            let before = room.before.get(place).copied();
            unknown.extend(missing(room, member, (last, before, place.number), faults));
            last = last.max(place.number);
        }
        let end = &stretch.answered_at;
        unknown.extend(missing(room, member, (last, Some(end), end.number + 1), faults));
        // Those that its own messages explain which were published again, behind this stretch.
        let end = last.max(end.number);
        let excused = if room.engine_remembers { 0 } else { again(room, member, end) };
        let own = excused.min(unknown.len() - before_it);
        unknown.truncate(unknown.len() - own);
    }
    // Places that nobody has heard are of its own messages, while the others were told.
    let is_unheard = |id: &&String| !room.places.contains_key(id.as_str());
    let unheard = member.answers.keys().filter(is_unheard).count();
    let own = if room.engine_remembers {
        unheard
    } else {
        member.sent.saturating_sub(member.answers.len() - unheard)
    };
    if unknown.len() > own {
        let stretches: Vec<_> = member.stretches.iter().map(Stretch::extent).collect();
        faults.push(format!(
            "{name}: {user} misses what is at {unknown:?}, and {own} may be its own; it has got {stretches:?}"
        ));
    }
}

/// Messages of this client that are known only behind number `end`. Where the engine has forgotten one, its
/// node publishes it again, and then it is at a second place, though it was sent once.
fn again(room: &Room<'_>, member: &Report, end: u64) -> usize {
    let places = member.answers.keys().filter_map(|id| room.places.get(id.as_str()));
    places.filter(|places| places.iter().all(|place| place.number > end)).count()
}

/// What is behind number `last` and before number `next` must be the client's own; `before` is the last
/// of it, where that is known. The numbers of the places that nobody knows.
fn missing<'a>(
    room: &Room<'a>,
    member: &'a Report,
    (last, mut before, next): (u64, Option<&'a Place>, u64),
    faults: &mut Vec<String>,
) -> Vec<u64> {
    let Report { user, room: name, .. } = member;
    let mut unknown = Vec::new();
    for number in (last + 1..next).rev() {
        let place = room.at(number, before, user);
        match place.and_then(|place| room.ids.get(place)) {
            Some(id) if is_of(id, user) => {}
            Some(id) => {
                faults.push(format!("{name}: {user} misses {id} at {place:?} and was not told"));
            }
            None => unknown.push(number),
        }
        before = place.and_then(|place| room.before.get(place).copied());
    }
    unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The place of this number in the room's one history.
    fn place(number: u64) -> Place {
        Place { number, tag: number.to_string() }
    }

    /// A user that has got these messages, and whose newest answer named place `end`.
    fn report(user: &str, heard: &[(u64, &str)], answers: &[&str], end: u64) -> Report {
        let heard = heard.iter().map(|(number, id)| (place(*number), (*id).to_owned())).collect();
        let stretch = Stretch { base: place(0), heard, answered_at: place(end) };
        Report {
            user: user.to_owned(),
            room: "soup".to_owned(),
            stretches: vec![stretch],
            answers: answers.iter().map(|id| ((*id).to_owned(), Value::Null)).collect(),
            sent: answers.len(),
            ..Report::default()
        }
    }

    /// Nobody else knows in which order they came.
    #[test]
    fn two_who_take_turns_miss_nothing() {
        let alice = report("alice", &[(2, "bob-1")], &["alice-1", "alice-2"], 3);
        let bob = report("bob", &[(1, "alice-1"), (3, "alice-2")], &["bob-1"], 3);
        for remembers in [true, false] {
            let faults = faults(&[alice.clone(), bob.clone()], remembers);
            assert!(faults.is_empty(), "{faults:?}");
        }
    }

    /// Its message was at 2, which all others were told that they may have missed, and is at 5 now.
    #[test]
    fn message_that_was_published_again_is_no_loss() {
        let mut alice = report("alice", &[(1, "bob-1")], &["alice-1"], 2);
        let later = report("alice", &[(4, "bob-2")], &[], 5);
        alice
            .stretches
            .extend(later.stretches.into_iter().map(|it| Stretch { base: place(3), ..it }));
        let bob = report("bob", &[(1, "carol-1")], &["bob-1", "bob-2"], 1);
        let carol = report("carol", &[(4, "bob-2"), (5, "alice-1")], &[], 5);
        let carol = Report {
            stretches: carol
                .stretches
                .into_iter()
                .map(|it| Stretch { base: place(3), ..it })
                .collect(),
            ..carol
        };
        let bob = Report { stretches: Vec::new(), ..bob };
        let reports = [alice, bob, carol];
        assert_eq!(faults(&reports, false), [] as [String; 0]);
        assert_eq!(faults(&reports, true).len(), 1);
    }

    #[test]
    fn what_one_of_them_misses_is_found() {
        let alice = report("alice", &[], &["alice-1", "alice-2"], 3);
        let bob = report("bob", &[(1, "alice-1"), (3, "alice-2")], &["bob-1"], 3);
        let reports = [alice, bob];
        assert_eq!(faults(&reports, true).len(), 1);
        assert_eq!(faults(&reports, false).len(), 1);
    }
}
