//! Requests of the application over HTTP: their life, their answer, their refusal.

pub(crate) mod client_details;
pub(crate) mod message;
pub(crate) mod refusal;
pub(crate) mod request;
pub(crate) mod respond;
