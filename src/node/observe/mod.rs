//! What the node tells of itself: counters, the last closed connections, and what it holds.

pub(crate) mod close_advice;
pub(crate) mod close_history;
pub(crate) mod families;
pub(crate) mod metrics;
pub(crate) mod process_metrics;
pub(crate) mod usage;
