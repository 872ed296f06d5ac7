//! The sections of the embedded recipe chat.

use super::units::{Length, Size};

section! {
    /// `[recipes]`: what the embedded recipe chat keeps.
    #[derive(Debug)]
    pub struct Recipes at recipes:

    /// Messages of a room that a client is shown when it joins, as far as they fit into half of
    /// `limits.outbound_bytes` beside the recipe. More costs each join more. 0: none.
    history: usize = 50, "0 to 1000 messages, at most `recipes.messages`", restart;

    /// Messages of a room that are kept; older ones are deleted. 0: all.
    messages: usize = 1_000, "0, or 32 to 1000000 messages", restart;

    /// Changes of a recipe that `Undo` takes back, one after the other. Each keeps a copy of the
    /// recipe.
    undo: usize = 20, "0 to 1000 changes", restart;

    /// Recipes of one user. 0: no limit.
    per_user: usize = 1_000, "0 to 1000000 recipes", restart;

    /// Pages of the database that are kept in memory. More reads less often from the disk.
    cache: Size = Size::kib(8 * 1_024), "`64KiB` to `1GiB`", restart;
}

section! {
    /// `[accounts]`: who signs up and in at the embedded recipe chat.
    #[derive(Debug)]
    pub struct Accounts at accounts:

    /// How long an access token is good. Shorter notices a sign-out sooner, and clients refresh
    /// more often.
    access_ttl: Length = Length::from_secs(15 * 60), "`1s` to `366d`", restart;

    /// How long a refresh token is good. Each refresh gives a new one, so who stays away for longer
    /// signs in again. At most 4096 times `accounts.access_ttl`: a session remembers each of its
    /// refresh tokens until it expires, and ends when it goes through more.
    refresh_ttl: Length = Length::from_secs(30 * 86_400), "`1s` to `366d`", restart;

    /// Memory of one password's hash (Argon2id). More makes a stolen database harder to guess at,
    /// and a sign-in slower. Hashes that are there keep what they were made with.
    argon2_memory: Size = Size::kib(19 * 1_024), "`7MiB` to `4GiB`", restart;

    /// Passes over that memory. OWASP's table has 2 for 19 MiB, 3 for 12 MiB, 5 for 7 MiB.
    argon2_iterations: u32 = 2, "1 to 1000 passes", restart;

    /// Passwords that are hashed at once, each on a thread of its own with `argon2_memory`. More
    /// signs a crowd in faster, and leaves less for the rest.
    hashes: usize = 2, "1 to 1024 threads", restart;

    /// Sign-ups and sign-ins that wait for such a thread. When it is full, more are answered 503.
    /// What waits longer than `backend.timeout` is told so, too.
    queue: usize = 128, "1 to 1048576 requests", restart;
}
