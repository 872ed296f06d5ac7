//! Attackers run where nobody else wants a core.

use std::fs;
use std::process::{Command, Stdio};

/// Gives the thread that calls this the policy `SCHED_IDLE`: it runs on a core that is idle, and every
/// other thread takes the core from it at once. False: it could not be, and the thread is like all.
pub(crate) fn yield_to_all() -> bool {
    // `1234/task/1235`.
    let Ok(link) = fs::read_link("/proc/thread-self") else { return false };
    let Some(thread) = link.file_name() else { return false };
    let mut command = Command::new("chrt");
    command.args(["--idle", "--pid", "0"]).arg(thread);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The policy of the calling thread, as `/proc` numbers it: 5 is `SCHED_IDLE`.
    fn policy() -> String {
        let stat = fs::read_to_string("/proc/thread-self/stat").unwrap();
        let behind_name = stat.rsplit_once(") ").unwrap().1;
        behind_name.split(' ').nth(38).unwrap().to_owned()
    }

    #[test]
    fn only_the_thread_itself_yields() {
        let before = policy();
        let (yields, inside) = std::thread::spawn(|| (yield_to_all(), policy())).join().unwrap();
        assert_eq!(policy(), before);
        assert_eq!(inside == "5", yields);
    }
}
