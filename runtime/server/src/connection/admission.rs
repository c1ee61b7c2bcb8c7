//! [`Admission`]: whether a connection is served.

use crate::limits::Limits;

/// One more connection is refused with a reason for each of this many that are allowed. Connections
/// beyond that are closed at once.
const ALLOWED_PER_REFUSED: usize = 10;

/// What becomes of a connection when it is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is served.
    Admitted,
    /// A limit of connections is reached: the first request is refused with a reason, and the
    /// connection ends.
    TurnedAway(ConnectionLimit),
    /// There are far too many connections: it is closed at once.
    Closed(ConnectionLimit),
}

/// A limit of connections, and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectionLimit {
    /// The limit of all connections.
    OfServer(usize),
    /// The limit of the connections from one address.
    OfAddress(usize),
}

impl Admission {
    /// Decides on a connection that comes while `open` others are open, `of_address` of them from
    /// the same address.
    pub(crate) fn decide(open: usize, of_address: usize, limits: &Limits) -> Self {
        let server = ConnectionLimit::OfServer(limits.connections);
        let address = ConnectionLimit::OfAddress(limits.address_connections);
        match (server.excess(open), address.excess(of_address)) {
            (Excess::Far, _) => Self::Closed(server),
            (_, Excess::Far) => Self::Closed(address),
            (Excess::Near, _) => Self::TurnedAway(server),
            (_, Excess::Near) => Self::TurnedAway(address),
            (Excess::None, Excess::None) => Self::Admitted,
        }
    }

    /// Returns the limit because of which the connection is not served.
    pub(crate) fn exceeded(self) -> Option<ConnectionLimit> {
        match self {
            Self::Admitted => None,
            Self::TurnedAway(limit) | Self::Closed(limit) => Some(limit),
        }
    }
}

/// How far one connection more is beyond a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Excess {
    None,
    Near,
    Far,
}

impl ConnectionLimit {
    /// Returns the flag that sets the limit.
    pub(crate) fn flag(self) -> &'static str {
        match self {
            Self::OfServer(_) => "--max-connections",
            Self::OfAddress(_) => "--max-address-connections",
        }
    }

    /// Returns the largest number of connections.
    pub(crate) fn value(self) -> usize {
        match self {
            Self::OfServer(limit) | Self::OfAddress(limit) => limit,
        }
    }

    fn excess(self, open: usize) -> Excess {
        let limit = self.value();
        if open < limit {
            Excess::None
        } else if open < limit.saturating_add(limit / ALLOWED_PER_REFUSED + 1) {
            Excess::Near
        } else {
            Excess::Far
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(connections: usize, address_connections: usize) -> Limits {
        Limits {
            connections,
            address_connections,
            ..Limits::default()
        }
    }

    #[test]
    fn a_few_connections_beyond_the_limit_are_told_why_they_are_refused() {
        let server = ConnectionLimit::OfServer(20);
        let at = |open| Admission::decide(open, 0, &limits(20, 20));
        assert_eq!(
            [at(19), at(20), at(22), at(23)],
            [
                Admission::Admitted,
                Admission::TurnedAway(server),
                Admission::TurnedAway(server),
                Admission::Closed(server)
            ]
        );
        let least = limits(1, 1);
        let server = ConnectionLimit::OfServer(1);
        assert_eq!(
            Admission::decide(1, 0, &least),
            Admission::TurnedAway(server)
        );
        let most = limits(usize::MAX, usize::MAX);
        let open = usize::MAX - 1;
        assert_eq!(Admission::decide(open, open, &most), Admission::Admitted);
    }

    #[test]
    fn an_address_is_refused_at_its_own_limit_while_others_are_served() {
        let address = ConnectionLimit::OfAddress(10);
        let at = |of_address| Admission::decide(12, of_address, &limits(20, 10));
        assert_eq!(
            [at(0), at(9), at(10), at(11), at(12)],
            [
                Admission::Admitted,
                Admission::Admitted,
                Admission::TurnedAway(address),
                Admission::TurnedAway(address),
                Admission::Closed(address)
            ]
        );
    }
}
