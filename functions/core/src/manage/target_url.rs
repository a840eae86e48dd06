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
    // A fragment is never sent.
    url.set_fragment(None);
    if url.as_str().len() > URL_LIMIT { Err("must be at most 4096 bytes when encoded") } else { Ok(url.into()) }
}
