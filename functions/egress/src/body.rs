//! The beginning of a response body, for the record.

use postrider_core::outbound::RESPONSE_LIMIT;
use reqwest::Response;
use tokio::time::{Instant, timeout_at};

/// Reads at most [`RESPONSE_LIMIT`] bytes, and not beyond the deadline.
///
/// The status has decided the outcome already, so an error or the deadline only ends the reading. Dropping the response
/// before its end closes the connection (HTTP/1) or resets the stream (HTTP/2): the rest is never read.
pub(crate) async fn read(mut response: Response, deadline: Instant) -> String {
    let mut body = Vec::new();
    while body.len() < RESPONSE_LIMIT {
        let Ok(Ok(Some(chunk))) = timeout_at(deadline, response.chunk()).await else { break };
        let room = RESPONSE_LIMIT - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    text(&body)
}

/// All of it, if it is text and no longer than the limit.
pub(crate) async fn whole(mut response: Response, limit: usize) -> Option<String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if chunk.len() > limit - body.len() {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    String::from_utf8(body).ok()
}

/// U+FFFD is longer than the byte it stands for: cut again, between characters.
fn text(body: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(body).into_owned();
    text.truncate(text.floor_char_boundary(RESPONSE_LIMIT));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_never_exceeds_the_limit_and_ends_between_characters() {
        assert_eq!(text(b"a\xffb\0c"), "a\u{fffd}b\0c");
        assert_eq!(text(&[0xff; RESPONSE_LIMIT]).len(), RESPONSE_LIMIT / 3 * 3);
        let cut = "€".repeat(RESPONSE_LIMIT);
        assert_eq!(text(&cut.as_bytes()[..RESPONSE_LIMIT]), "€".repeat(RESPONSE_LIMIT / 3));
    }
}
