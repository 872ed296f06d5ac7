use std::io::{self, Write};
use std::sync::mpsc;
use std::thread::JoinHandle;

use ::log::Level;

use super::*;

/// What a logger of this format makes of these records.
fn lines_of(format: Format, records: &[(Level, &str)]) -> Vec<String> {
    let queue = Arc::new(LineQueue::new(8));
    let logger = Logger::new(format, Arc::clone(&queue));
    ::log::set_max_level(LevelFilter::Info);
    for (level, text) in records {
        let mut record = Record::builder();
        record.level(*level).target("vestibule::net");
        logger.log(&record.args(format_args!("{text}")).build());
    }
    taken(&queue)
}

fn taken(queue: &LineQueue) -> Vec<String> {
    queue.waiting().into_iter().map(|line| String::from_utf8(line).unwrap()).collect()
}

/// Hands every write to a channel, and waits for leave before each.
struct SlowSink {
    leave: mpsc::Receiver<()>,
    written: mpsc::Sender<String>,
}

impl Write for SlowSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.leave.recv().map_err(io::Error::other)?;
        let text = String::from_utf8_lossy(bytes).into_owned();
        self.written.send(text).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for SlowSink {
    fn reopen(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn is_deleted(&self) -> bool {
        false
    }
}

/// A queue with these lines, and the thread that writes them to `sink`.
fn written_to(capacity: usize, lines: &[&str], sink: SlowSink) -> (Logging, JoinHandle<()>) {
    let queue = Arc::new(LineQueue::new(capacity));
    for line in lines {
        queue.push(format!("{line}\n").into_bytes());
    }
    let writer = Arc::clone(&queue);
    let thread =
        std::thread::spawn(move || writer.write_until_closed(Format::Text, Box::new(sink)));
    (Logging { queue }, thread)
}

#[test]
fn line_has_utc_time_level_and_message() {
    let lines = lines_of(Format::Text, &[(Level::Info, "hello"), (Level::Debug, "too quiet")]);
    let [line] = lines.as_slice() else { unreachable!("{lines:?}") };
    let (time, rest) = line.split_once(' ').unwrap();
    assert!(vestibule::time::is_date_time(time) && time.ends_with('Z'), "{time}");
    assert_eq!((rest, time.len()), ("[INFO] hello\n", "2026-01-01T00:00:00.000Z".len()));
}

#[test]
fn line_carries_the_connection_id_in_both_formats() {
    let queue = Arc::new(LineQueue::new(8));
    ::log::set_max_level(LevelFilter::Info);
    for format in [Format::Json, Format::Text] {
        let mut record = Record::builder();
        record
            .level(Level::Warn)
            .target("vestibule::node")
            .key_values(&("connection", "0000002a-000007"));
        let logger = Logger::new(format, Arc::clone(&queue));
        logger.log(&record.args(format_args!("say \"hi\"\n")).build());
    }
    let lines = taken(&queue);
    let entry: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
    assert!(vestibule::time::is_date_time(entry["time"].as_str().unwrap()));
    assert_eq!((&entry["level"], &entry["message"]), (&"WARN".into(), &"say \"hi\"\\n".into()));
    assert_eq!(entry["connection"], "0000002a-000007");
    assert!(lines[1].ends_with(" [WARN] 0000002a-000007: say \"hi\"\\n\n"), "{}", lines[1]);
    let without = lines_of(Format::Json, &[(Level::Info, "hello")]);
    assert!(without[0].ends_with("}\n") && !without[0].contains("connection"), "{without:?}");
}

#[test]
fn message_cannot_forge_a_line() {
    let forged = "from a peer\n2026-01-01T00:00:00Z [INFO] all is well\u{1b}[2J";
    let lines = lines_of(Format::Text, &[(Level::Warn, forged)]);
    assert_eq!(lines.len(), 1);
    assert!(lines[0].ends_with("peer\\n2026-01-01T00:00:00Z [INFO] all is well\\u{1b}[2J\n"));
}

#[test]
fn long_message_is_truncated() {
    let lines = lines_of(Format::Text, &[(Level::Warn, &"x".repeat(1 << 20))]);
    assert!(lines[0].len() < 4_200);
}

#[test]
fn full_queue_drops_and_counts_lines() {
    let (leave, wait) = mpsc::channel();
    let (written, read) = mpsc::channel();
    let sink = SlowSink { leave: wait, written };
    let queue = Arc::new(LineQueue::new(2));
    for text in ["one", "two", "three", "four"] {
        queue.push(format!("{text}\n").into_bytes());
    }
    assert_eq!(queue.dropped(), 2);
    let writer = Arc::clone(&queue);
    let thread =
        std::thread::spawn(move || writer.write_until_closed(Format::Text, Box::new(sink)));
    leave.send(()).unwrap();
    let text = read.recv().unwrap();
    assert!(text.starts_with("one\ntwo\n") && text.ends_with("[WARN] 2 log lines dropped\n"));
    queue.push(b"five\n".to_vec());
    leave.send(()).unwrap();
    assert_eq!(read.recv().unwrap(), "five\n");
    queue.finish(Duration::from_secs(10));
    assert_eq!(queue.dropped(), 2);
    thread.join().unwrap();
}

#[test]
fn finish_waits_for_queued_lines_up_to_its_limit() {
    let (leave, wait) = mpsc::channel();
    let (written, read) = mpsc::channel();
    let (logging, thread) = written_to(8, &["last words"], SlowSink { leave: wait, written });
    logging.finish(Duration::from_millis(1));
    assert!(read.try_recv().is_err());
    leave.send(()).unwrap();
    logging.finish(Duration::from_secs(10));
    assert_eq!(read.try_recv().unwrap(), "last words\n");
    thread.join().unwrap();
}

#[test]
fn unwritable_lines_are_counted() {
    let (leave, wait) = mpsc::channel();
    drop(leave);
    let sink = SlowSink { leave: wait, written: mpsc::channel().0 };
    let (logging, thread) = written_to(8, &["lost"], sink);
    logging.finish(Duration::from_secs(10));
    thread.join().unwrap();
    assert_eq!(logging.dropped(), 1);
}
