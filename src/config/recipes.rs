//! The sections of the embedded recipe chat.

use super::units::{Length, Size};

section! {
    /// `[recipes]`: what the embedded recipe chat keeps.
    #[derive(Debug)]
    pub struct Recipes at recipes:

    /// Messages of a room that a client gets when it joins, as far as they fit into half of
    /// `limits.outbound_bytes` together with the recipe. A higher value makes each join cost more.
    /// 0: none.
    history: usize = 50, "0 to 1000 messages, at most `recipes.messages`", restart;

    /// Messages of a room that are kept; older ones are deleted. 0: all.
    messages: usize = 1_000, "0, or 32 to 1000000 messages", restart;

    /// Changes of a recipe that `Undo` takes back, one after the other. Each keeps a copy of the
    /// recipe.
    undo: usize = 20, "0 to 1000 changes", restart;

    /// Recipes of one user. 0: unlimited.
    per_user: usize = 1_000, "0 to 1000000 recipes", restart;

    /// Database pages that are kept in memory. A higher value reads less often from the disk.
    cache: Size = Size::kib(8 * 1_024), "`64KiB` to `1GiB`", restart;
}

section! {
    /// `[accounts]`: who signs up and in at the embedded recipe chat.
    #[derive(Debug)]
    pub struct Accounts at accounts:

    /// Lifetime of an access token. A shorter one takes effect sooner after a sign-out, and makes
    /// clients refresh more often.
    access_ttl: Length = Length::from_secs(15 * 60), "`1s` to `366d`", restart;

    /// Lifetime of a refresh token. Each refresh returns a new one, so a user who stays away longer
    /// must sign in again. At most 4096 times `accounts.access_ttl`: a session remembers each of
    /// its refresh tokens until it expires, and ends when it goes through more.
    refresh_ttl: Length = Length::from_secs(30 * 86_400), "`1s` to `366d`", restart;

    /// Memory for one password hash (Argon2id). A higher value makes passwords in a stolen database
    /// harder to guess, and a sign-in slower. Existing hashes keep the value they were made with.
    argon2_memory: Size = Size::kib(19 * 1_024), "`7MiB` to `4GiB`", restart;

    /// Passes over that memory. OWASP's table has 2 for 19 MiB, 3 for 12 MiB, 5 for 7 MiB.
    argon2_iterations: u32 = 2, "1 to 1000 passes", restart;

    /// Passwords that are hashed at once, each on its own thread with `argon2_memory`. A higher
    /// value signs many users in faster, and leaves less memory for the rest.
    hashes: usize = 2, "1 to 1024 threads", restart;

    /// Sign-ups and sign-ins that wait for such a thread. When the queue is full, further ones get
    /// 503, as do those that wait longer than `backend.timeout`.
    queue: usize = 128, "1 to 1048576 requests", restart;
}
