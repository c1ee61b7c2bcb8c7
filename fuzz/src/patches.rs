//! Packed bytes: they unpack as the same bytes against the same base, and changed ones never to
//! more than they declare.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deploy::packed::Packed;

use crate::Decisions;

/// Maximum number of unpacked bytes.
const LIMIT: usize = 300_000;

/// Packs, changes and unpacks.
pub fn run(input: &[u8]) {
    let mut decisions = Decisions::new(input);
    let base = any_bytes(&mut decisions);
    let mut bytes = if decisions.once_in(2) {
        any_bytes(&mut decisions)
    } else {
        base.clone()
    };
    for _ in 0..decisions.below(4) {
        decisions.mutate(&mut bytes);
    }
    let packed = Packed::pack(&bytes, &base).expect("memory");
    let unpacked = packed.unpack(&base, LIMIT).expect("what was packed");
    assert!(unpacked == bytes, "other bytes were unpacked");
    let mut frame = STANDARD.decode(&packed.zstd).expect("base64");
    for _ in 0..decisions.below(4) {
        decisions.mutate(&mut frame);
    }
    let size = match decisions.below(4) {
        0 => decisions.u64(),
        1 => packed.size.wrapping_add(1),
        _ => packed.size,
    };
    let mut zstd = STANDARD.encode(frame).into_bytes();
    if decisions.once_in(4) {
        decisions.mutate(&mut zstd);
    }
    let Ok(zstd) = String::from_utf8(zstd) else {
        return;
    };
    let other_base = any_bytes(&mut decisions);
    for base in [&base, &other_base, &Vec::new()] {
        let changed = Packed {
            size,
            zstd: zstd.clone(),
        };
        if let Ok(unpacked) = changed.unpack(base, LIMIT) {
            assert_eq!(unpacked.len() as u64, size);
            assert!(unpacked.len() <= LIMIT);
        }
    }
}

fn any_bytes(decisions: &mut Decisions<'_>) -> Vec<u8> {
    let length = decisions.choose(&[0, 1, 100, 5_000, 270_000]);
    let step = decisions.byte() | 1;
    let mut last = decisions.byte();
    (0..length)
        .map(|place: usize| {
            last = last.wrapping_mul(step).wrapping_add((place >> 5) as u8);
            last
        })
        .collect()
}
