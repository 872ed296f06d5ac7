//! Who is in a room, as its watchers were told last.

use super::chatter::{Chatter, ChatterState};

/// In the end all clients are in their rooms, and whoever watches has the list of them.
///
/// # Errors
/// The client has another list.
pub(super) fn judge(clients: &[Chatter], client: &Chatter) -> Result<(), String> {
    let Some((users, connections)) = &client.present else { return Ok(()) };
    let inside = |it: &&Chatter| it.room == client.room && it.state == ChatterState::Inside;
    let mut expected: Vec<&str> = clients.iter().filter(inside).map(|it| &*it.user).collect();
    let count = expected.len() as u64;
    expected.sort_unstable();
    expected.dedup();
    let is_right = users.as_ref().is_some_and(|users| *users == expected) && *connections == count;
    let what = || {
        format!("G5: {users:?} ({connections}) are listed, and {expected:?} ({count}) are there")
    };
    if is_right { Ok(()) } else { Err(what()) }
}
