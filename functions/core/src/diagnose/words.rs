//! What is wrong and what to do about it, in plain sentences.

use super::Step;
use crate::{
    outbound::Fault,
    probe::{ConnectFault, Handshake, Refusal, ResolveFault, TlsFault},
    time::Time,
};

/// A certificate with fewer days left is worth a word.
const SOON_DAYS: i64 = 14;

pub(super) fn resolve(fault: ResolveFault, host: &str) -> String {
    match fault {
        ResolveFault::Unknown => format!(
            "The name {host} has no address. Check the spelling of the endpoint's URL, and that the name is published in \
             public DNS."
        ),
        ResolveFault::Timeout => {
            format!("The name servers of {host} did not answer in time. Check the DNS of that domain.")
        }
        ResolveFault::Invalid => {
            "The endpoint's URL names no host that could be connected to. Save the endpoint with another URL."
                .to_owned()
        }
    }
}

pub(super) fn refused(networks: &[&String], host: &str) -> String {
    let networks: Vec<_> = networks.iter().map(|network| network.as_str()).collect();
    format!(
        "{host} leads to no public address, and webhooks are sent to public addresses only (found: {}). Give the endpoint a \
         URL that can be reached from the internet; to reach a private network, the operator can allow it.",
        networks.join(", ")
    )
}

pub(super) fn connect(refusals: &[Refusal], port: u16) -> String {
    let addresses: Vec<_> = refusals.iter().map(|refusal| refusal.address.to_string()).collect();
    let addresses = addresses.join(", ");
    let is = |why| refusals.iter().any(|refusal| refusal.why == why);
    if is(ConnectFault::Refused) {
        format!(
            "Nothing listens on port {port} of {addresses}: the connection was refused. Start the server, or correct the \
             port in the endpoint's URL."
        )
    } else if is(ConnectFault::Timeout) {
        format!(
            "{addresses} did not answer on port {port}. A firewall in front of the server, most likely: allow connections \
             from outside."
        )
    } else {
        format!("There is no way to {addresses}. Check that the address in DNS is the server's.")
    }
}

pub(super) fn tls(handshake: &Handshake, host: &str, now: Time) -> Option<String> {
    let certificate = handshake.certificate.as_ref();
    Some(match handshake.session.as_ref().err()? {
        TlsFault::Expired => {
            let since = certificate.map_or_else(String::new, |certificate| format!(" on {}", certificate.not_after));
            format!("The server's certificate expired{since}. Renew it, and have the server load the new one.")
        }
        TlsFault::NotYetValid => {
            let from =
                certificate.map_or_else(String::new, |certificate| format!(" before {}", certificate.not_before));
            format!(
                "The server's certificate is not valid{from}. Check the clock of the machine that made it ({now} here)."
            )
        }
        TlsFault::WrongName => {
            let names = certificate.map_or_else(String::new, |is| format!(" It is for: {}.", is.names.join(", ")));
            format!("The server's certificate is not for {host}.{names} Install one that names {host}.")
        }
        TlsFault::UnknownIssuer => unknown_issuer(handshake),
        TlsFault::Certificate(why) => format!("The server's certificate is not accepted: {why}."),
        TlsFault::NotTls => {
            "What answers there does not speak TLS: the port may be one for plain http. Correct the port in the \
                             endpoint's URL, or have the server speak https."
                .to_owned()
        }
        TlsFault::Handshake(why) => format!(
            "The TLS handshake failed: {why}. The server must speak TLS 1.2 or 1.3, and must not ask for a client \
             certificate."
        ),
        TlsFault::Closed => {
            "The server closed the connection during the TLS handshake. Look into its log; it may have no \
                             certificate for this name, or refuse the address that calls."
                .to_owned()
        }
        TlsFault::Timeout => "The server did not complete the TLS handshake in time.".to_owned(),
    })
}

fn unknown_issuer(handshake: &Handshake) -> String {
    match &handshake.certificate {
        Some(certificate) if certificate.issuer == certificate.subject => {
            "The server's certificate is signed by itself. Install one of a public authority; for a private authority, the \
             operator can add it."
                .to_owned()
        }
        Some(certificate) if handshake.intermediates == 0 => format!(
            "The server's certificate was issued by {}, which is not trusted by itself. Most likely the server does not send \
             its intermediate certificate: configure the full chain.",
            certificate.issuer
        ),
        Some(certificate) => format!(
            "The server's certificate was issued by {}, which is not a public authority. Install a certificate of one; for \
             a private authority, the operator can add it.",
            certificate.issuer
        ),
        None => "The server's certificate was not issued by an authority that is trusted here.".to_owned(),
    }
}

/// What an answer that is not a success says.
pub(super) fn status(status: u16, location: Option<&str>) -> Option<String> {
    Some(match status {
        200..=299 => return None,
        300..=399 => {
            let to = location.map_or_else(String::new, |to| format!(" to {to}"));
            format!(
                "The server answered {status}, a redirect{to}. Redirects are not followed: give the endpoint the final URL."
            )
        }
        401 | 403 => format!(
            "The server answered {status}: it wants to be shown who calls. Check the endpoint's authorization and headers, \
             and whether the server verifies the signature with the endpoint's present secret."
        ),
        404 => "The server answered 404: nothing is at that path. Correct the path in the endpoint's URL.".to_owned(),
        405 => "The server answered 405: that path does not take this method. Correct the path, or the endpoint's \
                delivery.method."
            .to_owned(),
        410 => "The server answered 410 Gone: a delivery that is answered so disables the endpoint.".to_owned(),
        413 => "The server answered 413: it refuses even this small body. Raise its limit.".to_owned(),
        415 | 422 | 400 => format!(
            "The server answered {status}: it does not understand the test event. That may be all right if it does not know \
             its type; try again with an eventType that it knows."
        ),
        429 => "The server answered 429: it is asked too often. Give the endpoint a throttleRate.".to_owned(),
        500..=599 => format!("The server answered {status}: it failed at the request. Look into its log of just now."),
        other => format!("The server answered {other}, which is not a success: 200 to 299 are."),
    })
}

pub(super) fn fault(fault: Fault, seconds: u64) -> String {
    match fault {
        Fault::Timeout => format!(
            "The server took the connection and did not answer within {seconds} s. Have it answer first and work later."
        ),
        Fault::Protocol => "What answered is not HTTP. Correct the port in the endpoint's URL.".to_owned(),
        Fault::Connect => {
            "The server closed the connection without an answer. Look into its log of just now.".to_owned()
        }
        Fault::Invalid => {
            "The request cannot be built from the endpoint's URL and headers. Save the endpoint anew.".to_owned()
        }
        other => {
            format!("The request could not be made: {other}. Try again; the server may answer differently each time.")
        }
    }
}

/// All of it in a sentence or two.
pub(super) fn verdict(steps: &[Step]) -> String {
    let (configuration, network): (Vec<&Step>, Vec<&Step>) =
        steps.iter().partition(|step| step.name == "configuration");
    let told = |steps: &[&Step]| steps.iter().find_map(|step| step.problem.clone());
    match (told(&network), told(&configuration)) {
        (None, None) => format!("The endpoint took the test event: webhooks arrive.{}", soon(steps)),
        (Some(problem), None) => format!("Webhooks do not arrive. {problem}"),
        (None, Some(problem)) if network.iter().any(|step| step.name == "request" && step.ok) => {
            format!("The server takes webhooks, and none are sent. {problem}")
        }
        (None, Some(problem)) => format!("The server can be reached, and nothing is sent. {problem}"),
        (Some(first), Some(second)) => format!("Webhooks do not arrive. {first} Besides: {second}"),
    }
}

fn soon(steps: &[Step]) -> String {
    let left = steps.iter().find_map(|step| step.facts.get("certificate")?["daysLeft"].as_i64());
    left.filter(|left| *left < SOON_DAYS)
        .map_or_else(String::new, |left| format!(" Its certificate expires in {left} days: renew it."))
}
