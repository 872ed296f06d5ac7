//! A bar on standard error, where that is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use vestibule::time::Instant;

/// Shows how far the load test is.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    next: Instant,
}

impl Progress {
    /// Shown only to a person: nothing is drawn where standard error is no terminal.
    pub(super) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style =
            ProgressStyle::with_template("  {msg:24} {bar:40.cyan/blue} {percent:>3} %  {elapsed}");
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("━╸─"));
        }
        Self { bar, next: Instant::START }
    }

    pub(super) fn show(&mut self, label: &'static str) {
        self.bar.set_message(label);
        self.bar.set_position(0);
        self.next = Instant::START;
    }

    /// Draws it, ten times a second at most.
    pub(super) fn draw(&mut self, now: Instant, progress: impl FnOnce() -> (u64, u64)) {
        if now < self.next || self.bar.is_hidden() {
            return;
        }
        self.next = now + INTERVAL;
        let (done, all) = progress();
        self.bar.set_length(all.max(1));
        self.bar.set_position(done.min(all));
    }

    pub(super) fn hide(&mut self) {
        self.bar.finish_and_clear();
    }
}

const INTERVAL: Duration = Duration::from_millis(100);
