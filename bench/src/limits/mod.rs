//! The limits of every RPC system: messages of the same size over bare sockets, without any further
//! work.
//!
//! A message is a length of four bytes, little-endian, and as many bytes. The first eight of these
//! bytes are the message's number.

pub mod blocking;
pub mod copy;
pub mod pipelined;
pub mod polling;

use anyhow::{Result, ensure};

/// Size of a message's length, in bytes.
const LENGTH_BYTES: usize = 4;

/// Returns a message of `size` bytes with its length in front.
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

/// Checks that an answer has the given number and `size` bytes.
fn check_answer(answer: &[u8], size: usize, number: u64) -> Result<()> {
    let is_right = answer.len() == LENGTH_BYTES + size
        && answer[..LENGTH_BYTES] == (size as u32).to_le_bytes()
        && number_of(answer) == number.to_le_bytes();
    ensure!(is_right, "the bare server sent a wrong answer");
    Ok(())
}

/// Number of bytes in a bare limit's requests and answers, without the length in front.
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

    /// Returns the sizes of the procedure whose request has the given length. A server learns this
    /// length from the first message of a connection.
    fn of_request(length: usize) -> Result<Self> {
        use crate::work::Procedure::{Add, Strings};
        let sizes = [Add, Strings]
            .map(Self::of)
            .into_iter()
            .find(|sizes| sizes.request == length);
        sizes.ok_or_else(|| {
            anyhow::anyhow!("a request has {length} bytes, which no procedure sends")
        })
    }
}
