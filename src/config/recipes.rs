//! The sections of the embedded recipe chat.

use super::units::{Length, Size};

section! {
    /// `[recipes]`: what the embedded recipe chat keeps.
    #[derive(Debug)]
    pub struct Recipes at recipes:

    /// Address at which the other nodes of the [cluster](cluster.md#the-recipe-chat-on-several-nodes) ask the
    /// recipe chat of this one, which owns the recipes: their `backend.url` leads here. It has the same forms
    /// as in `listen`, and must be another address; `backend.secret_file` must have the secret that the
    /// callers sign with. There is no TLS: keep the address within a network that you trust. Empty: nobody
    /// asks.
    listen: String = String::new(), "empty, or an address as in `listen`", restart;

    /// Connections to `recipes.listen`, of which each node keeps up to its `backend.workers`. A further
    /// one takes the place of the one that has waited longest without a call; while all have one, it waits.
    /// Each may hold a request of `limits.message_bytes`, as it is at the start, and 24 KiB, and its answer.
    connections: usize = 128, "1 to 4096 connections", restart + memory;

    /// Messages of a room that a client gets when it joins, as far as they fit into half of
    /// `limits.outbound_bytes` together with the recipe. A higher value makes each join cost more.
    /// 0: none.
    history: usize = 50, "0 to 1000 messages, at most `recipes.messages`", restart;

    /// Messages of a room that are kept; older ones are deleted. 0: all.
    messages: usize = 1_000, "0, or 32 to 1000000 messages", restart;

    /// Changes of a recipe that `Undo` takes back, one after the other, and `Redo` does again. Each
    /// keeps a copy of the recipe.
    undo: usize = 20, "0 to 1000 changes", restart;

    /// Recipes of one user. 0: unlimited.
    per_user: usize = 1_000, "0 to 1000000 recipes", restart;

    /// Members and open invitations of one recipe. 0: nobody can share.
    members: usize = 32, "0 to 1000 members", restart;

    /// Size of the database and its log. When it is reached, or when the disk is full, new messages,
    /// recipes and accounts are refused with 503 or `backend_unavailable` until there is room;
    /// reading, signing in and signing out go on. 0: what the database has at the start, and half of
    /// what is free on its disk then.
    disk: Size = Size::bytes(0), "0, or `64MiB` to `1048576GiB`", restart;

    /// What one user stores: recipes, their earlier versions, messages, and up to 64 KiB a room of what
    /// clients that resume get again. Beyond it, messages are
    /// answered with a text that says so, and new recipes with 507. 0: unlimited.
    bytes_per_user: Size = Size::kib(64 * 1_024), "0, or `64KiB` to `1024GiB`", restart;

    /// Database pages that are kept in memory. A higher value reads less often from the disk.
    cache: Size = Size::kib(8 * 1_024), "`64KiB` to `1GiB`", restart + memory;
}

section! {
    /// `[accounts]`: who signs up and in at the embedded recipe chat.
    #[derive(Debug)]
    pub struct Accounts at accounts:

    /// Who may sign up: everybody, only users with an invitation from an operator (`vestibule
    /// invite`), or nobody. Existing accounts can always sign in.
    signup: String = "open".to_owned(), "`open`, `invite`, `closed`", restart;

    /// Invitations that are not used yet; further ones are refused.
    invitations: usize = 1_000, "1 to 1000000 invitations", restart;

    /// Lifetime of an access token. A shorter one takes effect sooner after a sign-out, and makes
    /// clients refresh more often.
    access_ttl: Length = Length::from_secs(15 * 60), "`1s` to `366d`", restart;

    /// Lifetime of a refresh token. Each refresh returns a new one, so a user who stays away longer
    /// must sign in again. At most 4096 times `accounts.access_ttl`: a session remembers each of
    /// its refresh tokens until it expires, and ends when it goes through more.
    refresh_ttl: Length = Length::from_secs(30 * 86_400), "`1s` to `366d`", restart;

    /// Memory for one password hash (Argon2id). A higher value makes passwords in a stolen database
    /// harder to guess, and a sign-in slower. Existing hashes keep the value they were made with.
    argon2_memory: Size = Size::kib(19 * 1_024), "`7MiB` to `4GiB`", restart + memory;

    /// Passes over that memory. OWASP's table has 2 for 19 MiB, 3 for 12 MiB, 5 for 7 MiB.
    argon2_iterations: u32 = 2, "1 to 1000 passes", restart;

    /// Passwords that are hashed at once, each on its own thread with `argon2_memory`. A higher
    /// value signs many users in faster, and leaves less memory for the rest.
    hashes: usize = 2, "1 to 1024 threads", restart + memory;

    /// Sign-ups and sign-ins that wait for such a thread. When the queue is full, the address with
    /// most of them gives way; further ones of that address get 503, as do those that wait longer
    /// than `backend.timeout`.
    queue: usize = 128, "1 to 1048576 requests", restart + memory;

    /// Sign-ins of one account that wait or are checked at once; further ones get 429.
    queue_per_account: usize = 2, "1 to 1048576 requests", restart;

    /// Sign-ups and sign-ins of one address that wait while others wait too; further ones get 429.
    /// An IPv6 /64 is one address.
    queue_per_ip: usize = 16, "1 to 1048576 requests", restart;

    /// Passwords that are hashed for one account in a minute, and at once; further ones get 429.
    /// 0: unlimited.
    hashes_per_minute_per_account: u32 = 30, "0 to 4294967295 hashes", restart;

    /// Passwords that are hashed for one address in a minute, and at once; further ones get 429.
    /// An office behind one address needs one for each person that signs in. 0: unlimited.
    hashes_per_minute_per_ip: u32 = 240, "0 to 4294967295 hashes", restart;

    /// Wrong passwords for one account in a minute, and at once; then sign-ins get 429 until one
    /// more fits. The last one is kept for addresses that have not tried the account lately. An
    /// address from which somebody signed in before has an allowance of its own, so guesses from
    /// elsewhere do not lock the owner out there. 0: unlimited.
    guesses_per_minute_per_account: u32 = 10, "0 to 4294967295 guesses", restart;

    /// Wrong passwords and sign-ups of one address in a minute, and at once; then both get 429
    /// until one more fits. Chat is not affected. 0: unlimited.
    guesses_per_minute_per_ip: u32 = 12, "0 to 4294967295 guesses", restart;

    /// Accounts and addresses whose attempts are remembered, and pairs of both. The one that used least is
    /// forgotten first.
    remembered: usize = 384, "16 to 1048576 entries", restart + memory;
}
