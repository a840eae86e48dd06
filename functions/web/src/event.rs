//! From an event of API Gateway to a request.
//!
//! The runtime's own conversion gives up on paths, queries and hosts that are not what an `http::Uri` allows, and the
//! caller would get a 502 for a stray `<` in a query. So what it reads is mended first: the path and the query are
//! encoded where they are not, and the host, which nobody here needs, is left out.

use std::convert::Infallible;

use http::header;
use lambda_http::{
    Adapter, IntoResponse, LambdaEvent, Request, Service,
    aws_lambda_events::apigw::ApiGatewayV2httpRequest,
    lambda_runtime::{self, Diagnostic},
    request::LambdaRequest,
    service_fn,
};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::{Value, value::RawValue};

/// What a query cannot hold as it is. `%` stays: it begins what is encoded already.
const QUERY: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');
/// What a path cannot hold as it is.
const PATH: &AsciiSet = &QUERY.add(b'?');

/// Serves the function's events with `service`.
pub async fn serve<S, R, E>(service: S) -> Result<(), lambda_http::Error>
where
    S: Service<Request, Response = R, Error = E>,
    S::Future: Send + 'static,
    R: IntoResponse + 'static,
    E: std::fmt::Debug + Into<Diagnostic>,
{
    let mut adapter = Adapter::from(service);
    lambda_runtime::run(service_fn(move |mut event: LambdaEvent<LambdaRequest>| {
        if let LambdaRequest::ApiGatewayV2(request) = &mut event.payload {
            mend(request);
        }
        adapter.call(event)
    }))
    .await
}

/// Serves the function's HTTP events with `service`, and what a queue or an event bus hands over with `other`.
pub async fn serve_with<S, R, O, F>(service: S, other: O) -> Result<(), lambda_http::Error>
where
    S: Service<Request, Response = R, Error = Infallible>,
    S::Future: Send + 'static,
    R: IntoResponse + 'static,
    O: Fn(Box<RawValue>) -> F,
    F: Future<Output = Result<Value, lambda_http::Error>>,
{
    let mut adapter = Adapter::from(service);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let LambdaEvent { payload, context } = event;
        let answer = if is_http(&payload) {
            let request = serde_json::from_str(payload.get()).map(|mut request| {
                mend(&mut request);
                adapter.call(LambdaEvent::new(LambdaRequest::ApiGatewayV2(request), context))
            });
            Ok(request)
        } else {
            // Boxed, or the type of the whole would be nested more deeply than the compiler follows.
            Err(Box::pin(other(payload)))
        };
        async move {
            match answer {
                Ok(request) => match request?.await {
                    Ok(response) => Ok(Answered::Http(response)),
                    Err(never) => match never {},
                },
                Err(other) => other.await.map(Answered::Other),
            }
        }
    }))
    .await
}

/// What goes back to Lambda.
#[derive(Serialize)]
#[serde(untagged)]
enum Answered<H> {
    Http(H),
    Other(Value),
}

/// A queue's event has `Records`, a bus's has a `detail-type`.
fn is_http(event: &RawValue) -> bool {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Shape {
        #[serde(rename = "Records")]
        records: Option<IgnoredAny>,
        #[serde(rename = "detail-type")]
        detail_type: Option<IgnoredAny>,
    }
    let shape: Shape = serde_json::from_str(event.get()).unwrap_or_default();
    shape.records.is_none() && shape.detail_type.is_none()
}

fn mend(request: &mut ApiGatewayV2httpRequest) {
    let path = request.raw_path.as_deref().unwrap_or_default();
    request.raw_path = Some(format!("/{}", utf8_percent_encode(path.trim_start_matches('/'), PATH)));
    request.raw_query_string =
        request.raw_query_string.as_deref().map(|query| utf8_percent_encode(query, QUERY).to_string());
    request.headers.remove(header::HOST);
    request.headers.remove("x-forwarded-proto");
    request.request_context.domain_name = None;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(path: &str, query: &str) -> String {
        let mut event = ApiGatewayV2httpRequest::default();
        event.raw_path = Some(path.to_owned());
        event.raw_query_string = Some(query.to_owned());
        event.headers.insert(header::HOST, http::HeaderValue::from_static("not a host"));
        event.headers.insert("x-forwarded-proto", http::HeaderValue::from_static(" :"));
        mend(&mut event);
        Request::from(LambdaRequest::ApiGatewayV2(event)).uri().to_string()
    }

    #[test]
    fn http_a_queue_and_a_bus_are_told_apart() {
        let is_http = |event: &str| is_http(&RawValue::from_string(event.to_owned()).expect("JSON"));
        assert!(is_http(include_str!("../../../events/ingest/publish.json")));
        assert!(!is_http(include_str!("../../../events/ingest/sqs.json")));
        assert!(!is_http(include_str!("../../../events/ingest/eventbridge.json")));
        assert!(is_http("[]"));
    }

    #[test]
    fn no_path_and_no_query_is_beyond_it() {
        assert_eq!(uri("/api/v1/app", "limit=2&iterator=a%20b"), "/api/v1/app?limit=2&iterator=a%20b");
        assert_eq!(
            uri("/api/v1/a b?c#d", "x=<\"{é}>`^|\\ \u{0}"),
            "/api/v1/a%20b%3Fc%23d?x=%3C%22%7B%C3%A9%7D%3E%60%5E%7C%5C%20%00"
        );
        assert_eq!(uri("", ""), "/");
        assert_eq!(uri(":99999999/x", ""), "/:99999999/x");
        assert_eq!(uri("//\\evil/%ff%00", "%"), "/%5Cevil/%ff%00?%");
    }
}
