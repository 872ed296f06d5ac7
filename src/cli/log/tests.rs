use super::*;
use std::sync::mpsc;

fn log(queue: &Arc<LineQueue>, level: Level, text: &str) {
    let logger = Logger { queue: Arc::clone(queue) };
    ::log::set_max_level(LevelFilter::Info);
    let mut record = Record::builder();
    record.level(level).target("vestibule::net");
    logger.log(&record.args(format_args!("{text}")).build());
}

fn taken(queue: &LineQueue) -> Vec<String> {
    queue.lock().lines.drain(..).collect()
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

#[test]
fn line_has_utc_time_level_and_message() {
    let queue = Arc::new(LineQueue::new(8, Format::Text));
    log(&queue, Level::Info, "hello");
    log(&queue, Level::Debug, "too quiet");
    let lines = taken(&queue);
    let [line] = lines.as_slice() else { unreachable!("{lines:?}") };
    let (time, rest) = line.split_once(' ').unwrap();
    assert!(vestibule::time::is_date_time(time) && time.ends_with('Z'), "{time}");
    assert_eq!(rest, "[INFO] hello\n");
}

#[test]
fn json_line_carries_the_connection_id() {
    let queue = Arc::new(LineQueue::new(8, Format::Json));
    let logger = Logger { queue: Arc::clone(&queue) };
    ::log::set_max_level(LevelFilter::Info);
    let mut record = Record::builder();
    record
        .level(Level::Warn)
        .target("vestibule::node")
        .key_values(&("connection", "0000002a-000007"));
    logger.log(&record.args(format_args!("say \"hi\"\n")).build());
    log(&queue, Level::Info, "hello");
    let lines = taken(&queue);
    let entry: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
    assert!(vestibule::time::is_date_time(entry["time"].as_str().unwrap()));
    assert_eq!((&entry["level"], &entry["message"]), (&"WARN".into(), &"say \"hi\"\\n".into()));
    assert_eq!(entry["connection"], "0000002a-000007");
    assert!(lines[0].ends_with("}\n") && !lines[1].contains("connection"), "{lines:?}");
}

#[test]
fn message_cannot_forge_a_line() {
    let queue = Arc::new(LineQueue::new(8, Format::Text));
    log(&queue, Level::Warn, "from a peer\n2026-01-01T00:00:00Z [INFO] all is well\u{1b}[2J");
    let lines = taken(&queue);
    assert_eq!(lines.len(), 1);
    assert!(lines[0].ends_with("peer\\n2026-01-01T00:00:00Z [INFO] all is well\\u{1b}[2J\n"));
}

#[test]
fn long_message_is_truncated() {
    let queue = Arc::new(LineQueue::new(8, Format::Text));
    log(&queue, Level::Warn, &"x".repeat(1 << 20));
    assert!(taken(&queue)[0].len() < 4_200);
}

#[test]
fn full_queue_drops_and_counts_lines() {
    let queue = Arc::new(LineQueue::new(2, Format::Text));
    for text in ["one", "two", "three", "four"] {
        queue.push(format!("{text}\n"));
    }
    assert_eq!(queue.dropped.load(Ordering::Relaxed), 2);
    let (leave, wait) = mpsc::channel();
    let (written, read) = mpsc::channel();
    let writer = Arc::clone(&queue);
    let sink = Box::new(SlowSink { leave: wait, written });
    let thread = std::thread::spawn(move || write_until_closed(&writer, sink));
    leave.send(()).unwrap();
    let text = read.recv().unwrap();
    assert!(text.starts_with("one\ntwo\n") && text.ends_with("[WARN] 2 log lines dropped\n"));
    queue.push("five\n".to_owned());
    leave.send(()).unwrap();
    assert_eq!(read.recv().unwrap(), "five\n");
    let logging = Logging { queue };
    logging.finish(Duration::from_secs(10));
    assert_eq!(logging.dropped(), 2);
    thread.join().unwrap();
}

#[test]
fn finish_waits_for_queued_lines_up_to_its_limit() {
    let queue = Arc::new(LineQueue::new(8, Format::Text));
    queue.push("last words\n".to_owned());
    let (leave, wait) = mpsc::channel();
    let (written, read) = mpsc::channel();
    let writer = Arc::clone(&queue);
    let sink = Box::new(SlowSink { leave: wait, written });
    let thread = std::thread::spawn(move || write_until_closed(&writer, sink));
    let logging = Logging { queue };
    logging.finish(Duration::from_millis(1));
    assert!(read.try_recv().is_err());
    leave.send(()).unwrap();
    logging.finish(Duration::from_secs(10));
    assert_eq!(read.try_recv().unwrap(), "last words\n");
    thread.join().unwrap();
}

#[test]
fn unwritable_lines_are_counted() {
    let queue = Arc::new(LineQueue::new(8, Format::Text));
    queue.push("lost\n".to_owned());
    queue.lock().is_closed = true;
    let (leave, wait) = mpsc::channel();
    drop(leave);
    let sink = Box::new(SlowSink { leave: wait, written: mpsc::channel().0 });
    write_until_closed(&queue, sink);
    assert_eq!(queue.dropped.load(Ordering::Relaxed), 1);
}
