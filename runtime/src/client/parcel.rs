//! [`Parcel`]: the arguments of a call until they are sent.

use crate::wire::outbox::Outbox;
use crate::wire::value::Value;

/// Arguments that are put into the output of one session, or of another where the first did not take them.
#[derive(Debug)]
pub(super) enum Parcel<A> {
    /// Short ones are copied.
    Copied(A),
    /// Long blocks are moved, so that they are put once; `None` when they were.
    Moved(Option<A>),
}

impl<A: Value> Parcel<A> {
    pub(super) fn new(arguments: A) -> Self {
        if arguments.has_block() { Self::Moved(Some(arguments)) } else { Self::Copied(arguments) }
    }

    /// Appends the arguments.
    pub(super) fn put(&mut self, out: &mut Outbox) {
        match self {
            Self::Copied(arguments) => arguments.encode(out.bytes()),
            Self::Moved(arguments) => {
                if let Some(arguments) = arguments.take() {
                    arguments.put(out);
                }
            }
        }
    }

    /// Whether they can be put (once more).
    pub(super) fn is_there(&self) -> bool {
        !matches!(self, Self::Moved(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::outbox::LONG_BLOCK;

    #[test]
    fn what_is_moved_is_there_until_it_was_put() {
        for (length, copied) in [(LONG_BLOCK - 1, true), (LONG_BLOCK, false)] {
            let (mut parcel, mut out) = (Parcel::new(vec![7_u8; length]), Outbox::default());
            assert!(parcel.is_there());
            parcel.put(&mut out);
            assert_eq!((parcel.is_there(), out.len()), (copied, length + 4));
        }
    }
}
