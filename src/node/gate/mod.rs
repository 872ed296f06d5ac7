//! The gate: from the first byte of a connection to an authenticated user.

pub(crate) mod authenticate;
pub(crate) mod checks;
pub(crate) mod drain;
pub(crate) mod forwarded;
pub(crate) mod head;
pub(crate) mod identity;
pub(crate) mod legacy;
pub(crate) mod limits;
pub(crate) mod places;
pub(crate) mod proxy;
pub(crate) mod target;
pub(crate) mod upgrade;
pub(crate) mod user_limit;
