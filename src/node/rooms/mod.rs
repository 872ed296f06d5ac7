//! Rooms: their members, the messages in them, and how these reach every member.

pub(crate) mod answers;
pub(crate) mod chat;
pub(crate) mod deliveries;
pub(crate) mod fan_out;
pub(crate) mod groups;

use std::collections::VecDeque;

use self::answers::DedupCache;
use self::deliveries::Deliveries;
use self::groups::Groups;
use crate::id::{Seed, Slot};

/// All rooms, and the connections of each user.
#[derive(Debug)]
pub(crate) struct Rooms {
    pub(crate) rooms: Groups,
    pub(crate) users: Groups,
    /// What is on its way to large rooms.
    pub(crate) deliveries: Deliveries,
    /// What messages were answered, for those that come again.
    pub(crate) answers: DedupCache,
    /// Readers that had no room for a frame: to be closed next.
    slow: VecDeque<Slot>,
}

impl Rooms {
    /// None yet, and room for the members of as many connections as `slots`.
    pub(crate) fn new(seed: &Seed, slots: usize, answer_bytes: usize) -> Self {
        Self {
            rooms: Groups::new(&seed.derive("rooms"), slots),
            users: Groups::new(&seed.derive("users"), slots),
            deliveries: Deliveries::default(),
            answers: DedupCache::new(answer_bytes, slots),
            slow: VecDeque::new(),
        }
    }
}
