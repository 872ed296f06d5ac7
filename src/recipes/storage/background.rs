//! Threads whose work can wait.

/// The nice value of such a thread. The scheduler gives it about a tenth of what it gives others.
const NICE: i32 = 10;

/// Lets all other threads go first from here on, where there are too few cores: the reactor and the
/// storage thread, which people wait for in a chat. An idle core works for this thread as before.
///
/// On Linux this is about the calling thread alone (setpriority(2), C library/kernel differences).
pub(super) fn go_last() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        log::debug!("a background thread has the priority of the others: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    #[cfg(target_os = "linux")]
    fn only_the_thread_that_asks_goes_last() {
        use rustix::process::getpriority_process;

        let before = getpriority_process(None).unwrap();
        let there = std::thread::spawn(|| {
            go_last();
            getpriority_process(None).unwrap()
        });
        assert_eq!(there.join().unwrap(), NICE.max(before));
        assert_eq!(getpriority_process(None).unwrap(), before);
    }
}
