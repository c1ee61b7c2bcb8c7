//! What no RPC system can go below: the same messages over bare sockets, without anything around
//! them.
//!
//! A message is a length of four bytes, little-endian, and so many bytes, the first eight of which
//! are its number.

pub mod blocking;
pub mod copy;
pub mod pipelined;

use anyhow::{Result, ensure};

/// Bytes of a message's length.
const LENGTH_BYTES: usize = 4;

/// A message of `size` bytes behind its length.
fn message(size: usize, number: u64) -> Vec<u8> {
    let mut message = vec![0; LENGTH_BYTES + size];
    message[..LENGTH_BYTES].copy_from_slice(&(size as u32).to_le_bytes());
    number_message(&mut message, number);
    message
}

fn number_message(message: &mut [u8], number: u64) {
    message[LENGTH_BYTES..LENGTH_BYTES + 8].copy_from_slice(&number.to_le_bytes());
}

fn number_of(message: &[u8]) -> [u8; 8] {
    message[LENGTH_BYTES..LENGTH_BYTES + 8]
        .try_into()
        .unwrap_or_default()
}

/// Whether these bytes are the answer of this number and of `size` bytes.
fn check_answer(answer: &[u8], size: usize, number: u64) -> Result<()> {
    let right = answer.len() == LENGTH_BYTES + size
        && answer[..LENGTH_BYTES] == (size as u32).to_le_bytes()
        && number_of(answer) == number.to_le_bytes();
    ensure!(right, "a bare answer is not the one that was expected");
    Ok(())
}

/// How many bytes the sides of a bare limit send: each message has its length in front.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Sizes {
    request: usize,
    answer: usize,
}

impl Sizes {
    fn of(procedure: crate::work::Procedure) -> Self {
        let (request, answer) = crate::work::bare_sizes(procedure);
        Self { request, answer }
    }

    /// The sizes of the procedure whose request has this length; a connection learns them from its
    /// first message.
    fn of_request(length: usize) -> Result<Self> {
        use crate::work::Procedure::{Add, Strings};
        let sizes = [Add, Strings]
            .map(Self::of)
            .into_iter()
            .find(|sizes| sizes.request == length);
        sizes.ok_or_else(|| anyhow::anyhow!("no request of a bare limit has {length} bytes"))
    }
}
