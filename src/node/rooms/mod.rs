//! Rooms: who is in them, what is said there, and how it reaches everybody.

pub(crate) mod answers;
pub(crate) mod chat;
pub(crate) mod deliveries;
pub(crate) mod fan_out;
pub(crate) mod groups;
