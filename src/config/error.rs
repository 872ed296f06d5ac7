//! What can be wrong with a configuration.

/// One value that a configuration may not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct ConfigError {
    /// Where: the path of the key, as in `auth.secret`.
    pub key: &'static str,
    /// In which way the value is wrong.
    pub kind: FaultKind,
    /// What is wrong with the value and what would be right. It never holds a secret.
    pub problem: String,
}

/// In which way a value is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// It is not in the range of its key.
    OutOfRange,
    /// It is not written as its key asks for: no address, no origin, no date-time.
    Malformed,
    /// There is none, and it is needed.
    Missing,
    /// It does not go with the value of another key.
    Conflict,
}

pub(super) struct Faults(pub(super) Vec<ConfigError>);

impl Faults {
    pub(super) fn add(&mut self, key: &'static str, kind: FaultKind, problem: impl Into<String>) {
        self.0.push(ConfigError { key, kind, problem: problem.into() });
    }

    /// `key` does not go with the values of `others`. It is not told where one of them is at fault
    /// already: the conflict would be with a value that has to change.
    pub(super) fn conflict(&mut self, key: &'static str, others: &[&str], why: impl Into<String>) {
        if !self.0.iter().any(|fault| fault.key == key || others.contains(&fault.key)) {
            self.add(key, FaultKind::Conflict, why);
        }
    }
}
