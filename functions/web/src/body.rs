//! Bodies.

use postrider_core::{problem::Problem, publish::MESSAGE_LIMIT};

/// Largest request body, in bytes: that of a message.
pub const BODY_LIMIT: usize = MESSAGE_LIMIT;

/// The body, unless it is too large.
pub fn within_limit(body: &[u8]) -> Result<&[u8], Problem> {
    within(body, BODY_LIMIT)
}

/// The body, unless it has more bytes than these.
pub fn within(body: &[u8], most: usize) -> Result<&[u8], Problem> {
    if body.len() > most {
        return Err(Problem::too_large("The request's body", body.len(), most));
    }
    Ok(body)
}
