//! Bytes as they are stored: compressed when, and only when, that saves a write unit.

use std::{cell::RefCell, io::Read as _};

use flate2::{Compress, Compression, FlushCompress, Status, read::DeflateDecoder};

/// `DynamoDB` bills writes by the started KiB.
const WRITE_UNIT: usize = 1_024;
const PLAIN: u8 = 0;
const DEFLATE: u8 = 1;
/// Nothing stored is larger when unpacked; more is damage.
const UNPACKED_LIMIT: u64 = 4 * 1024 * 1024;

/// What was stored cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("stored bytes cannot be unpacked")]
pub struct Damaged;

thread_local! {
    /// Kept, since its tables take longer to set up than a message to compress.
    static COMPRESSOR: RefCell<Compress> = RefCell::new(Compress::new(Compression::default(), false));
}

/// Packs `bytes` for an item whose other attributes take `beside` bytes.
pub fn pack(bytes: &[u8], beside: usize) -> Vec<u8> {
    let units = |len: usize| (len + 1 + beside).div_ceil(WRITE_UNIT);
    let room = (units(bytes.len()) - 1) * WRITE_UNIT;
    if let Some(packed) = deflate(bytes, room.saturating_sub(beside)) {
        return packed;
    }
    let mut plain = Vec::with_capacity(bytes.len() + 1);
    plain.push(PLAIN);
    plain.extend_from_slice(bytes);
    plain
}

/// Compressed, with its mark, if that fits `room` bytes.
fn deflate(bytes: &[u8], room: usize) -> Option<Vec<u8>> {
    if room < 2 {
        return None;
    }
    let mut packed = Vec::with_capacity(room);
    packed.push(DEFLATE);
    COMPRESSOR.with_borrow_mut(|compressor| {
        compressor.reset();
        // Writes no more than the capacity.
        let status = compressor.compress_vec(bytes, &mut packed, FlushCompress::Finish);
        let fits = status.is_ok_and(|status| status == Status::StreamEnd) && packed.len() <= room;
        fits.then_some(packed)
    })
}

/// Undoes [`pack`].
pub fn unpack(stored: &[u8]) -> Result<Vec<u8>, Damaged> {
    match stored.split_first() {
        Some((&PLAIN, bytes)) => Ok(bytes.to_vec()),
        Some((&DEFLATE, bytes)) => {
            let mut unpacked = Vec::new();
            DeflateDecoder::new(bytes).take(UNPACKED_LIMIT).read_to_end(&mut unpacked).map_err(|_| Damaged)?;
            Ok(unpacked)
        }
        _ => Err(Damaged),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn unpacks_what_it_packs(bytes: Vec<u8>, beside in 0..2_000_usize) {
            prop_assert_eq!(unpack(&pack(&bytes, beside)).ok(), Some(bytes));
        }
    }

    #[test]
    fn compresses_only_to_save_a_unit() {
        assert_eq!(pack(&[b'a'; 800], 100)[0], PLAIN);
        assert_eq!(pack(&[b'a'; 1_000], 100)[0], DEFLATE);
    }

    #[test]
    fn damage_is_an_error() {
        assert!(unpack(&[]).is_err());
        assert!(unpack(&[9, 1]).is_err());
        assert!(unpack(&[DEFLATE, 0xff, 0xff]).is_err());
    }
}
