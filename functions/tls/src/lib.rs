//! Which servers are trusted: the same root certificates for AWS and for the servers of customers.
//!
//! They are Mozilla's, compiled in as `webpki-roots` has them: reading and parsing a system's takes a function longer than
//! everything else that it does when it starts. They are as new as the build; [`roots`] takes more.

use std::sync::{Arc, OnceLock};

use rustls::{
    ClientConfig, Error, RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::CertificateDer,
    server::VerifierBuilderError,
};

/// Mozilla's roots and these.
///
/// # Errors
/// If one of these is not fit to be a root.
pub fn roots(extra: impl IntoIterator<Item = CertificateDer<'static>>) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    extra.into_iter().try_for_each(|root| roots.add(root))?;
    Ok(roots)
}

/// A client that trusts these roots, and offers these protocols in this order (ALPN, RFC 7301).
///
/// # Errors
/// None with the versions that rustls takes for safe.
pub fn client(roots: RootCertStore, protocols: &[&str]) -> Result<ClientConfig, Error> {
    let config = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Ok(config)
}

/// What decides about servers' certificates in such a client.
///
/// # Errors
/// If there are no roots.
pub fn verifier(roots: RootCertStore) -> Result<Arc<dyn ServerCertVerifier>, VerifierBuilderError> {
    Ok(WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build()?)
}

/// The cryptography of all clients.
pub fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(aws_lc_rs::default_provider())))
}
