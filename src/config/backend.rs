//! `[backend]`: where the application is, when it is not in this process.

use super::units::{Length, Size};

section! {
    /// `[backend]`: the application behind the edge.
    #[derive(Debug)]
    pub struct Backend at backend:

    /// URL of the application; `/join`, `/message` and `/leave` are appended. Empty: the
    /// application runs in this process (`--app`). With `http://`, an attacker on the path can read
    /// all of it and change the answers: use it on a network that you trust.
    url: String = String::new(),
        "empty, or `http://…` or `https://…` without user, query or fragment", restart;

    /// File with the secret that signs requests: `whsec_` and at least 24 bytes as base64, on one
    /// line; or two lines with two secrets, both of which sign, while one replaces the other. It is
    /// read at the start and on SIGHUP. Required unless the backend is on this
    /// host (`127.0.0.0/8`, `[::1]`, `localhost`). A warning is logged if group or others can read
    /// the file.
    secret_file: String = String::new(), "empty, or a path", reload;

    /// PEM file with the certificate authorities that may vouch for `backend.url`, instead of the
    /// public ones. Only these are trusted. Empty: the file in the environment variable
    /// `SSL_CERT_FILE`; without that, Mozilla's list of public authorities, which is built in.
    /// SIGHUP reloads it, for new connections.
    ca_file: String = String::new(), "empty, or a path", reload;

    /// PEM file with the certificate that is shown to a backend that asks for one, and its
    /// intermediates, its own first. SIGHUP reloads it and `client_key`, for new connections.
    client_certificate: String = String::new(), "empty, or a path", reload;

    /// PEM file with the private key of `client_certificate`, not encrypted. A warning is logged if
    /// group or others can read the file.
    client_key: String = String::new(), "empty, or a path", reload;

    /// How long the application has for a join or for the answer to a message, including the wait
    /// for a thread.
    timeout: Length = Length::from_secs(5), "`1ms` to `366d`", reload;

    /// Concurrent calls of the backend, each on its own thread and persistent connection. A backend
    /// that takes 100 ms gives 160 answers a second. One user has at most about a quarter of the
    /// threads.
    workers: usize = 16, "1 to 1024 threads", restart + memory;

    /// With `true`, the backend is asked about a message before the others in the room get it, and
    /// may change or withhold it. A message then reaches nobody while the backend is down or slow.
    moderate: bool = false, "`true`, `false`", restart + memory;

    /// Claims of the token that each `/message` carries, by their names: at most 16. `/join` always
    /// carries all of them. What they say is kept in memory for each connection.
    claims: Vec<String> = Vec::new(), "up to 16 names of 1 to 128 bytes", restart;

    /// What the `claims` of one connection may take, as JSON. A claim that does not fit into it
    /// with those before it is left out.
    claims_bytes: Size = Size::bytes(512), "`32` to `8KiB`", restart + memory;

    /// Bytes of a client's request (`Origin`, `User-Agent` and query) that are kept until the client
    /// has authenticated, for `/join`. What does not fit is left out. `0` keeps nothing. Without
    /// `backend.url`, nothing is kept.
    client_bytes: Size = Size::bytes(512), "`0` to `8KiB`", restart + memory;

    /// Joins and messages that wait for a thread, and as many leaves. When the queue is full, the
    /// newest call of the user that has most in it is refused, or not sent if it is a leave. A
    /// longer queue hides a slow backend behind waiting; a shorter one reports it.
    queue: usize = 1_024, "1 to 1048576 calls", restart + memory;
}
