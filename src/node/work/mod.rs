//! Work: what the application is asked, under which ticket, and until when.

pub(crate) mod operator;
pub(crate) mod overdue;
pub(crate) mod port;
pub(crate) mod questions;
