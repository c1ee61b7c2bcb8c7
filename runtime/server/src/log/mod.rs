//! The log: one line per event, as text or JSON. A thread of its own writes the lines, so that
//! calls do not wait for the disk.
//!
//! A line has an RFC 3339 timestamp with microseconds, a level, the thread, the event and its
//! fields. If more than [`MAX_QUEUED_BYTES`] are queued, a thread that logs waits for the writer.
//! If the sink accepts nothing for [`MAX_SINK_STALL`], lines are dropped and counted until it accepts data
//! again. Meters limit the lines about calls, printed lines and everything else that a peer can
//! cause. Texts from peers and procedures are escaped.

pub mod file;
pub(crate) mod meter;

use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rpc_schema::visible;
pub use tracing::Level;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use wire::json::cut;

/// Number of queued bytes beyond which a thread that logs waits for the writer.
pub const MAX_QUEUED_BYTES: usize = 8 << 20;

/// Maximum time for which the server waits for a sink that accepts nothing, such as a terminal
/// that is stopped with Ctrl-S.
pub const MAX_SINK_STALL: Duration = Duration::from_secs(2);

/// Maximum number of characters of a field of a line.
const MAX_FIELD_CHARS: usize = 10_000;

/// Maximum time between two writes while the server runs.
const WRITE_INTERVAL: Duration = Duration::from_millis(20);

/// The format of the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// `2026-01-01T00:00:00.000000Z INFO main connected peer=127.0.0.1:5000`
    Text,
    /// One JSON object per line.
    Json,
}

/// Keeps the log running. Dropping the guard writes everything that was logged so far, if the sink
/// accepts it within [`MAX_SINK_STALL`].
#[derive(Debug)]
#[must_use]
pub struct LogGuard {
    queue: Arc<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    state: Mutex<QueueState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct QueueState {
    lines: Vec<u8>,
    /// Whether the writer has taken nothing for [`MAX_SINK_STALL`].
    stalled: bool,
    /// Number of lines that were dropped since the last write.
    dropped: u64,
    /// Whether the guard was dropped.
    ended: bool,
    /// Whether the writer has written everything and has ended.
    finished: bool,
}

/// Sends every event of this process from `level` up to `sink`.
///
/// # Errors
/// Returns an error if this process has a log already, or if a thread cannot be started.
pub fn start(level: Level, format: LogFormat, sink: Box<dyn Write + Send>) -> io::Result<LogGuard> {
    let queue = Arc::new(Queue::default());
    let writer_queue = Arc::clone(&queue);
    std::thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || writer_queue.write_to(sink))?;
    let layer = Lines {
        queue: Arc::clone(&queue),
        format,
    }
    .with_filter(LevelFilter::from_level(level));
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))
        .map_err(io::Error::other)?;
    Ok(LogGuard { queue })
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        self.queue.lock().ended = true;
        self.queue.changed.notify_all();
        let unfinished = |state: &mut QueueState| !state.finished;
        let waited =
            self.queue
                .changed
                .wait_timeout_while(self.queue.lock(), MAX_SINK_STALL, unfinished);
        drop(waited);
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: &str) {
        let mut state = self.lock();
        if state.lines.len() > MAX_QUEUED_BYTES && !state.stalled {
            let full =
                |state: &mut QueueState| state.lines.len() > MAX_QUEUED_BYTES && !state.ended;
            let waited = self.changed.wait_timeout_while(state, MAX_SINK_STALL, full);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.stalled = state.lines.len() > MAX_QUEUED_BYTES;
        }
        if state.stalled {
            state.dropped += 1;
        } else {
            state.lines.extend_from_slice(line.as_bytes());
        }
    }

    /// Writes the queued lines to `sink` until the guard is dropped. Takes them once per
    /// [`WRITE_INTERVAL`], so that a line wakes no thread.
    fn write_to(&self, mut sink: Box<dyn Write + Send>) {
        let mut lines = Vec::new();
        loop {
            let mut state = self.lock();
            if !state.ended {
                let waited = self.changed.wait_timeout(state, WRITE_INTERVAL);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            std::mem::swap(&mut lines, &mut state.lines);
            let ended = state.ended;
            let dropped = std::mem::take(&mut state.dropped);
            state.stalled = false;
            drop(state);
            if dropped > 0 {
                lines.extend_from_slice(
                    format!("{dropped} lines were dropped: the log accepted no data\n").as_bytes(),
                );
            }
            self.changed.notify_all();
            // A failure cannot be reported: the log itself is broken.
            let _ = sink.write_all(&lines).and_then(|()| sink.flush());
            lines.clear();
            if ended {
                self.lock().finished = true;
                self.changed.notify_all();
                return;
            }
        }
    }
}

struct Lines {
    queue: Arc<Queue>,
    format: LogFormat,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut time = String::new();
        // Formatting into a string does not fail.
        let _ = SystemTime.format_time(&mut Writer::new(&mut time));
        let level = *event.metadata().level();
        let mut fields = Fields {
            format: self.format,
            event: String::new(),
            others: String::new(),
        };
        event.record(&mut fields);
        let current = std::thread::current();
        let line = fields.into_line(&time, level, current.name().unwrap_or("unnamed"));
        self.queue.push(&line);
    }
}

struct Fields {
    format: LogFormat,
    event: String,
    /// The other fields, each with a separator before it.
    others: String,
}

impl Fields {
    fn into_line(self, time: &str, level: Level, thread: &str) -> String {
        let Self {
            format,
            event,
            others,
        } = self;
        match format {
            LogFormat::Text => format!("{time} {level} {thread} {event}{others}\n"),
            LogFormat::Json => {
                let event = quoted(&event);
                let thread = quoted(thread);
                format!(
                    "{{\"time\":\"{time}\",\"level\":\"{level}\",\"thread\":{thread},\"event\":{event}{others}}}\n"
                )
            }
        }
    }

    fn put(&mut self, field: &Field, json: &str, text: &str) {
        // Writing into a string does not fail.
        let _ = match self.format {
            LogFormat::Text => write!(self.others, " {}={text}", field.name()),
            LogFormat::Json => write!(self.others, ",\"{}\":{json}", field.name()),
        };
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "event" {
            value.clone_into(&mut self.event);
            return;
        }
        let value = cut(value, MAX_FIELD_CHARS);
        let json = quoted(value);
        let plain =
            !value.is_empty() && !value.contains([' ', '"', '=']) && json.len() == value.len() + 2;
        self.put(field, &json, if plain { value } else { &json });
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        let text = value.to_string();
        self.put(field, &text, &text);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        let text = value.to_string();
        self.put(field, &text, &text);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        let text = value.to_string();
        self.put(field, &text, &text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// Returns a text as a JSON string. Invisible characters are escaped, so that the text cannot
/// change the terminal or the editor that shows it.
fn quoted(text: &str) -> String {
    visible(&serde_json::Value::from(text).to_string()).into_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// A sink that keeps what is written.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("a lock").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The writer does not run at first, as if its sink accepted nothing.
    #[test]
    fn a_full_log_waits_for_its_sink_for_a_limited_time_and_then_drops_lines() {
        let queue = Queue::default();
        let full = "x".repeat(MAX_QUEUED_BYTES);
        let push = |line: &str| {
            let began_at = Instant::now();
            queue.push(line);
            began_at.elapsed() >= MAX_SINK_STALL
        };
        assert!(!push(&full), "there is room");
        assert!(!push("y"), "the queue is at its limit, and not above");
        assert!(push("dropped after a wait"));
        assert!(!push("dropped at once"));
        queue.lock().ended = true;
        let kept = Kept::default();
        queue.write_to(Box::new(kept.clone()));
        let written = kept.0.lock().expect("a lock").clone();
        let written = String::from_utf8(written).expect("text");
        let expected = format!("{full}y2 lines were dropped: the log accepted no data\n");
        assert!(written == expected, "{} bytes", written.len());
        assert!(!push("the sink accepts data again"));
    }

    #[test]
    fn a_long_field_is_cut() {
        let queue = Arc::new(Queue::default());
        let layer = Lines {
            queue: Arc::clone(&queue),
            format: LogFormat::Text,
        };
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            for characters in [MAX_FIELD_CHARS, MAX_FIELD_CHARS + 1] {
                tracing::info!(event = "long", text = "x".repeat(characters));
            }
        });
        let lines = String::from_utf8(queue.lock().lines.clone()).expect("text");
        for line in lines.lines() {
            let text = line.split_once(" text=").expect("the field").1;
            assert_eq!(text.len(), MAX_FIELD_CHARS);
        }
        assert_eq!(lines.lines().count(), 2);
    }
}
