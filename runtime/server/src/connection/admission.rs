//! [`Admission`]: whether a connection is served.

/// One more connection is refused with a reason for each of this many that are allowed. Connections
/// beyond that are closed at once.
const ALLOWED_PER_REFUSED: usize = 10;

/// What becomes of a connection when it is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is served.
    Admitted,
    /// The server has too many connections: the first request is refused with a reason, and the
    /// connection ends.
    TurnedAway,
    /// The server has far too many connections: it is closed at once.
    Closed,
}

impl Admission {
    /// Decides on a connection that comes while `open` others are open, of at most `limit`.
    pub(crate) fn decide(open: usize, limit: usize) -> Self {
        if open < limit {
            Self::Admitted
        } else if open < limit.saturating_add(limit / ALLOWED_PER_REFUSED + 1) {
            Self::TurnedAway
        } else {
            Self::Closed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_connections_beyond_the_limit_are_told_why_they_are_refused() {
        let at = |open| Admission::decide(open, 20);
        assert_eq!(
            [at(19), at(20), at(22), at(23)],
            [
                Admission::Admitted,
                Admission::TurnedAway,
                Admission::TurnedAway,
                Admission::Closed
            ]
        );
        assert_eq!(Admission::decide(1, 1), Admission::TurnedAway);
        assert_eq!(
            Admission::decide(usize::MAX - 1, usize::MAX),
            Admission::Admitted
        );
    }
}
