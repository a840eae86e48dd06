//! Identifiers: a prefix and a KSUID, so that their order is the order of creation.
//!
//! A KSUID here is the 4 ms variant of the wire contract: 4 bytes of seconds since 2014-05-13, one byte of 4 ms units,
//! 15 random bytes, written as 27 base62 digits. Byte order, text order and time order agree.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::time::Time;

const EPOCH: i64 = 1_400_000_000;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const TEXT_LEN: usize = 27;
/// What each byte is worth as a digit.
const VALUES: [u8; 256] = values();
const NO_DIGIT: u8 = 62;

const fn values() -> [u8; 256] {
    let mut values = [NO_DIGIT; 256];
    let mut value = 0;
    while value < NO_DIGIT {
        values[DIGITS[value as usize] as usize] = value;
        value += 1;
    }
    values
}

/// The part of an identifier that follows its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ksuid([u8; 20]);

impl Ksuid {
    /// The identifier of something that happened `at`.
    pub fn new(at: Time, random: [u8; 15]) -> Self {
        let mut bytes = [0; 20];
        bytes[..5].copy_from_slice(&prefix(at));
        bytes[5..].copy_from_slice(&random);
        Self(bytes)
    }

    /// The smallest identifier of that instant: what came before it sorts below.
    pub fn floor(at: Time) -> Self {
        Self::new(at, [0; 15])
    }

    /// The instant it carries, to 4 ms.
    pub fn time(self) -> Time {
        let secs = u32::from_be_bytes([self.0[0], self.0[1], self.0[2], self.0[3]]);
        Time::from_millis((i64::from(secs) + EPOCH) * 1_000 + i64::from(self.0[4]) * 4)
    }

    /// The n-th of a row that begins with this one: ids that are fixed together, of the same instant and in this order.
    /// They differ in the seven bytes after the time, which what is derived from an id keeps ([`AttemptId::prompt`]).
    #[must_use]
    pub fn nth(self, n: usize) -> Self {
        let mut bytes = self.0;
        let mut carry = n;
        for byte in bytes[5..12].iter_mut().rev() {
            let sum = usize::from(*byte) + carry;
            *byte = u8::try_from(sum % 256).unwrap_or_default();
            carry = sum / 256;
        }
        Self(bytes)
    }

    /// Its 20 bytes.
    pub const fn bytes(self) -> [u8; 20] {
        self.0
    }

    fn limbs(self) -> [u32; 5] {
        let mut limbs = [0; 5];
        for (limb, bytes) in limbs.iter_mut().zip(self.0.as_chunks().0) {
            *limb = u32::from_be_bytes(*bytes);
        }
        limbs
    }

    /// From its 20 bytes.
    pub const fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }
}

/// Seconds and 4 ms units; instants outside the format's range become its ends.
fn prefix(at: Time) -> [u8; 5] {
    let secs = at.secs() - EPOCH;
    let Ok(whole) = u32::try_from(secs) else {
        return if secs < 0 { [0; 5] } else { [0xff; 5] };
    };
    let units = at.millis().rem_euclid(1_000) / 4;
    let [a, b, c, d] = whole.to_be_bytes();
    [a, b, c, d, u8::try_from(units).unwrap_or(u8::MAX)]
}

/// Five digits at a time: so many fit 32 bits, and divisions by small numbers are what writing an id consists of.
const FIVE_DIGITS: u32 = 62_u32.pow(5);

impl fmt::Display for Ksuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [b'0'; TEXT_LEN];
        let mut number = self.limbs();
        for digits in text.rchunks_mut(5) {
            let mut rest = 0;
            for limb in &mut number {
                let part = (u64::from(rest) << 32) | u64::from(*limb);
                *limb = low(part / u64::from(FIVE_DIGITS));
                rest = low(part % u64::from(FIVE_DIGITS));
            }
            for digit in digits.iter_mut().rev() {
                *digit = DIGITS[(rest % 62) as usize];
                rest /= 62;
            }
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// The lower half; the upper one is none here.
#[expect(clippy::cast_possible_truncation, reason = "that is what it is for")]
const fn low(number: u64) -> u32 {
    number as u32
}

/// The text is not an identifier of the expected kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the prefix of its kind and 27 characters of 0-9 A-Z a-z")]
pub struct InvalidId;

impl FromStr for Ksuid {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if text.len() != TEXT_LEN {
            return Err(InvalidId);
        }
        let mut number = [0_u32; 5];
        for digit in text.bytes() {
            let value = VALUES[usize::from(digit)];
            if value == NO_DIGIT {
                return Err(InvalidId);
            }
            let mut carry = u32::from(value);
            for limb in number.iter_mut().rev() {
                let part = u64::from(*limb) * 62 + u64::from(carry);
                *limb = low(part);
                carry = low(part >> 32);
            }
            if carry != 0 {
                return Err(InvalidId);
            }
        }
        let mut bytes = [0; 20];
        for (bytes, limb) in bytes.as_chunks_mut().0.iter_mut().zip(number) {
            *bytes = limb.to_be_bytes();
        }
        Ok(Self(bytes))
    }
}

/// An identifier with a prefix of its own.
pub trait Id: Copy + Ord + fmt::Display + FromStr<Err = InvalidId> {
    /// Such as `app_`.
    const PREFIX: &'static str;
    /// From what follows the prefix.
    fn from_ksuid(ksuid: Ksuid) -> Self;
    /// What follows the prefix.
    fn ksuid(self) -> Ksuid;
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Ksuid);

        impl Id for $name {
            const PREFIX: &'static str = $prefix;
            fn from_ksuid(ksuid: Ksuid) -> Self {
                Self(ksuid)
            }
            fn ksuid(self) -> Ksuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($prefix)?;
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.strip_prefix($prefix).ok_or(InvalidId)?.parse().map(Self)
            }
        }

        crate::shapes::inline_schema!($name => crate::shapes::id($prefix));

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(D::Error::custom)
            }
        }
    };
}

id!(/** One customer of an organization. */ AppId "app_");
id!(/** A subscription of an application. */ EndpointId "ep_");
id!(/** A published event. */ MessageId "msg_");
id!(/** One request made for a delivery. */ AttemptId "atmpt_");
id!(/** Something done in the background. */ TaskId "qtask_");
id!(/** A URL of ours for one third-party sender. */ SourceId "src_");
id!(/** A token of the API. */ TokenId "tok_");

impl AttemptId {
    /// An attempt that began at `at`. Its last four bytes name the endpoint, so that the endpoint of an attempt is
    /// found among a message's many without reading all their records.
    pub fn new(at: Time, random: [u8; 11], endpoint: EndpointId) -> Self {
        let mut tail = [0; 15];
        tail[..11].copy_from_slice(&random);
        tail[11..].copy_from_slice(&tag(endpoint));
        Self(Ksuid::new(at, tail))
    }

    /// The first attempt for a message, made promptly: it sorts among an endpoint's attempts as its message does
    /// among messages, so that the list of attempts needs no index for it (see [`crate::delivery`]).
    pub fn prompt(message: MessageId, random: [u8; 4], endpoint: EndpointId) -> Self {
        let mut bytes = message.ksuid().bytes();
        bytes[12..16].copy_from_slice(&random);
        bytes[16..].copy_from_slice(&tag(endpoint));
        Self(Ksuid::from_bytes(bytes))
    }

    /// Whether it can be an attempt at that endpoint. Of others, one in four billion says yes as well.
    pub fn may_be_of(self, endpoint: EndpointId) -> bool {
        self.0.bytes()[16..] == tag(endpoint)
    }
}

fn tag(endpoint: EndpointId) -> [u8; 4] {
    let bytes = endpoint.0.bytes();
    [bytes[16], bytes[17], bytes[18], bytes[19]]
}

/// The owner of a deployment, or of a part of it: the `sub` of an API token. Needs no registration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct OrgId(String);

impl OrgId {
    /// The text, `org_…`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OrgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is not an organization's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be org_ and 1 to 124 characters of A-Z a-z 0-9 - _ .")]
pub struct InvalidOrg;

impl FromStr for OrgId {
    type Err = InvalidOrg;

    fn from_str(text: &str) -> Result<Self, InvalidOrg> {
        let rest = text.strip_prefix("org_").ok_or(InvalidOrg)?;
        let plain = rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if rest.is_empty() || rest.len() > 124 || !plain {
            return Err(InvalidOrg);
        }
        Ok(Self(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for OrgId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn text_and_bytes_agree_and_so_do_their_orders(a: [u8; 20], b: [u8; 20]) {
            let (a, b) = (Ksuid::from_bytes(a), Ksuid::from_bytes(b));
            prop_assert_eq!(a.to_string().parse(), Ok(a));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }

        #[test]
        fn carries_its_time_to_four_milliseconds(millis in EPOCH * 1_000..(EPOCH + 4_000_000_000) * 1_000) {
            let time = Ksuid::floor(Time::from_millis(millis)).time();
            prop_assert!(time.millis() <= millis && millis < time.millis() + 4);
        }

        #[test]
        fn prompt_attempts_sort_as_their_messages(a: [u8; 20], b: [u8; 20], x: [u8; 4], y: [u8; 4]) {
            let endpoint = EndpointId(Ksuid::from_bytes([7; 20]));
            let (first, second) = (Ksuid::from_bytes(a), Ksuid::from_bytes(b));
            prop_assume!(a[..12] != b[..12]);
            let order = AttemptId::prompt(MessageId(first), x, endpoint).cmp(&AttemptId::prompt(MessageId(second), y, endpoint));
            prop_assert_eq!(order, first.cmp(&second));
        }
    }

    proptest! {
        #[test]
        fn a_row_of_ids_is_in_order_at_one_instant_and_no_two_are_the_same(random: [u8; 15], n in 0..100_usize) {
            let first = Ksuid::new(Time::from_secs(1_800_000_000), random);
            prop_assume!(random[..6] != [0xff; 6]);
            prop_assert_eq!(first.nth(0), first);
            prop_assert!(first.nth(n) < first.nth(n + 1));
            prop_assert_eq!(first.nth(n).time(), first.time());
            let of = |n| AttemptId::prompt(MessageId(first.nth(n)), [0; 4], EndpointId(first));
            prop_assert!(of(n) < of(n + 1));
        }
    }

    #[test]
    fn instants_out_of_range_become_the_ends() {
        assert_eq!(Ksuid::floor(Time::from_secs(0)).bytes(), [0; 20]);
        assert_eq!(Ksuid::floor(Time::from_secs(i64::MAX / 2_000_000)).bytes()[..5], [0xff; 5]);
    }

    #[test]
    fn refuses_other_prefixes_lengths_and_numbers_too_large() {
        let id = AppId(Ksuid::from_bytes([9; 20])).to_string();
        assert!(id.parse::<AppId>().is_ok());
        assert!(id.parse::<EndpointId>().is_err());
        assert!(id[..30].parse::<AppId>().is_err());
        assert!("app_zzzzzzzzzzzzzzzzzzzzzzzzzzz".parse::<AppId>().is_err());
    }
}
