//! Bodies.

use postrider_core::problem::Problem;

/// Largest request body, in bytes: what fits a queue message and a stored item with all that goes with it.
pub const BODY_LIMIT: usize = 262_144;

/// The body, unless it is too large.
pub fn within_limit(body: &[u8]) -> Result<&[u8], Problem> {
    if body.len() > BODY_LIMIT {
        let detail = format!("The request's body has {} bytes; at most {BODY_LIMIT} are accepted", body.len());
        return Err(Problem::refused(413, "payload_too_large", detail));
    }
    Ok(body)
}
