//! Connections: their bytes, their sessions, and the tables by which they are found and ended.

pub(crate) mod frame;

pub(crate) mod budget;
pub(crate) mod connection;
pub(crate) mod moment;
pub(crate) mod outbox;
pub(crate) mod session;
pub(crate) mod wheel;
