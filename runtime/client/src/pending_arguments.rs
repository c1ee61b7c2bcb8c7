//! [`PendingArguments`]: the arguments of a call until they are sent.

use wire::outbox::Outbox;
use wire::value::Value;

/// Arguments that are put into the output of a session, and once more into that of another if the
/// first did not take the call.
#[derive(Debug)]
pub(crate) enum PendingArguments<A> {
    /// Short arguments are copied into the output.
    Copied(A),
    /// Long blocks are moved into the output, so they can be put once. `None` after that.
    Moved(Option<A>),
}

impl<A: Value> PendingArguments<A> {
    pub(crate) fn new(arguments: A) -> Self {
        if arguments.has_block() {
            Self::Moved(Some(arguments))
        } else {
            Self::Copied(arguments)
        }
    }

    /// Appends the arguments.
    pub(crate) fn put(&mut self, out: &mut Outbox) {
        match self {
            Self::Copied(arguments) => arguments.encode(out.bytes()),
            Self::Moved(arguments) => {
                if let Some(arguments) = arguments.take() {
                    arguments.put(out);
                }
            }
        }
    }

    /// Returns whether the arguments can be put.
    pub(crate) fn can_be_put(&self) -> bool {
        !matches!(self, Self::Moved(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::outbox::LONG_BLOCK;

    #[test]
    fn long_arguments_can_be_put_once_and_short_ones_again() {
        for (length, copied) in [(LONG_BLOCK - 1, true), (LONG_BLOCK, false)] {
            let mut arguments = PendingArguments::new(vec![7_u8; length]);
            let mut out = Outbox::default();
            assert!(arguments.can_be_put());
            arguments.put(&mut out);
            assert_eq!((arguments.can_be_put(), out.len()), (copied, length + 4));
        }
    }
}
