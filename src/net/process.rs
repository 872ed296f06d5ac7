//! Process metrics, under the standard names that collectors expect of every program.
//!
//! A worker reads them from `/proc` when the metrics are collected. On other systems than Linux
//! there are none.

use std::fs;
use std::path::Path;

use rustix::process::{Resource, getrlimit};

use crate::node::Reading;

/// `utime` and `stime` are in hundredths of a second for every Linux program (`USER_HZ`).
const TICKS_A_SECOND: f64 = 100.0;

/// All process metrics. Those that cannot be read are left out.
pub(super) fn read() -> Vec<Reading> {
    if !Path::new("/proc/self/stat").exists() {
        return Vec::new();
    }
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let (stat, status) = (text("/proc/self/stat"), text("/proc/self/status"));
    let reading =
        |name, help, value: Option<f64>| value.map(|value| Reading::new(name, help, value));
    let readings = [
        reading(
            "process_cpu_seconds_total",
            "CPU time of this process, by its user and by the system, in seconds.",
            field(&stat, 14).zip(field(&stat, 15)).map(|(user, sys)| (user + sys) / TICKS_A_SECOND),
        ),
        reading(
            "process_resident_memory_bytes",
            "Resident memory.",
            kib(&status, "VmRSS:").map(|kib| kib * 1_024.0),
        ),
        reading(
            "process_virtual_memory_bytes",
            "Address space.",
            kib(&status, "VmSize:").map(|kib| kib * 1_024.0),
        ),
        reading(
            "process_start_time_seconds",
            "When this process started, in seconds since 1970.",
            boot_time(&text("/proc/stat"))
                .zip(field(&stat, 22))
                .map(|(boot, ticks)| boot + ticks / TICKS_A_SECOND),
        ),
        reading(
            "process_open_fds",
            "Open descriptors.",
            // One of them is for the directory that is being read.
            fs::read_dir("/proc/self/fd").ok().map(|fds| fds.count().saturating_sub(1) as f64),
        ),
        reading(
            "process_max_fds",
            "Descriptors that may be open.",
            getrlimit(Resource::Nofile).current.map(|limit| limit as f64),
        ),
        reading("process_threads", "Threads.", field(&stat, 20)),
    ];
    readings.into_iter().flatten().collect()
}

/// A field of `stat` by its number in proc(5). The second is the program's name in parentheses,
/// which may contain any character.
fn field(stat: &str, number: usize) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(number.checked_sub(3)?)?.parse().ok()
}

fn kib(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

fn boot_time(stat: &str) -> Option<f64> {
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_is_read_behind_a_hostile_name() {
        let stat = "7 (a) b) 1) S 1 7 7 0 -1 4194304 9 0 0 0 120 30 0 0 20 0 5 0 600 8 7";
        assert_eq!([14, 15, 20, 22].map(|n| field(stat, n)), [120.0, 30.0, 5.0, 600.0].map(Some));
        assert_eq!((field("", 14), field("7 (a) S", 14)), (None, None));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_known() {
        let readings = read();
        assert_eq!(readings.len(), 7, "{readings:?}");
        let of = |name| {
            readings.iter().find(|reading| reading.name() == name).unwrap().value(&[]).unwrap()
        };
        assert!(of("process_resident_memory_bytes") > 1e6);
        assert!(of("process_start_time_seconds") > 1.7e9);
        assert!(of("process_open_fds") < of("process_max_fds"));
        assert!(of("process_threads") >= 1.0);
    }
}
