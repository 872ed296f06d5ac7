//! When an application answers, and who runs it.

use std::fmt;

/// When the answer comes.
pub enum Reply<T> {
    /// It is here.
    Now(T),
    /// This work has it; it runs on a worker and may block.
    Later(Job<T>),
    /// The application will hand it to the driver's handle, with the ticket of the question.
    Held,
}

/// Work that blocks, and gives an answer.
pub type Job<T> = Box<dyn FnOnce() -> T + Send>;

impl<T> Reply<T> {
    /// Shorthand for [`Reply::Later`].
    pub fn later(job: impl FnOnce() -> T + Send + 'static) -> Self {
        Self::Later(Box::new(job))
    }
}

impl<T> From<T> for Reply<T> {
    fn from(answer: T) -> Self {
        Self::Now(answer)
    }
}

/// Why an application does not publish what an operator says, where no
/// [`ErrorCode`](crate::protocol::ErrorCode) says that:
/// [`Outcome::NotPublished`](crate::node::Outcome::NotPublished).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublishRefusal {
    /// There is no such room. The operator gets 404 `not_found`.
    NoSuchRoom,
    /// `recipe_data` cannot be used: a sentence that names its field. The operator gets 400
    /// `invalid_field` with it.
    InvalidData(String),
}

impl<T> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Now(_) => "Now",
            Self::Later(_) => "Later",
            Self::Held => "Held",
        })
    }
}
