//! The rules of a URL that Postrider sends to.

use url::Url;

use crate::rules::{Check, URL_LIMIT};

/// Normalizes the endpoint's URL. Whether its address may be reached is asked at delivery: names change.
pub(super) fn url(check: &mut Check, text: &mut String, plain_http: bool) {
    match normalized(text, plain_http) {
        Ok(url) => *text = url,
        Err(why) => check.fail(&["body", "url"], why),
    }
}

/// The URL as it is stored, or what is wrong with it.
pub(super) fn normalized(text: &str, plain_http: bool) -> Result<String, &'static str> {
    if text.len() > URL_LIMIT {
        return Err("must be at most 4096 bytes");
    }
    if text.chars().any(char::is_control) {
        return Err("must not hold control characters");
    }
    let mut url = Url::parse(text).map_err(|_| "must be an absolute URL, such as https://example.com/webhooks")?;
    match url.scheme() {
        "https" => {}
        "http" if plain_http => {}
        "http" => return Err("must begin with https://"),
        _ => return Err("must be an https URL"),
    }
    // What the URL standard allows, and HTTP does not: it could never be sent.
    if !url.host_str().is_some_and(|host| host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._[]:".contains(&b))) {
        return Err("its host name must be of A-Z a-z 0-9 - _ .");
    }
    let userinfo = [url.username(), url.password().unwrap_or_default()];
    if userinfo.iter().any(|part| percent_encoding::percent_decode_str(part).decode_utf8().is_err()) {
        return Err("its user name and password must be UTF-8 when decoded");
    }
    // A fragment is never sent.
    url.set_fragment(None);
    if url.as_str().len() > URL_LIMIT { Err("must be at most 4096 bytes when encoded") } else { Ok(url.into()) }
}

/// Whether both are at one scheme, host and port.
pub(super) fn same_server(one: &str, other: &str) -> bool {
    let origin = |text| Url::parse(text).ok().map(|url| url.origin());
    origin(one).is_some_and(|one| origin(other).is_some_and(|other| one == other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_never_be_sent_is_refused() {
        for url in ["https://a{b.example/", "https://a`b.example/", "https://:%ff@example.com/"] {
            assert!(normalized(url, false).is_err(), "{url}");
        }
        for url in ["https://u%C3%A9:p@example.com/", "https://[2001:db8::1]:8443/", "https://a_b.example/x{y}"] {
            assert!(normalized(url, false).is_ok(), "{url}");
        }
    }

    #[test]
    fn a_server_is_a_scheme_a_host_and_a_port() {
        assert!(same_server("https://example.com/a", "https://user@EXAMPLE.com:443/b?c"));
        for other in ["http://example.com/a", "https://example.com:444/", "https://www.example.com/", "nonsense"] {
            assert!(!same_server("https://example.com/", other), "{other}");
        }
    }
}
