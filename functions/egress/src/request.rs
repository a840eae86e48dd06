//! From an [`Outbound`] to a request that is sent exactly as it says.

use bytes::Bytes;
use postrider_core::{
    manner::Method as Asked,
    outbound::{Fault, Outbound},
};
use reqwest::{
    Client, Method, Request, Url,
    header::{CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TE, TRAILER, TRANSFER_ENCODING, UPGRADE},
};

/// How a message is framed is for the client to say: a second opinion is how requests are smuggled.
const FRAMING: [HeaderName; 6] = [CONNECTION, CONTENT_LENGTH, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// Builds the request. Credentials in the URL become basic authentication, unless the headers have their own.
pub(crate) fn build(client: &Client, url: Url, outbound: Outbound) -> Result<Request, Fault> {
    let given = headers(&outbound.headers)?;
    let method = method(outbound.method);
    let body = (method != Method::OPTIONS).then(|| Bytes::from_owner(outbound.body));
    let length = body.as_ref().map(|body| HeaderValue::from(body.len()));
    let mut request = client.request(method, url).build().map_err(|_| Fault::Invalid)?;
    *request.body_mut() = body.map(Into::into);
    if !request.url().username().is_empty() || request.url().password().is_some() {
        return Err(Fault::Invalid); // credentials that are not UTF-8: reqwest has left them where they are
    }
    // Replaces the `authorization` that reqwest made of the URL, and keeps what is given more than once.
    request.headers_mut().extend(given);
    // hyper says nothing about an empty body, and some servers then refuse a POST.
    request.headers_mut().extend(length.map(|length| (CONTENT_LENGTH, length)));
    Ok(request)
}

const fn method(asked: Asked) -> Method {
    match asked {
        Asked::Post => Method::POST,
        Asked::Put => Method::PUT,
        Asked::Patch => Method::PATCH,
        Asked::Options => Method::OPTIONS,
    }
}

fn headers(pairs: &[(String, String)]) -> Result<HeaderMap, Fault> {
    let mut headers = HeaderMap::with_capacity(pairs.len());
    for (name, value) in pairs {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Fault::Invalid)?;
        let mut value = HeaderValue::from_str(value).map_err(|_| Fault::Invalid)?;
        if FRAMING.contains(&name) {
            return Err(Fault::Invalid);
        }
        // Any of them can be a customer's secret: kept out of debug output and of HPACK's tables.
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Ok(headers)
}
