//! The HTTP client under the SDK's: hyper, without what the SDK's own adds to it for others' needs.

use std::{error::Error, io, time::Duration};

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

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// A frozen function's sockets are dead when it wakes: do not keep them long.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// HTTP/1.1, over TLS where the URL says so. Clones share the connections. What takes too long is ended by the SDK's own
/// timeouts, and its connection with it.
#[derive(Debug, Clone)]
pub(crate) struct Http(Client<HttpsConnector<HttpConnector>, SdkBody>);

impl Http {
    pub(crate) fn new() -> Result<Self, Box<dyn Error + Send + Sync>> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT_TIMEOUT));
        // The connector sets the protocols.
        let config = postrider_tls::client(postrider_tls::roots([])?, &[])?;
        let connector = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1();
        let connector = connector.wrap_connector(http);
        let mut client = Client::builder(TokioExecutor::new());
        client.pool_idle_timeout(IDLE_TIMEOUT).pool_timer(TokioTimer::new());
        Ok(Self(client.build(connector)))
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
