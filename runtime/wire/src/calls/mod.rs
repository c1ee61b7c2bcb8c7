//! Calls on a binary session, at either end, without a socket and without a clock.
//!
//! | module | holds |
//! |---|---|
//! | [`outgoing`] | the calls that this end has begun, until their answers are taken |
//! | [`incoming`] | the calls that the other end has begun, until they are answered |
//! | [`client_session`] | a client's end of a session: the link, what it has bound, its outgoing calls |
//! | [`failure`] | why an outgoing call returned no values |
//!
//! Both tables work at both ends. A client has outgoing calls and a server has incoming ones. For a
//! callback it is the reverse.

pub mod client_session;
pub mod failure;
pub mod incoming;
pub mod outgoing;
