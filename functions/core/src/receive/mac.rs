//! HMACs, and comparisons that take as long whatever differs.

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest, hmac};
use serde::{Deserialize, Serialize};

/// The hash of an HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "HmacHash")]
pub(super) enum Hash {
    /// Only for senders that have nothing better; as an HMAC it still holds (RFC 6194, section 3.3).
    Sha1,
    /// What nearly everybody uses.
    #[default]
    Sha256,
    /// The long one.
    Sha512,
}

impl Hash {
    const fn algorithm(self) -> hmac::Algorithm {
        match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }

    /// Whether `tag` is the HMAC of the parts, one after the other.
    pub(super) fn verifies(self, key: &[u8], parts: &[&[u8]], tag: &[u8]) -> bool {
        let mut context = hmac::Context::with_key(&hmac::Key::new(self.algorithm(), key));
        for part in parts {
            context.update(part);
        }
        verify_slices_are_equal(context.sign().as_ref(), tag).is_ok()
    }
}

/// Whether one of the secrets is the key of one of the signatures. All are tried: how long it takes tells nothing.
pub(super) fn any_verifies(hash: Hash, secrets: &[String], parts: &[&[u8]], tags: &[Vec<u8>]) -> bool {
    let pairs = secrets.iter().flat_map(|secret| tags.iter().map(move |tag| (secret, tag)));
    pairs.fold(false, |found, (secret, tag)| found | hash.verifies(secret.as_bytes(), parts, tag))
}

/// Whether two texts are the same. Their lengths are hidden by comparing digests.
pub(super) fn same(left: &[u8], right: &[u8]) -> bool {
    let digest = |bytes| digest::digest(&digest::SHA256, bytes);
    verify_slices_are_equal(digest(left).as_ref(), digest(right).as_ref()).is_ok()
}

/// Bytes written in hexadecimal digits, of either case.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let byte = |pair: &[u8]| Some(digit(pair[0])? << 4 | digit(pair[1])?);
    if digits.len().is_multiple_of(2) { digits.chunks_exact(2).map(byte).collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 2202, section 3, test 2 and RFC 4231, section 4.3, test 2.
    #[test]
    fn the_published_vectors_verify_and_with_another_bit_do_not() {
        let text: &[u8] = b"what do ya want for nothing?";
        for (hash, tag) in [
            (Hash::Sha1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            (Hash::Sha256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
            (
                Hash::Sha512,
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            ),
        ] {
            let mut tag = unhex(tag).expect("hex");
            assert!(hash.verifies(b"Jefe", &[&text[..5], &text[5..]], &tag), "{hash:?}");
            tag[0] ^= 1;
            assert!(!hash.verifies(b"Jefe", &[text], &tag), "{hash:?}");
            assert!(!hash.verifies(b"Jefe", &[text], &tag[..4]), "{hash:?}");
        }
    }

    #[test]
    fn hexadecimal_digits_come_in_pairs() {
        assert_eq!(unhex("0aFf"), Some(vec![0x0a, 0xff]));
        for bad in ["0", "0g", "+1", "é"] {
            assert_eq!(unhex(bad), None, "{bad}");
        }
    }

    #[test]
    fn texts_are_the_same_or_not() {
        assert!(same(b"key", b"key"));
        assert!(!same(b"key", b"ke") && !same(b"key", b"kez") && !same(b"", b"k"));
    }
}
