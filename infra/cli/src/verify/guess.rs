//! What commonly happens to a body between the wire and the verifier. Each is undone, to see whether it then verifies.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// A body that may have been sent in place of the captured one, and what then became of it.
pub(crate) struct Guess<'a> {
    pub(crate) body: Cow<'a, [u8]>,
    pub(crate) happened: &'static str,
}

/// The likely ones.
pub(crate) fn bodies(body: &[u8]) -> Vec<Guess<'_>> {
    let borrowed = |body, happened| Guess { body: Cow::Borrowed(body), happened };
    let owned = |body, happened| Guess { body: Cow::Owned(body), happened };
    let mut all = Vec::new();
    if let Some(body) = body.strip_suffix(b"\r\n").or_else(|| body.strip_suffix(b"\n")) {
        all.push(borrowed(body, "a line end was added to it (an editor or echo does that)"));
    }
    if let Some(body) = body.strip_prefix(b"\xef\xbb\xbf") {
        all.push(borrowed(body, "a byte order mark was put in front of it"));
    }
    all.push(borrowed(body.trim_ascii(), "white space was added around it"));
    for padding in [&b"\n"[..], b"\r\n", b" "] {
        all.push(owned([body, padding].concat(), "white space was trimmed from its end"));
    }
    let unix = replaced(body, b"\r\n", b"\n");
    all.push(owned(replaced(&unix, b"\n", b"\r\n"), "its line ends were changed from CRLF to LF"));
    all.push(owned(unix, "its line ends were changed from LF to CRLF"));
    all.push(owned(spaced(body, "", ""), "the JSON was parsed and written again, with other white space"));
    all.push(owned(spaced(body, " ", " "), "the JSON was parsed and written again, with other white space"));
    if let Ok(text) = serde_json::from_slice::<String>(body) {
        all.push(owned(text.into_bytes(), "it was put into a JSON string"));
    }
    if let Ok(bytes) = STANDARD.decode(body.trim_ascii()) {
        all.push(owned(bytes, "it is still base64 (API Gateway's isBase64Encoded): decode it"));
    }
    all.retain(|guess| *guess.body != *body);
    all
}

fn replaced(body: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(first) = rest.first() {
        if let Some(after) = rest.strip_prefix(from) {
            out.extend_from_slice(to);
            rest = after;
        } else {
            out.push(*first);
            rest = &rest[1..];
        }
    }
    out
}

/// JSON without its white space, and this after each colon and comma instead. Strings stay as they are.
fn spaced(body: &[u8], after_colon: &str, after_comma: &str) -> Vec<u8> {
    let (mut out, mut in_string, mut escaped) = (Vec::with_capacity(body.len()), false, false);
    for byte in body {
        if !in_string && byte.is_ascii_whitespace() {
            continue;
        }
        out.push(*byte);
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b':' if !in_string => out.extend_from_slice(after_colon.as_bytes()),
            b',' if !in_string => out.extend_from_slice(after_comma.as_bytes()),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_changed_outside_strings_only() {
        let body = br#"{ "a:\", b" : [1,2], "c": "x y" }"#;
        assert_eq!(String::from_utf8_lossy(&spaced(body, "", "")), r#"{"a:\", b":[1,2],"c":"x y"}"#);
        assert_eq!(String::from_utf8_lossy(&spaced(body, " ", " ")), r#"{"a:\", b": [1, 2], "c": "x y"}"#);
    }
}
