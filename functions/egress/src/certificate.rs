//! Facts of a certificate, for people. Nothing is decided from them: the verifier decides.

use postrider_core::{
    probe::{Certificate, MOST, TEXT_LIMIT},
    time::Time,
};
use rustls::pki_types::CertificateDer;
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer as _};

/// What is to be told of a certificate; nothing if it cannot be read.
pub(crate) fn facts(der: &CertificateDer<'_>) -> Option<Certificate> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.map(|extension| extension.value.general_names.iter().filter_map(name).take(MOST).collect());
    Some(Certificate {
        subject: bounded(&certificate.subject().to_string()),
        issuer: bounded(&certificate.issuer().to_string()),
        names: names.unwrap_or_default(),
        not_before: Time::from_secs(certificate.validity().not_before.timestamp()),
        not_after: Time::from_secs(certificate.validity().not_after.timestamp()),
    })
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(bounded(name)),
        GeneralName::IPAddress(bytes) => match *bytes {
            [a, b, c, d] => Some(std::net::Ipv4Addr::new(*a, *b, *c, *d).to_string()),
            bytes => <[u8; 16]>::try_from(bytes).ok().map(|bytes| std::net::Ipv6Addr::from(bytes).to_string()),
        },
        _ => None,
    }
}

/// What a server says, cut.
pub(crate) fn bounded(text: &str) -> String {
    text[..text.floor_char_boundary(TEXT_LIMIT)].to_owned()
}
