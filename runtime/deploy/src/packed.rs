//! [`Packed`]: compressed bytes in a message. If the receiver has similar bytes, only the
//! difference is sent.

use std::cell::RefCell;
use std::io::{self, Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// Compression level of Zstandard. It halves the size of a source, in a tenth of the time of the
/// best level.
const LEVEL: i32 = 3;

/// Maximum window of a frame, as a power of two. A decoder accepts no larger window by default.
const MAX_WINDOW_LOG: u32 = 27;

/// Minimum window of a frame, as a power of two.
const MIN_WINDOW_LOG: u32 = 10;

/// Maximum declared size, in bytes, for which memory is allocated before the bytes are unpacked.
const MAX_PREALLOCATED_BYTES: usize = 256 * 1024;

thread_local! {
    // Creating a context takes longer than packing a source, so each thread keeps its contexts.
    static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Bytes as a Zstandard frame (RFC 8878) in base64.
///
/// A frame may refer to a *base*: bytes that both sides have. The base is a raw-content prefix, as
/// in `zstd --patch-from`. If one of 10,000 procedures changed, the frame of the manifest has only
/// a few hundred bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packed {
    /// Number of unpacked bytes.
    pub size: u64,
    /// The Zstandard frame, in base64.
    pub zstd: String,
}

impl Packed {
    /// Packs bytes against a base. An empty base means no base.
    ///
    /// # Errors
    /// Fails if there is not enough memory.
    pub fn pack(bytes: &[u8], base: &[u8]) -> io::Result<Self> {
        let frame = if base.is_empty() {
            compress(bytes)
        } else {
            compress_against_base(bytes, base)
        }?;
        Ok(Self {
            size: bytes.len() as u64,
            zstd: STANDARD.encode(frame),
        })
    }

    /// Unpacks at most `limit` bytes against a base. An empty base means no base.
    ///
    /// # Errors
    /// Describes what is wrong with the packed bytes.
    pub fn unpack(&self, base: &[u8], limit: usize) -> Result<Vec<u8>, String> {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        if size > limit {
            return Err(format!("{size} bytes are over the limit of {limit} bytes"));
        }
        let frame = STANDARD
            .decode(&self.zstd)
            .map_err(|error| format!("invalid base64: {error}"))?;
        let broken = |error: io::Error| format!("it does not unpack to {size} bytes: {error}");
        let unpacked = if base.is_empty() && size <= MAX_PREALLOCATED_BYTES {
            decompress(&frame, size)
        } else {
            decompress_against_base(&frame, base, self.size)
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
    COMPRESSOR.with_borrow_mut(|cached| {
        let compressor = match cached {
            Some(compressor) => compressor,
            None => cached.insert(zstd::bulk::Compressor::new(LEVEL)?),
        };
        compressor.compress(bytes)
    })
}

fn compress_against_base(bytes: &[u8], base: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = zstd::stream::write::Encoder::with_ref_prefix(Vec::new(), LEVEL, base)?;
    let span = (bytes.len() + base.len()).next_power_of_two().ilog2();
    encoder.window_log(span.clamp(MIN_WINDOW_LOG, MAX_WINDOW_LOG))?;
    encoder.long_distance_matching(true)?;
    encoder.set_pledged_src_size(Some(bytes.len() as u64))?;
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Decompresses a frame into memory of exactly `size` bytes.
fn decompress(frame: &[u8], size: usize) -> io::Result<Vec<u8>> {
    DECOMPRESSOR.with_borrow_mut(|cached| {
        let decompressor = match cached {
            Some(decompressor) => decompressor,
            None => cached.insert(zstd::bulk::Decompressor::new()?),
        };
        decompressor.decompress(frame, size)
    })
}

/// Decompresses a frame step by step. Memory grows with the unpacked bytes, not with the declared
/// size.
fn decompress_against_base(frame: &[u8], base: &[u8], size: u64) -> io::Result<Vec<u8>> {
    let decoder = zstd::stream::read::Decoder::with_ref_prefix(frame, base)?;
    let mut bytes = Vec::new();
    // One more byte than declared shows that the frame is too long.
    decoder.take(size + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_bytes_unpack_only_with_the_same_base() {
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
    fn a_frame_of_another_size_than_declared_is_refused() {
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
                .expect_err("not base64")
                .contains("base64")
        );
    }
}
