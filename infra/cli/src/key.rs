//! Idempotency keys of our own.

use std::fmt::Write as _;

use crate::failure::Failure;

/// One that nobody has used.
pub(crate) fn random() -> Result<String, Failure> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| Failure::Failed(format!("no random numbers: {error}")))?;
    Ok(bytes.iter().fold(String::from("cli-"), |mut key, byte| {
        let _ = write!(key, "{byte:02x}");
        key
    }))
}
