//! Who is together: the connections of a room, and the connections of a user.
//!
//! A group has a name and a doubly linked list through its members' own places, so joining and
//! leaving are O(1) and allocate nothing a member: 12 bytes each. A group is there exactly as long
//! as it has a member. Its name is kept inline up to 23 bytes: 32 bytes a group beside what its members
//! share, and some 8 in the table that finds it.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use slab::Slab;
use smol_str::SmolStr;

use crate::id::{Seed, SeededState, Slot};

/// No group, no member.
const NONE: u32 = u32::MAX;

/// Named groups of connections; a connection is in one group at most. `T` is what its members
/// share.
#[derive(Debug)]
pub(crate) struct Groups<T = ()> {
    state: SeededState,
    by_name: HashTable<u32>,
    groups: Slab<Group<T>>,
    links: Vec<GroupLink>,
}

#[derive(Debug)]
struct Group<T> {
    name: SmolStr,
    first: u32,
    members: u32,
    shared: T,
}

/// Places that are looked at for one page: 65,536 take less than a millisecond.
const PAGE_PLACES: u32 = 1 << 16;

/// One page of a list of groups.
#[derive(Debug)]
pub(crate) struct GroupPage<'a> {
    /// The name of each, and how many members it has.
    pub(crate) groups: Vec<(&'a SmolStr, usize)>,
    /// Where the next page begins; `None`: this is the last.
    pub(crate) next: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
struct GroupLink {
    group: u32,
    previous: u32,
    next: u32,
}

const UNLINKED: GroupLink = GroupLink { group: NONE, previous: NONE, next: NONE };

impl<T: Default> Groups<T> {
    /// No groups, and room for `members`. The seed keeps peers from choosing names that collide.
    #[must_use]
    pub(crate) fn new(seed: &Seed, members: usize) -> Self {
        Self {
            state: SeededState::new(seed),
            // Its slots are filled at random, so all of them are memory soon: for half the members.
            by_name: HashTable::with_capacity(members / 2),
            groups: Slab::with_capacity(members),
            links: Vec::with_capacity(members),
        }
    }

    /// How many groups have members.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.groups.len()
    }

    /// Puts `member` into the group of this name. Where the group is new, it shares what `new` gives.
    /// A member that is in a group is to leave that first.
    pub(crate) fn join_with(&mut self, member: Slot, name: &SmolStr, new: impl FnOnce() -> T) {
        debug_assert!(self.group_of(member).is_none(), "a member is in one group at a time");
        let member = member.index();
        let hash = self.state.hash_one(name.as_str());
        let group = self.find_hashed(hash, name);
        let group = group.unwrap_or_else(|| self.create(hash, name, new()));
        if self.links.len() <= member {
            self.links.resize(member + 1, UNLINKED);
        }
        let first = std::mem::replace(&mut self.group(group).first, member as u32);
        self.group(group).members += 1;
        if first != NONE {
            self.link(first).previous = member as u32;
        }
        *self.link(member as u32) = GroupLink { group, previous: NONE, next: first };
    }

    /// Puts `member` into the group of this name, which it makes if need be.
    #[cfg(test)]
    pub(crate) fn join(&mut self, member: Slot, name: &SmolStr) {
        self.leave(member);
        self.join_with(member, name, T::default);
    }

    /// Takes `member` out of its group, if it is in one. The last one takes the group along, and what
    /// it shared is given back.
    pub(crate) fn leave(&mut self, member: Slot) -> Option<T> {
        let place = self.links.get_mut(member.index())?;
        let GroupLink { group, previous, next } = std::mem::replace(place, UNLINKED);
        if group == NONE {
            return None;
        }
        if next != NONE {
            self.link(next).previous = previous;
        }
        if previous == NONE {
            self.group(group).first = next;
        } else {
            self.link(previous).next = next;
        }
        self.group(group).members -= 1;
        if self.group(group).members == 0 { self.remove(group) } else { None }
    }

    /// What the group of `member` shares.
    pub(crate) fn shared_mut(&mut self, member: Slot) -> Option<&mut T> {
        let link = self.links.get(member.index())?;
        self.groups.get_mut(link.group as usize).map(|group| &mut group.shared)
    }

    /// The same, to be read.
    pub(crate) fn shared(&self, member: Slot) -> Option<&T> {
        let link = self.links.get(member.index())?;
        self.groups.get(link.group as usize).map(|group| &group.shared)
    }

    /// How many members the group of this name has.
    #[must_use]
    pub(crate) fn count(&self, name: &str) -> u32 {
        let group = self.find(name).and_then(|group| self.groups.get(group as usize));
        group.map_or(0, |group| group.members)
    }

    /// The name of the group that `member` is in.
    #[must_use]
    pub(crate) fn name_of(&self, member: Slot) -> Option<&SmolStr> {
        let link = self.links.get(member.index())?;
        self.groups.get(link.group as usize).map(|group| &group.name)
    }

    /// The number of the group of this name, which is its own as long as it has members.
    #[must_use]
    pub(crate) fn number_of(&self, name: &str) -> Option<u32> {
        self.find(name)
    }

    /// Has the group of this number this name?
    #[must_use]
    pub(crate) fn is_named(&self, group: u32, name: &str) -> bool {
        self.groups.get(group as usize).is_some_and(|group| group.name == name)
    }

    /// How many members the group of this number has.
    #[must_use]
    pub(crate) fn size(&self, group: u32) -> usize {
        self.groups.get(group as usize).map_or(0, |group| group.members as usize)
    }

    /// The newest member of the group of this number.
    #[must_use]
    pub(crate) fn first(&self, group: u32) -> Option<Slot> {
        existing(self.groups.get(group as usize)?.first)
    }

    /// The member that joined before this one; `None`: it is the oldest.
    #[must_use]
    pub(crate) fn next(&self, member: Slot) -> Option<Slot> {
        existing(self.links.get(member.index())?.next)
    }

    /// The number of the group that `member` is in.
    #[must_use]
    pub(crate) fn group_of(&self, member: Slot) -> Option<u32> {
        let link = self.links.get(member.index())?;
        (link.group != NONE).then_some(link.group)
    }

    /// All members of the group of this name, the newest first.
    pub(crate) fn members(&self, name: &str) -> impl Iterator<Item = Slot> + '_ {
        let group = self.find(name).and_then(|group| self.groups.get(group as usize));
        self.walk(group.map_or(NONE, |group| group.first))
    }

    /// Groups by their numbers, from `after` on, with how many members each has: at most `limit`, and
    /// looks at 65,536 places at most. A group that comes or goes meanwhile may be left out; no other is.
    pub(crate) fn page(&self, after: u32, limit: usize) -> GroupPage<'_> {
        let mut page = GroupPage { groups: Vec::new(), next: None };
        let end = self.groups.capacity() as u32;
        for place in after..end {
            if page.groups.len() >= limit || place - after >= PAGE_PLACES {
                page.next = Some(place);
                break;
            }
            if let Some(group) = self.groups.get(place as usize) {
                page.groups.push((&group.name, group.members as usize));
            }
            if after == 0 && page.groups.len() == self.groups.len() {
                break; // That was all.
            }
        }
        page
    }

    fn walk(&self, first: u32) -> impl Iterator<Item = Slot> + '_ {
        std::iter::successors(existing(first), |&member| self.next(member))
    }

    fn find(&self, name: &str) -> Option<u32> {
        self.find_hashed(self.state.hash_one(name), name)
    }

    fn find_hashed(&self, hash: u64, name: &str) -> Option<u32> {
        let is_it =
            |&group: &u32| self.groups.get(group as usize).is_some_and(|group| group.name == name);
        self.by_name.find(hash, is_it).copied()
    }

    fn create(&mut self, hash: u64, name: &SmolStr, shared: T) -> u32 {
        let group = Group { name: name.clone(), first: NONE, members: 0, shared };
        let group = self.groups.insert(group) as u32;
        let Self { state, by_name, groups, .. } = self;
        let hash_of = |&group: &u32| {
            groups
                .get(group as usize)
                .map_or(0, |group: &Group<T>| state.hash_one(group.name.as_str()))
        };
        by_name.insert_unique(hash, group, hash_of);
        group
    }

    fn remove(&mut self, group: u32) -> Option<T> {
        let removed = self.groups.try_remove(group as usize)?;
        let hash = self.state.hash_one(removed.name.as_str());
        if let Ok(entry) = self.by_name.find_entry(hash, |&other| other == group) {
            entry.remove();
        }
        Some(removed.shared)
    }

    #[expect(clippy::indexing_slicing, reason = "indices are this table's own, never a peer's")]
    fn link(&mut self, member: u32) -> &mut GroupLink {
        &mut self.links[member as usize]
    }

    #[expect(clippy::indexing_slicing, reason = "indices are this table's own, never a peer's")]
    fn group(&mut self, group: u32) -> &mut Group<T> {
        &mut self.groups[group as usize]
    }
}

fn existing(member: u32) -> Option<Slot> {
    (member != NONE).then(|| Slot::new(member))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_member_costs_12_bytes_and_a_group_32() {
        assert_eq!((size_of::<GroupLink>(), size_of::<Group<()>>()), (12, 32));
    }

    #[test]
    fn a_group_is_there_as_long_as_it_has_a_member() {
        let mut groups = Groups::<()>::new(&Seed::predictable(1), 0);
        groups.join(Slot::new(3), &"soup".into());
        groups.join(Slot::new(5), &"soup".into());
        assert_eq!(groups.count("soup"), 2);
        assert_eq!(groups.members("soup").collect::<Vec<_>>(), [Slot::new(5), Slot::new(3)]);
        assert_eq!(groups.name_of(Slot::new(5)).map(SmolStr::as_str), Some("soup"));
        groups.leave(Slot::new(3));
        groups.leave(Slot::new(3));
        groups.leave(Slot::new(5));
        assert!(groups.groups.is_empty() && groups.by_name.is_empty());
        assert_eq!(groups.name_of(Slot::new(5)), None);
    }

    #[test]
    fn pages_name_every_group_once() {
        let mut groups = Groups::<()>::new(&Seed::predictable(1), 0);
        for member in 0..25 {
            groups.join(Slot::new(member), &SmolStr::new(format!("room {}", member / 2)));
        }
        // Places in between that are empty.
        (4..12).for_each(|member| {
            groups.leave(Slot::new(member));
        });
        let (mut after, mut names) = (Some(0), Vec::new());
        while let Some(place) = after {
            let page = groups.page(place, 3);
            assert!(page.groups.len() <= 3);
            names.extend(page.groups.iter().map(|(name, members)| (name.to_string(), *members)));
            after = page.next;
        }
        assert_eq!(names.len(), groups.len());
        names.sort();
        names.dedup();
        assert_eq!(names.len(), groups.len());
        assert!(
            names.contains(&("room 12".to_owned(), 1)) && !names.contains(&("room 2".into(), 2))
        );
        assert!(groups.page(u32::MAX, 3).groups.is_empty());
    }

    proptest! {
        #[test]
        fn groups_are_a_map_from_member_to_name(
            steps in prop::collection::vec((0..20_u32, prop::option::of(0..6_u8)), 0..200)
        ) {
            let mut groups = Groups::<()>::new(&Seed::predictable(7), 0);
            let mut model = BTreeMap::new();
            for (member, name) in steps {
                match name {
                    Some(name) => {
                        groups.join(Slot::new(member), &SmolStr::new(name.to_string()));
                        model.insert(member, name);
                    }
                    None => {
                        groups.leave(Slot::new(member));
                        model.remove(&member);
                    }
                }
                for name in 0..6_u8 {
                    let mut members: Vec<_> =
                        groups.members(&name.to_string()).map(|slot| slot.index() as u32).collect();
                    members.sort_unstable();
                    let expected: Vec<_> =
                        model.iter().filter(|(_, n)| **n == name).map(|(m, _)| *m).collect();
                    prop_assert_eq!(groups.count(&name.to_string()) as usize, expected.len());
                    prop_assert_eq!(members, expected);
                }
            }
        }
    }
}
