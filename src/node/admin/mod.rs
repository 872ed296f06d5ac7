//! The admin listener: health, counters, and an operator's commands, in HTTP.
//!
//! Its connections are read, bounded and written like those of the public listeners, but they are
//! counted apart: a full server can still be asked why, and told to do something about it. Nothing of
//! the chat is here, and nothing of this is there, but `/healthz`.
//!
//! A caller is taken for the operator, so access is narrow: with a key, calls must show it
//! ([`AdminKey`](key::AdminKey)); without one, they must come from this host, and not from a page
//! ([`OperatorCall::judge`](call::OperatorCall::judge)).

pub(crate) mod call;
pub(crate) mod commands;
pub(crate) mod counted;
pub(crate) mod explain;
mod exposition;
pub(crate) mod key;
mod stats;

use crate::node::gate::places::Places;
use crate::node::observe::MinuteThrottle;
use crate::node::observe::process_metrics::Probes;

/// What the node keeps for its admin listener.
#[derive(Debug, Default)]
pub(crate) struct AdminState {
    pub(crate) places: Places,
    pub(crate) denials: MinuteThrottle,
    pub(crate) probes: Probes,
}
