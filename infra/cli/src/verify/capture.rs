//! A request as it came over the wire.

/// The parts of a request that its signature is about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Captured {
    pub(crate) id: Option<String>,
    pub(crate) timestamp: Option<String>,
    pub(crate) signature: Option<String>,
    /// The header `content-length`, if it was captured.
    pub(crate) length: Option<usize>,
    /// The exact bytes.
    pub(crate) body: Vec<u8>,
}

impl Captured {
    /// Reads an HTTP/1.1 request (RFC 9112, section 2.1); the request line may be missing, lines may end in LF alone.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let (head, body) = split(bytes).ok_or("the request has no empty line between its headers and its body")?;
        let head = std::str::from_utf8(head).map_err(|_| "the headers are not UTF-8")?;
        let mut captured = Self { body: body.to_vec(), ..Self::default() };
        for (name, value) in head.lines().filter_map(|line| line.split_once(':')) {
            let value = value.trim().to_owned();
            match name.trim().to_ascii_lowercase().as_str() {
                "webhook-id" => captured.id = Some(value),
                "webhook-timestamp" => captured.timestamp = Some(value),
                "webhook-signature" => captured.signature = Some(value),
                "content-length" => captured.length = value.parse().ok(),
                "transfer-encoding" => return Err("the body was captured in chunks; save it decoded".to_owned()),
                "content-encoding" if value != "identity" => return Err("the body was captured compressed".to_owned()),
                _ => {}
            }
        }
        Ok(captured)
    }
}

/// At the first empty line.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = |mark: &[u8]| bytes.windows(mark.len()).position(|window| window == mark).map(|at| (at, at + mark.len()));
    let (head, body) = [at(b"\r\n\r\n"), at(b"\n\n")].into_iter().flatten().min()?;
    Some((&bytes[..head], &bytes[body..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_with_either_kind_of_lines() {
        for end in ["\r\n", "\n"] {
            let text =
                ["POST /hook HTTP/1.1", "Host: a:80", "Webhook-Id: msg_1", "content-length: 6", "", ""].join(end);
            let captured = Captured::parse(format!("{text}{{\n\n1}}").as_bytes()).expect("a request");
            assert_eq!((captured.id.as_deref(), captured.length), (Some("msg_1"), Some(6)));
            assert_eq!((captured.timestamp, captured.body.as_slice()), (None, &b"{\n\n1}"[..]));
        }
        assert!(Captured::parse(b"{}").is_err());
    }
}
