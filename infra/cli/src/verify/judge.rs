//! The verdict on a captured request, check by check (Standard Webhooks 1.0.0, "Verifying webhook authenticity").

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;

use super::{
    capture::Captured,
    guess,
    key::{Key, Signed},
};

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    #[serde(rename = "check")]
    pub(crate) about: &'static str,
    pub(crate) ok: bool,
    pub(crate) detail: String,
}

impl Check {
    pub(crate) fn good(about: &'static str, detail: impl Into<String>) -> Self {
        Self { about, ok: true, detail: detail.into() }
    }

    pub(crate) fn bad(about: &'static str, detail: impl Into<String>) -> Self {
        Self { about, ok: false, detail: detail.into() }
    }
}

/// What the time is, and how far from it a timestamp may be; both in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) now: i64,
    /// None: any age.
    pub(crate) tolerance: Option<i64>,
}

/// Looks at everything that can be looked at: one fault does not hide the next.
pub(crate) fn judge(request: &Captured, keys: &[Key], limits: &Limits) -> Vec<Check> {
    let (Some(id), Some(timestamp), Some(header)) = (&request.id, &request.timestamp, &request.signature) else {
        return vec![missing(request)];
    };
    let Ok(seconds) = timestamp.parse::<i64>() else {
        return vec![Check::bad("timestamp", format!("{timestamp:?} is not a number of seconds since 1970"))];
    };
    let mut checks = vec![age(seconds, limits)];
    checks.extend(length(request));
    if let Some(wrong) = malformed(header, keys) {
        checks.push(wrong);
    } else {
        checks.push(signature(Signed { id, timestamp: seconds, body: &request.body }, header, keys));
    }
    checks
}

fn missing(request: &Captured) -> Check {
    let all = [
        ("webhook-id", &request.id),
        ("webhook-timestamp", &request.timestamp),
        ("webhook-signature", &request.signature),
    ];
    let missing = all.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    Check::bad("headers", format!("without {missing}: a proxy has dropped it, or this is no delivery of Postrider's"))
}

fn age(timestamp: i64, limits: &Limits) -> Check {
    const MILLISECONDS: i64 = 100_000_000_000;
    let age = limits.now.saturating_sub(timestamp);
    let Some(tolerance) = limits.tolerance else {
        return Check::good("timestamp", format!("{} old; its age was not judged", words(age)));
    };
    match age {
        _ if timestamp > MILLISECONDS => Check::bad("timestamp", "is in milliseconds; it must be in seconds"),
        age if age > tolerance => Check::bad(
            "timestamp",
            format!("too old: {} (at most {tolerance} s). A replay, or a late look at it: --any-age", words(age)),
        ),
        age if -age > tolerance => {
            Check::bad("timestamp", format!("{} in the future: one of the two clocks is wrong", words(age)))
        }
        _ => Check::good("timestamp", format!("{} old", words(age))),
    }
}

/// `2 d 3 h`: the two largest units.
fn words(seconds: i64) -> String {
    let seconds = seconds.unsigned_abs();
    let units = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let from = units.iter().position(|(number, _)| *number > 0).unwrap_or(3);
    let shown = units[from..].iter().take(2).map(|(number, unit)| format!("{number} {unit}"));
    shown.collect::<Vec<_>>().join(" ")
}

/// Only where the captured headers tell.
fn length(request: &Captured) -> Option<Check> {
    let (said, is) = (request.length?, request.body.len());
    (said != is)
        .then(|| Check::bad("body", format!("was changed: {said} bytes were sent (content-length), {is} are here")))
}

/// A header that no key could verify.
fn malformed(header: &str, keys: &[Key]) -> Option<Check> {
    let wrong = |detail: String| Some(Check::bad("signature", detail));
    let signatures: Vec<_> = header.split(' ').collect();
    if signatures.contains(&"") {
        return wrong("the header has doubled spaces, or none between its ends".to_owned());
    }
    let versions: Vec<_> =
        signatures.iter().map(|one| one.split_once(',').map_or("", |(version, _)| version)).collect();
    if let Some(at) = versions.iter().position(|version| version.is_empty()) {
        return wrong(format!("{:?} is not a version, a comma and base64", signatures[at]));
    }
    if !keys.iter().any(|key| versions.contains(&key.version())) {
        return wrong(format!(
            "the header has {}, and the secret is for {}: {}",
            versions.join(" and "),
            keys.first().map_or("", Key::version),
            "whsec_… verifies v1, whpk_… verifies v1a"
        ));
    }
    let known = signatures.iter().filter_map(|one| one.strip_prefix("v1,").or_else(|| one.strip_prefix("v1a,")));
    let mut broken = known.filter(|text| STANDARD.decode(text).is_err());
    broken.next().and_then(|text| wrong(format!("{text:?} is not padded standard base64: was it changed or cut?")))
}

fn signature(signed: Signed<'_>, header: &str, keys: &[Key]) -> Check {
    if let Some(at) = keys.iter().position(|key| key.has_signed(signed, header)) {
        let which = if keys.len() == 1 { String::new() } else { format!(" with secret number {}", at + 1) };
        return Check::good("signature", format!("verifies{which}"));
    }
    Check::bad("signature", explanation(signed, header, keys))
}

/// Why no key fits.
fn explanation(signed: Signed<'_>, header: &str, keys: &[Key]) -> String {
    let guesses = guess::bodies(signed.body);
    let fits = |keys: &[Key], signed| keys.iter().any(|key| key.has_signed(signed, header));
    if let Some(guess) = guesses.iter().find(|guess| fits(keys, Signed { body: &guess.body, ..signed })) {
        return format!(
            "the body was changed: {}. Verify the bytes as they come, before anything reads them",
            guess.happened
        );
    }
    let misread: Vec<_> = keys.iter().flat_map(Key::misread).collect();
    if fits(&misread, signed) {
        return "the sender signed with the secret's text: it must decode the base64 that follows whsec_".to_owned();
    }
    if fits(keys, Signed { timestamp: signed.timestamp / 1_000, ..signed }) {
        return "the timestamp was changed: seconds were signed, the header has milliseconds".to_owned();
    }
    if String::from_utf8_lossy(signed.body).contains('\u{fffd}') {
        return "the body was read as text on its way: it has characters that replace what was not UTF-8".to_owned();
    }
    "does not fit. Either the secret is not this endpoint's (any more), or body, id or timestamp were changed on the way; \
     --app and --endpoint ask the API which"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use postrider_core::{secret::SigningSecret, sign};

    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const OTHER: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const BODY: &[u8] = br#"{"a": 1,"b":"x y"}"#;
    const SENT: i64 = 1_614_265_330;
    const LIMITS: Limits = Limits { now: SENT + 10, tolerance: Some(300) };

    fn request(body: &[u8], signed_with: &SigningSecret) -> Captured {
        Captured {
            id: Some("msg_1".to_owned()),
            timestamp: Some(SENT.to_string()),
            signature: Some(sign::signatures(std::slice::from_ref(signed_with), "msg_1", SENT, body)),
            length: None,
            body: body.to_vec(),
        }
    }

    fn sent() -> Captured {
        request(BODY, &SECRET.parse().expect("a secret"))
    }

    fn faults(request: &Captured, secrets: &[&str], limits: &Limits) -> String {
        let keys: Vec<Key> = secrets.iter().map(|secret| secret.parse().expect("a key")).collect();
        let checks = judge(request, &keys, limits);
        let faults = checks.iter().filter(|check| !check.ok).map(|check| format!("{} {}", check.about, check.detail));
        faults.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn a_request_as_it_was_sent_verifies() {
        assert_eq!(faults(&sent(), &[SECRET], &LIMITS), "");
        assert_eq!(faults(&sent(), &[OTHER, SECRET], &LIMITS), "");
        assert_eq!(faults(&sent(), &[SECRET], &Limits { now: SENT + 1_000_000, tolerance: None }), "");
    }

    #[test]
    fn a_public_key_verifies_what_its_private_key_has_signed() {
        let pair = SigningSecret::generate_asymmetric([9; 32]);
        let asymmetric = request(BODY, &pair);
        assert_eq!(faults(&asymmetric, &[&pair.reveal()], &LIMITS), "");
        let other = SigningSecret::generate_asymmetric([8; 32]).reveal();
        assert!(faults(&asymmetric, &[&other], &LIMITS).starts_with("signature does not fit"));
        assert!(faults(&asymmetric, &[SECRET], &LIMITS).contains("whpk_… verifies v1a"));
        assert!(faults(&sent(), &[&other], &LIMITS).contains("whsec_… verifies v1,"));
    }

    #[test]
    fn what_became_of_the_body_is_told() {
        let changed: [(&[u8], &str); 8] = [
            (b"{\"a\": 1,\"b\":\"x y\"}\n", "a line end was added"),
            (b"\xef\xbb\xbf{\"a\": 1,\"b\":\"x y\"}", "byte order mark"),
            (b"  {\"a\": 1,\"b\":\"x y\"}  ", "white space was added"),
            (br#""{\"a\": 1,\"b\":\"x y\"}""#, "JSON string"),
            (b"eyJhIjogMSwiYiI6InggeSJ9", "base64"),
            (br#"{"a": 2,"b":"x y"}"#, "does not fit"),
            ("{\"a\": 1,\"b\":\"x \u{fffd}\"}".as_bytes(), "read as text"),
            (b"", "does not fit"),
        ];
        for (body, fault) in changed {
            let told = faults(&Captured { body: body.to_vec(), ..sent() }, &[SECRET], &LIMITS);
            assert!(told.starts_with("signature") && told.contains(fault), "{told}");
        }
    }

    #[test]
    fn json_that_was_written_again_is_told_in_both_directions() {
        let (compact, spaced): (&[u8], &[u8]) = (br#"{"a":1,"b":"x y"}"#, br#"{"a": 1, "b": "x y"}"#);
        let secret = SECRET.parse().expect("a secret");
        for (was, is) in [(compact, spaced), (spaced, compact)] {
            let told = faults(&Captured { body: is.to_vec(), ..request(was, &secret) }, &[SECRET], &LIMITS);
            assert!(told.contains("written again"), "{told}");
        }
        let (unix, windows): (&[u8], &[u8]) = (b"{\n\"a\":1\n}", b"{\r\n\"a\":1\r\n}");
        for (was, is, fault) in [(unix, windows, "from LF to CRLF"), (windows, unix, "from CRLF to LF")] {
            let told = faults(&Captured { body: is.to_vec(), ..request(was, &secret) }, &[SECRET], &LIMITS);
            assert!(told.contains(fault), "{told}");
        }
    }

    #[test]
    fn the_wrong_secret_and_a_secret_used_as_text_are_told() {
        assert!(faults(&sent(), &[OTHER], &LIMITS).starts_with("signature does not fit. Either the secret"));
        let text = SigningSecret::from_bytes(SECRET.as_bytes().to_vec()).expect("a key");
        assert!(faults(&request(BODY, &text), &[SECRET], &LIMITS).contains("decode the base64"));
    }

    #[test]
    fn the_timestamp_is_judged_beside_the_signature() {
        let at = |now| Limits { now, tolerance: Some(300) };
        assert_eq!(faults(&sent(), &[SECRET], &at(SENT + 300)), "");
        assert!(faults(&sent(), &[SECRET], &at(SENT + 93_601)).starts_with("timestamp too old: 1 d 2 h "));
        assert!(faults(&sent(), &[SECRET], &at(SENT - 301)).starts_with("timestamp 5 min 1 s in the future"));
        let millis = Captured { timestamp: Some(format!("{SENT}000")), ..sent() };
        let told = faults(&millis, &[SECRET], &LIMITS);
        assert!(
            told.starts_with("timestamp is in milliseconds") && told.ends_with("header has milliseconds"),
            "{told}"
        );
        let text = Captured { timestamp: Some("today".to_owned()), ..sent() };
        assert!(faults(&text, &[SECRET], &LIMITS).contains("not a number"));
    }

    #[test]
    fn headers_that_are_missing_or_broken_are_told() {
        let without = Captured { id: None, signature: None, ..sent() };
        assert!(faults(&without, &[SECRET], &LIMITS).starts_with("headers without webhook-id, webhook-signature"));
        for (header, fault) in [
            ("", "doubled spaces"),
            ("v1", "not a version"),
            ("v1,g0hM9SsE-OTPJTGt_tmIKtSyZlE3uFJELVlNIOLJ1OE", "not padded"),
            ("v9,AAAA", "the header has v9"),
        ] {
            let broken = Captured { signature: Some(header.to_owned()), ..sent() };
            let told = faults(&broken, &[SECRET], &LIMITS);
            assert!(told.contains(fault), "{header}: {told}");
        }
        let cut = Captured { length: Some(BODY.len() + 3), ..sent() };
        assert!(faults(&cut, &[SECRET], &LIMITS).starts_with("body was changed: 21 bytes were sent"));
    }
}
