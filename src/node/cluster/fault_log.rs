//! The log's lines on commands that the engine has not carried out.

use crate::bus::BusFault;
use crate::config::counted;
use crate::node::observe::MinuteThrottle;
use crate::time::Instant;

/// When each kind of fault was logged: a frequent one does not hide another.
#[derive(Debug, Default)]
pub(crate) struct FaultLog([MinuteThrottle; BusFault::LABELS.len()]);

impl FaultLog {
    /// A command has failed: the line that says why, once a minute. Clients hear of a temporary fault, and
    /// some of these end only when somebody reads this. That the engine is not reached is logged by who
    /// notices it.
    pub(crate) fn line(&mut self, now: Instant, fault: &BusFault) -> Option<String> {
        if *fault == BusFault::Down {
            return None;
        }
        let count = self.0.get_mut(fault.index())?.count(now)?;
        let (commands, reason) = (counted(count, "command"), fault.label());
        Some(format!(
            "{commands} to the cluster's engine failed, the last one: {fault} ({reason}, see docs/cluster.md, \
             Failures)"
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_kind_of_fault_is_one_line_a_minute() {
        let mut log = FaultLog::default();
        let refused = BusFault::NoPermission("NOPERM no permission to run 'evalsha'".to_owned());
        let line = log.line(Instant::START, &refused).unwrap();
        assert!(line.starts_with("1 command to the cluster's engine failed, "), "{line}");
        assert!(line.contains("'evalsha'") && line.contains("no_permission"), "{line}");
        assert_eq!(log.line(Instant::START, &refused), None);
        assert!(log.line(Instant::START, &BusFault::TooLong).unwrap().contains("too_long"));
        let later = Instant::START + Duration::from_secs(60);
        let line = log.line(later, &refused).unwrap();
        assert!(line.starts_with("2 commands to the cluster's engine failed, "), "{line}");
        assert_eq!(log.line(later, &BusFault::Down), None);
    }
}
