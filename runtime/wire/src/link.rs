//! [`Link`]: what both ends of a binary session have in common. It knows no socket and reads no
//! clock.

use std::time::Instant;

use super::binary::{self, Frame, Hello};
use super::block::BlockPlace;
use super::frame::FrameError;
use super::inbox::Inbox;
use super::outbox::Outbox;
use super::value::Reader;

/// So many frames that are no call and no answer may come at once: BIND, CANCEL, PING, PONG.
pub const CONTROL_BURST: u32 = 20_000;

/// So many more may come in each second.
pub const CONTROL_PER_SECOND: u32 = 5_000;

/// Bytes in, messages out; messages in, bytes out.
///
/// ```text
/// awaits HELLO --HELLO--> open --anything but HELLO--> open
///      |                    |
///      +----anything else---+--HELLO, garbage, too many control frames--> broken
/// ```
#[derive(Debug)]
pub struct Link {
    /// What has come.
    pub inbox: Inbox,
    /// What is to be written.
    pub outbox: Outbox,
    greeted: bool,
    /// How many more control frames may come; `allowance <= CONTROL_BURST`.
    allowance: u32,
    /// When the allowance was last raised.
    raised: Option<Instant>,
}

/// Why a session cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// Bytes that are no frames.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A frame that is none of the protocol, or out of place.
    #[error("{0}")]
    Malformed(String),
    /// Too many frames that are no calls.
    #[error(
        "too many frames that are no calls: at most {CONTROL_PER_SECOND} in a second, for long"
    )]
    Flood,
}

/// What a frame comes to.
#[derive(Debug)]
pub enum Event<'a> {
    /// The first frame.
    Hello(Hello<'a>),
    /// Any other, with the values behind it.
    Frame(Frame<'a>, Reader<'a>),
    /// One that is dealt with.
    Settled,
}

impl Link {
    /// For frames of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self::with_inbox(Inbox::new(limit))
    }

    /// The same with what has come already.
    pub fn with_inbox(inbox: Inbox) -> Self {
        Self {
            inbox,
            outbox: Outbox::default(),
            greeted: false,
            allowance: CONTROL_BURST,
            raised: None,
        }
    }

    /// What the next frame that has come whole says, and where its answer goes. `find_block` as for
    /// [`Inbox::next`].
    ///
    /// # Errors
    /// Why the session cannot go on.
    pub fn next(
        &mut self,
        find_block: impl FnOnce(&[u8]) -> Option<BlockPlace>,
    ) -> Result<Option<(Event<'_>, &mut Outbox)>, LinkError> {
        let Some(payload) = self.inbox.next(find_block)? else {
            return Ok(None);
        };
        let (frame, values) = binary::parse(payload.head).map_err(LinkError::Malformed)?;
        match frame {
            Frame::Hello(hello) if !self.greeted => {
                self.greeted = true;
                return Ok(Some((Event::Hello(hello), &mut self.outbox)));
            }
            Frame::Hello(_) => return Err(LinkError::Malformed("a second HELLO".to_owned())),
            _ if !self.greeted => {
                return Err(LinkError::Malformed(
                    "the first frame is no HELLO".to_owned(),
                ));
            }
            Frame::Ping(_) | Frame::Pong(_) | Frame::Cancel(_) | Frame::Bind(_) => {
                self.allowance = self.allowance.checked_sub(1).ok_or(LinkError::Flood)?;
            }
            _ => {}
        }
        if let Frame::Ping(number) = frame {
            binary::put_pong(number, &mut self.outbox);
            return Ok(Some((Event::Settled, &mut self.outbox)));
        }
        let values = Reader::with_block(values, payload.block);
        Ok(Some((Event::Frame(frame, values), &mut self.outbox)))
    }

    /// It is `now`: more control frames may come.
    pub fn tick(&mut self, now: Instant) {
        if self.allowance == CONTROL_BURST {
            self.raised = Some(now);
            return;
        }
        let seconds = now
            .saturating_duration_since(*self.raised.get_or_insert(now))
            .as_secs();
        if seconds > 0 {
            let more = u32::try_from(seconds)
                .unwrap_or(u32::MAX)
                .saturating_mul(CONTROL_PER_SECOND);
            self.allowance = self.allowance.saturating_add(more).min(CONTROL_BURST);
            self.raised = Some(now);
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

    /// A link that `fill` has sent something to, behind a HELLO.
    fn greeted(fill: impl FnOnce(&mut Outbox)) -> Link {
        let mut out = Outbox::default();
        binary::put_hello(&HELLO, &mut out);
        fill(&mut out);
        let mut link = Link::with_inbox(Inbox::with_bytes(1 << 20, out.into_bytes()));
        assert!(
            matches!(link.next(|_| None), Ok(Some((Event::Hello(hello), _))) if hello == HELLO)
        );
        link
    }

    fn broken(link: &mut Link) -> LinkError {
        loop {
            match link.next(|_| None) {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the link is whole"),
                Err(error) => return error,
            }
        }
    }

    #[test]
    fn hello_comes_first_and_once() {
        let twice = broken(&mut greeted(|out| binary::put_hello(&HELLO, out)));
        assert_eq!(twice.to_string(), "a second HELLO");
        let mut out = Outbox::default();
        binary::put_ping(1, &mut out);
        let mut link = Link::with_inbox(Inbox::with_bytes(100, out.into_bytes()));
        assert_eq!(broken(&mut link).to_string(), "the first frame is no HELLO");
    }

    #[test]
    fn pings_are_answered_until_they_are_too_many() {
        let mut link =
            greeted(|out| (0..=CONTROL_BURST).for_each(|n| binary::put_ping(n.into(), out)));
        assert_eq!(broken(&mut link), LinkError::Flood);
        assert_eq!(link.outbox.len(), CONTROL_BURST as usize * 13);
    }

    #[test]
    fn as_time_passes_more_control_frames_may_come() {
        let begin = Instant::now();
        let mut link =
            greeted(|out| (0..=CONTROL_BURST).for_each(|n| binary::put_cancel(n.into(), out)));
        link.tick(begin);
        for _ in 0..CONTROL_BURST {
            assert!(matches!(
                link.next(|_| None),
                Ok(Some((Event::Frame(Frame::Cancel(_), _), _)))
            ));
        }
        link.tick(begin + Duration::from_millis(999));
        assert_eq!(link.allowance, 0);
        link.tick(begin + Duration::from_secs(1));
        assert!(matches!(
            link.next(|_| None),
            Ok(Some((Event::Frame(Frame::Cancel(_), _), _)))
        ));
    }
}
