//! [`Link`]: what both ends of a binary session have in common. It has no socket and no clock.

use std::time::Instant;

use super::binary::{self, Frame, Hello};
use super::block::BlockPlace;
use super::frame::FrameError;
use super::inbox::Inbox;
use super::outbox::Outbox;
use super::value::Reader;

/// Maximum number of control frames that may arrive at once. Control frames are BIND, CANCEL, PING
/// and PONG.
pub const CONTROL_BURST: u32 = 20_000;

/// Number of further control frames that may arrive in each second.
pub const CONTROL_PER_SECOND: u32 = 5_000;

/// Turns bytes into messages, and messages into bytes.
///
/// ```text
/// awaits HELLO --HELLO--> open --anything but HELLO--> open
///      |                    |
///      +----anything else---+--HELLO, garbage, too many control frames--> broken
/// ```
#[derive(Debug)]
pub struct Link {
    /// The received bytes.
    pub inbox: Inbox,
    /// The bytes to write.
    pub outbox: Outbox,
    /// Whether the HELLO has arrived.
    is_greeted: bool,
    /// Number of control frames that may still arrive; `allowance <= CONTROL_BURST`.
    allowance: u32,
    /// When the allowance was last raised.
    raised_at: Option<Instant>,
}

/// Why a session cannot continue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The bytes are not frames.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A frame breaks the protocol, or is not allowed at this point.
    #[error("{0}")]
    Malformed(String),
    /// Too many control frames.
    #[error(
        "too many control frames (BIND, CANCEL, PING, PONG): at most {CONTROL_PER_SECOND} per second on average"
    )]
    Flood,
}

/// What a received frame means.
#[derive(Debug)]
pub enum Event<'a> {
    /// The HELLO, which is the first frame.
    Hello(Hello<'a>),
    /// Any other frame, with the values that follow it.
    Frame(Frame<'a>, Reader<'a>),
    /// A frame that needs no further handling.
    Handled,
}

impl Link {
    /// Returns a link for frames of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self::with_inbox(Inbox::new(limit))
    }

    /// Returns a link with bytes that were already received.
    pub fn with_inbox(inbox: Inbox) -> Self {
        Self {
            inbox,
            outbox: Outbox::default(),
            is_greeted: false,
            allowance: CONTROL_BURST,
            raised_at: None,
        }
    }

    /// Returns what the next complete frame means, and where to write its answer. For `find_block`
    /// see [`Inbox::next`].
    ///
    /// # Errors
    /// Why the session cannot continue.
    pub fn next(
        &mut self,
        find_block: impl FnOnce(&[u8]) -> Option<BlockPlace>,
    ) -> Result<Option<(Event<'_>, &mut Outbox)>, LinkError> {
        let Some(payload) = self.inbox.next(find_block)? else {
            return Ok(None);
        };
        let (frame, values) = binary::parse(payload.head).map_err(LinkError::Malformed)?;
        match frame {
            Frame::Hello(hello) if !self.is_greeted => {
                self.is_greeted = true;
                return Ok(Some((Event::Hello(hello), &mut self.outbox)));
            }
            Frame::Hello(_) => return Err(LinkError::Malformed("a second HELLO".to_owned())),
            _ if !self.is_greeted => {
                return Err(LinkError::Malformed(
                    "the first frame is not a HELLO".to_owned(),
                ));
            }
            Frame::Ping(_) | Frame::Pong(_) | Frame::Cancel(_) | Frame::Bind(_) => {
                self.allowance = self.allowance.checked_sub(1).ok_or(LinkError::Flood)?;
            }
            _ => {}
        }
        if let Frame::Ping(number) = frame {
            binary::put_pong(number, &mut self.outbox);
            return Ok(Some((Event::Handled, &mut self.outbox)));
        }
        let values = Reader::with_block(values, payload.block);
        Ok(Some((Event::Frame(frame, values), &mut self.outbox)))
    }

    /// Allows more control frames, according to the time that has passed. `now` is the present
    /// time.
    pub fn refill_allowance(&mut self, now: Instant) {
        if self.allowance == CONTROL_BURST {
            self.raised_at = Some(now);
            return;
        }
        let seconds = now
            .saturating_duration_since(*self.raised_at.get_or_insert(now))
            .as_secs();
        if seconds > 0 {
            let more = u32::try_from(seconds)
                .unwrap_or(u32::MAX)
                .saturating_mul(CONTROL_PER_SECOND);
            self.allowance = self.allowance.saturating_add(more).min(CONTROL_BURST);
            self.raised_at = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const HELLO: Hello<'_> = Hello {
        lowest: 1,
        highest: 1,
        max_frame: 100,
        idle_timeout_ms: 0,
        name: "client1",
    };

    /// Returns a link that has received a HELLO and then what `fill` writes.
    fn greeted_link(fill: impl FnOnce(&mut Outbox)) -> Link {
        let mut out = Outbox::default();
        binary::put_hello(&HELLO, &mut out);
        fill(&mut out);
        let mut link = Link::with_inbox(Inbox::with_bytes(1 << 20, out.into_bytes()));
        assert!(
            matches!(link.next(|_| None), Ok(Some((Event::Hello(hello), _))) if hello == HELLO)
        );
        link
    }

    /// Handles frames until an error, and returns the error.
    fn error_of(link: &mut Link) -> LinkError {
        loop {
            match link.next(|_| None) {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the link reported no error"),
                Err(error) => return error,
            }
        }
    }

    #[test]
    fn hello_comes_first_and_once() {
        let twice = error_of(&mut greeted_link(|out| binary::put_hello(&HELLO, out)));
        assert_eq!(twice.to_string(), "a second HELLO");
        let mut out = Outbox::default();
        binary::put_ping(1, &mut out);
        let mut link = Link::with_inbox(Inbox::with_bytes(100, out.into_bytes()));
        assert_eq!(
            error_of(&mut link).to_string(),
            "the first frame is not a HELLO"
        );
    }

    #[test]
    fn pings_are_answered_until_there_are_too_many() {
        let mut link =
            greeted_link(|out| (0..=CONTROL_BURST).for_each(|n| binary::put_ping(n.into(), out)));
        assert_eq!(error_of(&mut link), LinkError::Flood);
        assert_eq!(link.outbox.len(), CONTROL_BURST as usize * 13);
    }

    #[test]
    fn more_control_frames_are_allowed_as_time_passes() {
        let begin = Instant::now();
        let mut link =
            greeted_link(|out| (0..=CONTROL_BURST).for_each(|n| binary::put_cancel(n.into(), out)));
        link.refill_allowance(begin);
        for _ in 0..CONTROL_BURST {
            assert!(matches!(
                link.next(|_| None),
                Ok(Some((Event::Frame(Frame::Cancel(_), _), _)))
            ));
        }
        link.refill_allowance(begin + Duration::from_millis(999));
        assert_eq!(link.allowance, 0);
        link.refill_allowance(begin + Duration::from_secs(1));
        assert_eq!(link.allowance, CONTROL_PER_SECOND);
        assert!(matches!(
            link.next(|_| None),
            Ok(Some((Event::Frame(Frame::Cancel(_), _), _)))
        ));
        link.refill_allowance(begin + Duration::from_hours(1));
        assert_eq!(link.allowance, CONTROL_BURST);
    }
}
