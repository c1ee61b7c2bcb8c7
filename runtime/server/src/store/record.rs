//! A record: a file of JSON with a hash over its content, so that damage is noticed wherever it is.
//!
//! ```text
//! {"sha256":"<64 digits: the SHA-256 of the bytes of record>","record":{...}}
//! ```

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use deploy::sha256_hex;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed<'a> {
    sha256: String,
    #[serde(borrow)]
    record: &'a RawValue,
}

/// Returns the bytes of the file for a value.
///
/// # Errors
/// Returns an error if the value has no form in JSON.
pub(super) fn seal(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let record = serde_json::value::to_raw_value(value)?;
    serde_json::to_vec(&Sealed {
        sha256: sha256_hex(record.get().as_bytes()),
        record: &record,
    })
}

/// Returns the value in the bytes of a file. A file of an older version has no hash.
///
/// # Errors
/// Returns how the file is damaged.
pub(super) fn unseal<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let text = match serde_json::from_slice::<Sealed<'_>>(bytes) {
        Ok(sealed) if sha256_hex(sealed.record.get().as_bytes()) == sealed.sha256 => {
            sealed.record.get().as_bytes()
        }
        Ok(_) => return Err("its hash has changed".to_owned()),
        Err(_) => bytes,
    };
    serde_json::from_slice(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written_or_refused() {
        let value = vec![("one".to_owned(), 1), ("two".to_owned(), 2)];
        let whole = seal(&value).expect("JSON");
        assert_eq!(unseal(&whole), Ok(value.clone()));
        for place in 0..whole.len() {
            for bit in 0..8 {
                let mut flipped = whole.clone();
                flipped[place] ^= 1 << bit;
                let read = unseal::<Vec<(String, i32)>>(&flipped);
                assert!(read.is_err(), "byte {place}, bit {bit}: {read:?}");
            }
            assert!(unseal::<Vec<(String, i32)>>(&whole[..place]).is_err());
        }
    }

    #[test]
    fn a_file_of_an_older_version_is_read() {
        assert_eq!(unseal(b"[[\"one\", 1]]"), Ok(vec![("one".to_owned(), 1)]));
    }
}
