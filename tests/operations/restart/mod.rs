//! The binary under a service manager: sockets that outlive it, what it tells, and restarts that
//! nobody loses anything by.
//!
//! The manager is a few lines of this test. Nothing here sleeps: what is waited for is an answer, or
//! a pause that a client makes, within a bound.

mod manager;
mod restarts;
mod told;
mod writer;
