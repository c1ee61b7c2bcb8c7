//! [`RetryPolicy`]: decides after a failed attempt whether the call is sent again. It knows no
//! socket and no clock.

use wire::calls::failure::{CallFailure, SessionLoss};

/// Maximum number of further attempts over sessions that were opened for the call. A server that
/// stops closes such a session before it takes the request.
const MAX_FRESH_RETRIES: u32 = 1;

/// Decides for one call. Every client asks it after each failed attempt.
#[derive(Debug)]
pub(crate) struct RetryPolicy {
    fresh_retries_left: u32,
}

/// A failed attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt {
    /// Whether the session was opened for this attempt. One that was not may have ended while it
    /// was idle.
    pub(crate) is_fresh: bool,
    /// Whether the arguments are still there: long ones are moved into the first request.
    pub(crate) has_arguments: bool,
}

/// What follows a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NextStep {
    /// The call is sent over another session.
    Resend,
    /// The caller gets the failure.
    Fail,
}

impl RetryPolicy {
    pub(crate) fn new() -> Self {
        Self {
            fresh_retries_left: MAX_FRESH_RETRIES,
        }
    }

    /// Returns what follows an attempt that ended with this failure.
    pub(crate) fn next(&mut self, attempt: Attempt, failure: &CallFailure) -> NextStep {
        let did_not_run = matches!(failure, CallFailure::NotTaken(SessionLoss::Connection(_)));
        if !did_not_run
            || !attempt.has_arguments
            || (attempt.is_fresh && self.fresh_retries_left == 0)
        {
            return NextStep::Fail;
        }
        self.fresh_retries_left -= u32::from(attempt.is_fresh);
        NextStep::Resend
    }
}

#[cfg(test)]
mod tests {
    use wire::calls::failure::Disconnect;

    use super::*;

    const FRESH: Attempt = Attempt {
        is_fresh: true,
        has_arguments: true,
    };
    const REUSED: Attempt = Attempt {
        is_fresh: false,
        has_arguments: true,
    };

    fn closed() -> SessionLoss {
        SessionLoss::Connection(Disconnect::new("closed"))
    }

    #[test]
    fn a_call_that_was_not_taken_is_sent_again_over_one_fresh_session() {
        let mut policy = RetryPolicy::new();
        let not_taken = CallFailure::NotTaken(closed());
        let steps = [REUSED, REUSED, FRESH, FRESH].map(|attempt| policy.next(attempt, &not_taken));
        assert_eq!(
            steps,
            [
                NextStep::Resend,
                NextStep::Resend,
                NextStep::Resend,
                NextStep::Fail
            ]
        );
    }

    #[test]
    fn a_call_that_may_have_run_or_has_no_arguments_left_is_not_sent_again() {
        let next = |attempt, failure: CallFailure| RetryPolicy::new().next(attempt, &failure);
        assert_eq!(
            next(REUSED, CallFailure::NoAnswer(closed())),
            NextStep::Fail
        );
        assert_eq!(next(REUSED, CallFailure::TimedOut), NextStep::Fail);
        assert_eq!(
            next(REUSED, CallFailure::NotTaken(SessionLoss::Stalled)),
            NextStep::Fail
        );
        let moved = Attempt {
            has_arguments: false,
            ..REUSED
        };
        assert_eq!(next(moved, CallFailure::NotTaken(closed())), NextStep::Fail);
    }
}
