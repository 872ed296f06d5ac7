//! What happens to the server and to the clients of a world in which they come back.

use std::time::Duration;

use crate::id::Rng;
use crate::time::Instant;

/// What happens to the server or to clients.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mishap {
    /// It is stopped in order, and starts again.
    Restart,
    Kill,
    /// The process stops for a while.
    Stall(Duration),
    /// Somebody says so much that the room's log overflows.
    Burst(usize, u64),
    /// An operator disconnects the client's user.
    Disconnect(usize),
    /// The client's network goes.
    Cut(usize),
}

/// The mishaps of a world, in their order.
pub(super) fn mishaps(clients: usize, rooms: usize, rng: &mut Rng) -> Vec<(Instant, Mishap)> {
    let second = |second| Instant::START + Duration::from_secs(second);
    // A log overflows while the client that is at its beginning is away.
    let mut mishaps = vec![(second(9), Mishap::Cut(0)), (second(10), Mishap::Burst(0, 70))];
    for _ in 0..6 + rng.below(8) {
        let client = rng.below(clients as u64) as usize;
        let mishap = match rng.below(9) {
            0 | 1 => Mishap::Restart,
            2 => Mishap::Kill,
            3 => Mishap::Stall(Duration::from_millis(rng.below(20_000))),
            4 | 5 => Mishap::Burst(client % rooms, 1 + rng.below(90)),
            6 => Mishap::Disconnect(client),
            _ => Mishap::Cut(client),
        };
        let at = Duration::from_secs(20) + Duration::from_micros(rng.below(340_000_000));
        mishaps.push((Instant::START + at, mishap));
    }
    mishaps.sort_by_key(|(at, _)| *at);
    mishaps
}
