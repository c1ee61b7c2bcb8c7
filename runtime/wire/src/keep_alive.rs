//! [`KeepAlive`]: how both ends notice that the other one is gone without a word, such as after a
//! loss of power.
//!
//! The kernel of a peer answers probes, whatever its program does. No PONG is needed: an idle client
//! that blocks has nobody who could read a PING.

use std::time::Duration;

/// Time after which a peer that is gone counts as dead, if nothing else is set.
pub const DEAD_PEER_TIMEOUT: Duration = Duration::from_secs(40);

/// Minimum of that time: the kernel counts its probes in seconds.
pub const MIN_DEAD_PEER_TIMEOUT: Duration = Duration::from_secs(5);

/// Maximum of that time. The kernel takes about nine times as much.
pub const MAX_DEAD_PEER_TIMEOUT: Duration = Duration::from_hours(1);

/// Number of probes of which one must be answered.
const PROBES: u32 = 3;

/// The options of a TCP socket that let the kernel notice a dead peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepAlive {
    /// `TCP_KEEPIDLE`: time of silence before the first probe, in whole seconds.
    pub idle: Duration,
    /// `TCP_KEEPINTVL`: time between two probes, in whole seconds.
    pub interval: Duration,
    /// `TCP_KEEPCNT`: number of probes.
    pub probes: u32,
    /// `TCP_USER_TIMEOUT`: maximum time for the peer to acknowledge bytes, in milliseconds. It is
    /// between the last probe and the end, since the kernel also compares it with the time of
    /// silence: `idle + (probes - 1) * interval < user_timeout < idle + probes * interval`.
    pub user_timeout_ms: u32,
}

impl KeepAlive {
    /// Returns the options with which a dead peer is noticed within `timeout`. A time that is too
    /// short or too long is replaced by [`MIN_DEAD_PEER_TIMEOUT`] or [`MAX_DEAD_PEER_TIMEOUT`].
    pub fn within(timeout: Duration) -> Self {
        let seconds = timeout
            .clamp(MIN_DEAD_PEER_TIMEOUT, MAX_DEAD_PEER_TIMEOUT)
            .as_secs();
        let interval = (seconds / 8).max(1);
        let probing = interval.saturating_mul(u64::from(PROBES));
        let half_interval_ms = interval.saturating_mul(500);
        let user_timeout_ms = seconds
            .saturating_mul(1000)
            .saturating_sub(half_interval_ms);
        Self {
            idle: Duration::from_secs(seconds.saturating_sub(probing)),
            interval: Duration::from_secs(interval),
            probes: PROBES,
            user_timeout_ms: u32::try_from(user_timeout_ms).unwrap_or(u32::MAX),
        }
    }
}

impl Default for KeepAlive {
    fn default() -> Self {
        Self::within(DEAD_PEER_TIMEOUT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_peer_is_noticed_within_the_time() {
        let keep_alive = KeepAlive::default();
        assert_eq!(
            keep_alive,
            KeepAlive {
                idle: Duration::from_secs(25),
                interval: Duration::from_secs(5),
                probes: 3,
                user_timeout_ms: 37_500,
            }
        );
        for seconds in 5..=3600 {
            let timeout = Duration::from_secs(seconds);
            let KeepAlive {
                idle,
                interval,
                probes,
                user_timeout_ms,
            } = KeepAlive::within(timeout);
            assert_eq!(idle + interval * probes, timeout);
            let user_timeout = Duration::from_millis(user_timeout_ms.into());
            assert!(idle + interval * (probes - 1) < user_timeout && user_timeout < timeout);
            assert!(idle > interval);
        }
    }

    #[test]
    fn no_time_is_unlimited_or_too_short_for_the_kernel() {
        let within = KeepAlive::within;
        assert_eq!(within(Duration::ZERO), within(MIN_DEAD_PEER_TIMEOUT));
        assert_eq!(within(Duration::MAX), within(MAX_DEAD_PEER_TIMEOUT));
        assert_eq!(
            within(Duration::from_millis(5_999)),
            within(MIN_DEAD_PEER_TIMEOUT)
        );
    }
}
