//! `[assistant]`: a language model for what the recipe chat's assistant does not understand.

use super::units::{Length, Size};

section! {
    /// `[assistant]`: a language model for messages that the recipe chat's rules do not understand.
    #[derive(Debug)]
    pub struct Assistant at assistant:

    /// URL of a chat completions interface, which local servers and vendors share:
    /// `http://127.0.0.1:8000/v1/chat/completions`. The recipe, the room's last messages and the
    /// message are sent there. Empty: no model. `http://` is taken for private addresses only.
    url: String = String::new(), "empty, or `http://…` or `https://…` without user or fragment",
        restart;

    /// Name of the model, as its server knows it. Required with `assistant.url`.
    model: String = String::new(), "a name", restart;

    /// File with the key that is sent as a bearer token, on one line. Empty: none is sent. It is read
    /// once, at the start. A warning is logged if group or others can read the file.
    key_file: String = String::new(), "empty, or a path", restart;

    /// PEM file with the certificate authorities that may vouch for `assistant.url`, instead of the
    /// public ones.
    ca_file: String = String::new(), "empty, or a path", restart;

    /// How long the model has for an answer, including the wait for a thread. It must be less than
    /// `backend.timeout`, after which a message is answered with an error.
    timeout: Length = Length::from_secs(4), "`1ms` to `366d`", restart;

    /// Concurrent calls of the model, each on its own thread.
    workers: usize = 4, "1 to 1024 threads", restart + memory;

    /// Messages that wait for a thread. When the queue is full, the newest one of the user that has
    /// most in it is answered without the model.
    queue: usize = 64, "1 to 1048576 calls", restart + memory;

    /// The longest response that is read. A longer one is not used.
    answer_bytes: Size = Size::kib(64), "`1KiB` to `1MiB`", restart + memory;

    /// Most commands in one answer of the model. An answer with more is not used.
    commands: usize = 16, "1 to 100 commands", restart;

    /// The room's last messages that are sent to the model, each with its answer.
    turns: usize = 6, "0 to 100 messages", restart + memory;
}
