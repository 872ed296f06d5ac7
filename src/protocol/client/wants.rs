//! What a client asks for in its first `auth`, beside being authenticated.

use serde_json::Value;
use serde_json::value::RawValue;

use super::super::memo::Memo;
use super::super::position::Position;

/// What a client asks for in its first `auth`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// To be told who is in the room.
    pub presence: bool,
    /// What it has missed.
    pub resume: ResumeFrom,
    /// What it need not have done again.
    pub memo: Option<Memo>,
}

/// From where on a client wants the messages of its room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResumeFrom {
    /// From now on, and without positions: it does not support resuming.
    #[default]
    Unsupported,
    /// From now on. It may come back with a position. Also where what it gives is no position.
    Now,
    /// From behind this position on.
    Position(Position),
}

/// The field `presence`: `true` is true, and everything else is not.
pub(super) fn presence(value: &RawValue) -> bool {
    value.get() == "true"
}

/// The field `resume`: an object, with the last position and memo or without.
pub(super) fn resume(value: &RawValue) -> (ResumeFrom, Option<Memo>) {
    let Ok(Value::Object(fields)) = serde_json::from_str(value.get()) else {
        return (ResumeFrom::Unsupported, None);
    };
    let text = |name| fields.get(name).and_then(Value::as_str);
    let position = text("position").and_then(Position::parse);
    (position.map_or(ResumeFrom::Now, ResumeFrom::Position), text("memo").and_then(Memo::parse))
}
