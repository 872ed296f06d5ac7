//! `[backend]`: where the application is, when it is not in this process.

use super::units::Length;

section! {
    /// `[backend]`: the application behind the edge.
    #[derive(Debug)]
    pub struct Backend at backend:

    /// Where the application is; `/join`, `/message` and `/leave` are put behind it. Empty: it is
    /// one of this process (`--app`). With `http://`, whoever is on the way reads all of it and can
    /// change the answers: for a network that you trust.
    url: String = String::new(),
        "empty, or `http://…` or `https://…` without user, query or fragment", restart;

    /// The file that holds the secret which signs requests: `whsec_` and at least 24 bytes as
    /// base64, one line end at its end. Read once, at the start. Required unless the backend is on
    /// this host (`127.0.0.0/8`, `[::1]`, `localhost`). A file that group or others can read is
    /// warned about.
    secret_file: String = String::new(), "empty, or a path", restart;

    /// How long the application has for a join or for the answer to a message, the wait for a
    /// thread included.
    timeout: Length = Length::from_secs(5), "`1ms` to `366d`", reload;

    /// Calls of the backend at the same time, each on a thread and a connection that is kept. A
    /// backend that takes 100 ms gives 160 answers a second.
    workers: usize = 16, "1 to 1024 threads", restart;

    /// Joins and messages that wait for a thread, and as many leaves. When it is full, who asks is
    /// refused at once, and leaves are not told. Longer hides a slow backend behind waiting;
    /// shorter tells of it.
    queue: usize = 1_024, "1 to 1048576 calls", restart;
}
