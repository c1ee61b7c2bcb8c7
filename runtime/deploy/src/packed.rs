//! [`Packed`]: bytes on their way, compressed, and where the far side has something alike, as what
//! differs.

use std::cell::RefCell;
use std::io::{self, Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// What is packed is half the size of the source, and takes a tenth of the time of the best.
const LEVEL: i32 = 3;

/// The window that a decoder accepts at most, as a power of two: what a Zstandard frame may ask for
/// without being asked.
const MAX_WINDOW_LOG: u32 = 27;

const MIN_WINDOW_LOG: u32 = 10;

/// Room for so many bytes is made before they come.
const SHORT: usize = 256 * 1024;

thread_local! {
    /// Making a context takes longer than packing a source.
    static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Bytes as a Zstandard frame (RFC 8878) in base64.
///
/// A frame may refer to a *base* that both sides have, as if that stood before it (a raw-content
/// prefix, as `zstd --patch-from` makes): a manifest of 10,000 procedures, of which one changed, is
/// then a few hundred bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packed {
    /// How many bytes it has.
    pub size: u64,
    /// The frame.
    pub zstd: String,
}

impl Packed {
    /// Packs some bytes, beside a base that may be empty.
    ///
    /// # Errors
    /// Where there is no memory to do so.
    pub fn pack(bytes: &[u8], base: &[u8]) -> io::Result<Self> {
        let frame = if base.is_empty() {
            compress(bytes)
        } else {
            compress_beside(bytes, base)
        }?;
        Ok(Self {
            size: bytes.len() as u64,
            zstd: STANDARD.encode(frame),
        })
    }

    /// The bytes, which are at most `limit`.
    ///
    /// # Errors
    /// What is wrong with them, in words.
    pub fn unpack(&self, base: &[u8], limit: usize) -> Result<Vec<u8>, String> {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        if size > limit {
            return Err(format!("{size} bytes are over the limit of {limit}"));
        }
        let frame = STANDARD
            .decode(&self.zstd)
            .map_err(|error| format!("its base64 is broken: {error}"))?;
        let broken = |error: io::Error| format!("it does not unpack to {size} bytes: {error}");
        let unpacked = if base.is_empty() && size <= SHORT {
            decompress(&frame, size)
        } else {
            decompress_beside(&frame, base, self.size)
        };
        let bytes = unpacked.map_err(broken)?;
        if bytes.len() == size {
            Ok(bytes)
        } else {
            Err(format!("it does not unpack to {size} bytes"))
        }
    }
}

fn compress(bytes: &[u8]) -> io::Result<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|kept| {
        let compressor = match kept {
            Some(compressor) => compressor,
            None => kept.insert(zstd::bulk::Compressor::new(LEVEL)?),
        };
        compressor.compress(bytes)
    })
}

fn compress_beside(bytes: &[u8], base: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = zstd::stream::write::Encoder::with_ref_prefix(Vec::new(), LEVEL, base)?;
    let span = (bytes.len() + base.len()).next_power_of_two().ilog2();
    encoder.window_log(span.clamp(MIN_WINDOW_LOG, MAX_WINDOW_LOG))?;
    encoder.long_distance_matching(true)?;
    encoder.set_pledged_src_size(Some(bytes.len() as u64))?;
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Into room of that size, and no more.
fn decompress(frame: &[u8], size: usize) -> io::Result<Vec<u8>> {
    DECOMPRESSOR.with_borrow_mut(|kept| {
        let decompressor = match kept {
            Some(decompressor) => decompressor,
            None => kept.insert(zstd::bulk::Decompressor::new()?),
        };
        decompressor.decompress(frame, size)
    })
}

/// As the bytes come, so that a size that is declared alone takes no room.
fn decompress_beside(frame: &[u8], base: &[u8], size: u64) -> io::Result<Vec<u8>> {
    let decoder = zstd::stream::read::Decoder::with_ref_prefix(frame, base)?;
    let mut bytes = Vec::new();
    // One more than it should have tells whether there are more.
    decoder.take(size + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked_with_the_same_base() {
        let base: Vec<u8> = (0..400_000_u32)
            .flat_map(|n| (n.wrapping_mul(2_654_435_761)).to_le_bytes())
            .collect();
        let changed = [&base[..700_000], b"something else", &base[700_000..]].concat();
        for (bytes, base) in [
            (&b""[..], &b""[..]),
            (b"abc", b""),
            (b"abc", b"xyz"),
            (&changed, &base),
        ] {
            let packed = Packed::pack(bytes, base).expect("packed");
            assert!(packed.unpack(base, bytes.len()).expect("unpacked") == bytes);
            assert!(bytes.is_empty() || packed.unpack(base, bytes.len() - 1).is_err());
        }
        let packed = Packed::pack(&changed, &base).expect("packed");
        assert!(packed.zstd.len() < 1_000, "{}", packed.zstd.len());
        assert!(
            packed
                .unpack(&base[1..], changed.len())
                .map_or(true, |other| other != changed)
        );
    }

    #[test]
    fn what_is_not_as_long_as_it_says_is_refused() {
        let packed = Packed::pack(&[7; 1000], b"").expect("packed");
        for size in [0, 999, 1001] {
            let wrong = Packed {
                size,
                ..packed.clone()
            };
            assert!(
                wrong
                    .unpack(b"", 10_000)
                    .expect_err("another size")
                    .contains("does not unpack")
            );
        }
        let broken = Packed {
            zstd: "*".to_owned(),
            ..packed
        };
        assert!(
            broken
                .unpack(b"", 10_000)
                .expect_err("no base64")
                .contains("base64")
        );
    }
}
