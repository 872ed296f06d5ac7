//! CPU time and memory of the server under test, read from `/proc`.

use std::fs;
use std::iter::Sum;
use std::time::Duration;

/// Measures the server's process, and this one. Without `--pid`, only this one.
#[derive(Debug)]
pub(super) struct ResourceMeter {
    /// The server's processes.
    server: Vec<Process>,
    /// Resident bytes before the first connect.
    baseline: u64,
}

/// CPU time, in total or between two moments.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CpuTime {
    /// Of the server, if its process is known.
    pub(super) server: Option<Duration>,
    /// Of this process, if the system reports it.
    pub(super) own: Option<Duration>,
}

impl ResourceMeter {
    /// Records the baseline of the server's memory.
    pub(super) fn new(pids: &[u32]) -> Result<Self, String> {
        let server: Vec<_> = pids.iter().copied().map(Process).collect();
        let baseline = sum(&server, Process::resident)?.unwrap_or_default();
        Ok(Self { server, baseline })
    }

    /// CPU time so far.
    pub(super) fn cpu(&self) -> Result<CpuTime, String> {
        let own = Process(std::process::id()).cpu().ok();
        Ok(CpuTime { server: sum(&self.server, Process::cpu)?, own })
    }

    /// CPU time since `before`.
    pub(super) fn cpu_since(&self, before: CpuTime) -> Result<CpuTime, String> {
        let now = self.cpu()?;
        let since = |now: Option<Duration>, before| {
            now.zip(before).map(|(now, before)| now.saturating_sub(before))
        };
        Ok(CpuTime { server: since(now.server, before.server), own: since(now.own, before.own) })
    }

    /// Resident bytes gained since the baseline, with the number of connections.
    pub(super) fn growth(&self, connections: u32) -> Result<Option<(u64, u64)>, String> {
        let now = sum(&self.server, Process::resident)?;
        Ok(now.map(|now| (now.saturating_sub(self.baseline), connections.into())))
    }
}

/// The sum over all processes. `None` without any.
fn sum<T: Sum>(
    processes: &[Process],
    of: fn(Process) -> Result<T, String>,
) -> Result<Option<T>, String> {
    let all = || processes.iter().copied().map(of).sum();
    (!processes.is_empty()).then(all).transpose()
}

/// `utime` and `stime` are in hundredths of a second for every Linux program (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// Reads the CPU time and memory of one process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Process(pub(super) u32);

impl Process {
    /// CPU time of all threads so far: in nanoseconds by the scheduler, or, if the kernel does not
    /// report these, in ticks.
    pub(super) fn cpu(self) -> Result<Duration, String> {
        let tasks = format!("/proc/{}/task", self.0);
        let entries = fs::read_dir(&tasks).map_err(|error| self.fault(&tasks, &error))?;
        let mut sum = Duration::ZERO;
        for entry in entries.flatten() {
            // A thread may end after it was listed.
            let text = fs::read_to_string(entry.path().join("schedstat")).unwrap_or_default();
            sum += run_time(&text).unwrap_or_default();
        }
        if !sum.is_zero() {
            return Ok(sum);
        }
        let stat = format!("/proc/{}/stat", self.0);
        let text = fs::read_to_string(&stat).map_err(|error| self.fault(&stat, &error))?;
        ticks(&text).ok_or_else(|| format!("cannot parse {stat}"))
    }

    /// Resident memory in bytes that is the process's own, exact at this moment.
    pub(super) fn resident(self) -> Result<u64, String> {
        let path = format!("/proc/{}/smaps_rollup", self.0);
        let text = fs::read_to_string(&path).map_err(|error| self.fault(&path, &error))?;
        resident(&text).ok_or_else(|| format!("cannot parse {path}"))
    }

    fn fault(self, path: &str, error: &std::io::Error) -> String {
        format!("cannot read {path}: {error} (--pid must be a running process of this user)")
    }
}

/// The first field of a `schedstat`: nanoseconds on a CPU.
fn run_time(schedstat: &str) -> Option<Duration> {
    schedstat.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// `utime` + `stime` of a `stat`, the 14th and 15th field. They are counted from the end of the
/// program's name, which is in parentheses and may contain anything.
fn ticks(stat: &str) -> Option<Duration> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(TICK * user + TICK * system)
}

/// The `Anonymous` of a `smaps_rollup`, in bytes. The rest of `Rss` are pages of files, such as the
/// program's code when it first runs: the system has them once, however many connect.
fn resident(rollup: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Anonymous:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedstat_counts_nanoseconds() {
        assert_eq!(run_time("1500 22 3\n"), Some(Duration::from_nanos(1_500)));
        assert_eq!(run_time(""), None);
    }

    #[test]
    fn stat_with_a_hostile_name_is_read() {
        let stat = "7 (a) b) 1) S 1 7 7 0 -1 4194304 9 0 0 0 120 30 0 0 20 0 1 0 5 6 7";
        assert_eq!(ticks(stat), Some(Duration::from_millis(1_500)));
        assert_eq!(ticks("7 (a) S 1"), None);
    }

    #[test]
    fn rollup_is_in_kibibytes() {
        let rollup = "5581-7ffd ---p 0 [rollup]\nRss:  9000 kB\nAnonymous:            1928 kB\n";
        assert_eq!(resident(rollup), Some(1_928 * 1_024));
        assert_eq!(resident("Pss: 1 kB\n"), None);
    }

    #[test]
    fn processes_are_added_up() {
        assert_eq!(sum(&[Process(40), Process(2)], |it| Ok(it.0)), Ok(Some(42)));
        assert_eq!(sum(&[], |it| Ok(it.0)), Ok(None));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_memory() {
        assert!(Process(std::process::id()).resident().unwrap() >= 4_096);
        assert!(Process(std::process::id()).cpu().is_ok());
    }
}
