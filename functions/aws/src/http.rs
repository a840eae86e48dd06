//! The HTTP client under the SDK's: hyper, without what the SDK's own adds to it for others' needs.

use std::{error::Error, io, time::Duration};

use ::http::StatusCode;
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector as SdkConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
    },
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::{body::SdkBody, retry::ErrorKind};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, Error as ClientError, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::RootCertStore;

use crate::cause::chain;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// A frozen function's sockets are dead when it wakes: do not keep them long.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// HTTP/1.1, over TLS where the URL says so. Clones share the connections. What takes too long is ended by the SDK's own
/// timeouts, and its connection with it.
#[derive(Debug, Clone)]
pub(crate) struct Http(Client<HttpsConnector<HttpConnector>, SdkBody>);

impl Http {
    pub(crate) fn new() -> Result<Self, Box<dyn Error + Send + Sync>> {
        Self::trusting(postrider_tls::roots([])?)
    }

    fn trusting(roots: RootCertStore) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT_TIMEOUT));
        // The connector sets the protocols.
        let config = postrider_tls::client(roots, &[])?;
        let connector = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1();
        let connector = connector.wrap_connector(http);
        let mut client = Client::builder(TokioExecutor::new());
        client.pool_idle_timeout(IDLE_TIMEOUT).pool_timer(TokioTimer::new());
        Ok(Self(client.build(connector)))
    }
}

impl Http {
    /// Asks, and reads no more than the status.
    pub(crate) async fn status(&self, request: ::http::Request<SdkBody>) -> Result<StatusCode, String> {
        let response = self.0.request(request).await;
        response.map(|response| response.status()).map_err(|error| chain(&error))
    }
}

impl HttpClient for Http {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl SdkConnector for Http {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        let response = self.0.request(request);
        HttpConnectorFuture::new(async move {
            let response = response.await.map_err(connector_error)?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// Whether the SDK tries again.
fn connector_error(error: ClientError) -> ConnectorError {
    if find::<io::Error>(&error).is_some_and(|error| error.kind() == io::ErrorKind::TimedOut) {
        return ConnectorError::timeout(error.into());
    }
    let transient = error.is_connect()
        || find::<io::Error>(&error).is_some()
        || find::<hyper::Error>(&error)
            .is_some_and(|error| error.is_closed() || error.is_canceled() || error.is_incomplete_message());
    if transient {
        ConnectorError::other(error.into(), Some(ErrorKind::TransientError))
    } else {
        ConnectorError::other(error.into(), None)
    }
}

fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    error.downcast_ref().or_else(|| find(error.source()?))
}

#[cfg(test)]
mod tests {
    use std::{net::SocketAddr, sync::Arc};

    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    use rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    };
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };
    use tokio_rustls::TlsAcceptor;

    use super::*;

    /// A server for `localhost` that answers every request of its connections, and the root of its certificate.
    async fn server() -> (SocketAddr, CertificateDer<'static>) {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a root");
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &*authority).expect("a certificate");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(postrider_tls::provider())
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a certificate and its key");
        let (acceptor, listener) = (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await);
        let listener = listener.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut request = Vec::new();
                while stream.read_buf(&mut request).await.is_ok_and(|read| read > 0) {
                    if request.ends_with(b"\r\n\r\n") {
                        request.clear();
                        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
                    }
                }
            }
        });
        (address, authority.der().clone())
    }

    async fn get(http: &Http, address: SocketAddr) -> Result<HttpResponse, ConnectorError> {
        let url = format!("https://localhost:{}/", address.port());
        let request = ::http::Request::get(url).body(SdkBody::empty()).expect("a request");
        http.call(request.try_into().expect("a request")).await
    }

    #[tokio::test]
    async fn speaks_tls_with_whom_it_trusts_and_with_nobody_else() {
        let (address, root) = server().await;
        let trusting = Http::trusting(postrider_tls::roots([root]).expect("roots")).expect("a client");
        // The second request has the first one's connection: the server takes one at a time.
        for _ in 0..2 {
            let response = get(&trusting, address).await.expect("a response");
            assert_eq!(response.status().as_u16(), 200);
        }
        drop(trusting);
        let error = get(&Http::new().expect("a client"), address).await.expect_err("an unknown root");
        assert!(format!("{error:?}").contains("UnknownIssuer"), "{error:?}");
    }

    #[tokio::test]
    async fn what_cannot_be_reached_may_be_tried_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        drop(listener);
        let error = get(&Http::new().expect("a client"), address).await.expect_err("nobody listens");
        assert!(error.is_other() && error.as_other() == Some(ErrorKind::TransientError), "{error:?}");
    }
}
