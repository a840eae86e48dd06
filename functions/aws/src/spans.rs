//! Spans of sampled traces, for a collector of the operator's: OpenTelemetry Protocol 1.9 over HTTP, in JSON
//! (<https://opentelemetry.io/docs/specs/otlp/#otlphttp>). At the end of an invocation they go in one request; if that fails
//! they are gone, the log says so, and the next ones go after a rest, so that a collector that hangs is not waited for by every
//! invocation. A library for it would be as large as a function.

use std::{
    fmt,
    sync::{Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use http::{Method, Request, header::CONTENT_TYPE};
use lambda_runtime::tracing::subscriber::{Layer, layer};
use serde_json::{Map, Value, json};
use tokio::time::timeout;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};

use crate::{http::Http, settings::Collector};

/// For the whole request: an invocation waits for it.
const PATIENCE: Duration = Duration::from_secs(1);
/// What an invocation keeps of its time for its answer.
const RESERVE: Duration = Duration::from_secs(1);
/// After a failure.
const REST: Duration = Duration::from_secs(30);
/// Spans of one invocation that are kept.
const MOST: usize = 5_000;

/// `SpanKind` and `StatusCode`, as numbers (opentelemetry/proto/trace/v1/trace.proto).
const CLIENT: u8 = 3;
const PRODUCER: u8 = 4;
const ERROR: u8 = 2;

/// Since the last export. A process has one invocation at a time.
static SPANS: Mutex<Kept> = Mutex::new(Kept { spans: Vec::new(), count: 0 });
static EXPORTER: OnceLock<Exporter> = OnceLock::new();

#[derive(Default)]
struct Kept {
    spans: Vec<Value>,
    /// Those beyond [`MOST`] as well.
    count: usize,
}

struct Exporter {
    collector: Collector,
    http: OnceLock<Result<Http, String>>,
    rests_until: Mutex<Option<Instant>>,
}

/// Exports to that collector from now on.
pub(crate) fn init(collector: Collector) {
    let _ = EXPORTER.set(Exporter { collector, http: OnceLock::new(), rests_until: Mutex::default() });
}

/// Tells the collector, if there is one, of the spans since the last time. Takes a second at most, and less where the
/// invocation has not much left. Never fails otherwise than in the log.
pub async fn export(left: Duration) {
    let kept = std::mem::take(&mut *SPANS.lock().unwrap_or_else(PoisonError::into_inner));
    let Some(exporter) = EXPORTER.get().filter(|_| kept.count > 0) else { return };
    if let Err((spans, error)) = exporter.export(left, kept).await {
        tracing::warn!(spans, error, "spans could not be exported");
    }
}

impl Kept {
    fn keep(&mut self, told: Told) {
        self.count += 1;
        if self.spans.len() < MOST {
            self.spans.push(told.span());
        }
    }
}

impl Exporter {
    /// Fails with how many are lost, and why.
    async fn export(&self, left: Duration, Kept { spans, count }: Kept) -> Result<(), (usize, String)> {
        match self.unless_resting(left, &spans).await {
            Ok(()) if count == spans.len() => Ok(()),
            Ok(()) => Err((count - spans.len(), "there are too many".to_owned())),
            Err(error) => Err((count, error)),
        }
    }

    async fn unless_resting(&self, left: Duration, spans: &[Value]) -> Result<(), String> {
        let rests_until = || self.rests_until.lock().unwrap_or_else(PoisonError::into_inner);
        if rests_until().is_some_and(|until| until > Instant::now()) {
            return Err("the collector has failed a moment ago".to_owned());
        }
        let sent = timeout(left.saturating_sub(RESERVE).min(PATIENCE), self.send(spans)).await;
        let sent = sent.unwrap_or_else(|_| Err("there was no answer in time".to_owned()));
        *rests_until() = sent.is_err().then(|| Instant::now() + REST);
        sent
    }

    async fn send(&self, spans: &[Value]) -> Result<(), String> {
        let Collector { url, headers, resource } = &self.collector;
        let http = self.http.get_or_init(|| Http::new().map_err(|error| error.to_string()));
        let http = http.as_ref().map_err(Clone::clone)?;
        let mut request = Request::new(document(resource, spans).to_string().into());
        *request.method_mut() = Method::POST;
        url.clone_into(request.uri_mut());
        headers.clone_into(request.headers_mut());
        request.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
        match http.status(request).await? {
            status if status.is_success() => Ok(()),
            status => Err(format!("the collector answered {status}")),
        }
    }
}

fn document(resource: &[(&str, String)], spans: &[Value]) -> Value {
    let attributes: Vec<_> = resource.iter().map(|(key, value)| attribute(key, &json!(value))).collect();
    let scope = json!({"name": "postrider", "version": env!("CARGO_PKG_VERSION")});
    json!({"resourceSpans": [{
        "resource": {"attributes": attributes},
        "scopeSpans": [{"scope": scope, "spans": spans}],
    }]})
}

fn attribute(key: &str, value: &Value) -> Value {
    // 64 bits are text in the JSON of Protocol Buffers.
    let value = match value {
        Value::Number(number) => json!({"intValue": number.to_string()}),
        value => json!({"stringValue": value}),
    };
    json!({"key": key, "value": value})
}

/// Collects what is told.
pub(crate) struct Spans;

impl<S: Subscriber> Layer<S> for Spans {
    fn on_event(&self, event: &Event<'_>, _: layer::Context<'_, S>) {
        let mut told = Told::default();
        event.record(&mut told);
        SPANS.lock().unwrap_or_else(PoisonError::into_inner).keep(told);
    }
}

/// The fields of an event.
#[derive(Default)]
struct Told(Map<String, Value>);

impl Told {
    /// What is not the span's own is one of its attributes.
    fn span(mut self) -> Value {
        let mut own = |name| self.0.remove(name).unwrap_or_default();
        let nanos = |micros: &Value| json!(micros.as_i64().unwrap_or_default().saturating_mul(1_000).to_string());
        let mut span = json!({
            "traceId": own("trace"), "spanId": own("span"), "parentSpanId": own("parent"), "name": own("name"),
            "kind": if own("kind") == "client" { CLIENT } else { PRODUCER },
            "startTimeUnixNano": nanos(&own("start")), "endTimeUnixNano": nanos(&own("end")),
        });
        if self.0.contains_key("error.type") {
            span["status"] = json!({"code": ERROR});
        }
        span["attributes"] = self.0.iter().map(|(key, value)| attribute(key, value)).collect();
        span
    }
}

impl Visit for Told {
    fn record_str(&mut self, field: &Field, text: &str) {
        self.0.insert(field.name().to_owned(), json!(text));
    }

    fn record_i64(&mut self, field: &Field, number: i64) {
        self.0.insert(field.name().to_owned(), json!(number));
    }

    fn record_u64(&mut self, field: &Field, number: u64) {
        self.0.insert(field.name().to_owned(), json!(number));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), json!(format!("{value:?}")));
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    #[test]
    fn what_is_not_the_spans_own_is_one_of_its_attributes() {
        let fields = json!({
            "trace": "4b", "span": "02", "parent": "b7", "name": "POST", "kind": "client", "start": 7, "end": 9,
            "error.type": "timeout", "server.port": 443,
        });
        let Value::Object(fields) = fields else { panic!("an object") };
        let span = Told(fields).span();
        let ids = ["traceId", "spanId", "parentSpanId", "name"].map(|name| span[name].as_str().unwrap_or_default());
        assert_eq!(ids, ["4b", "02", "b7", "POST"]);
        assert_eq!((&span["kind"], &span["status"]), (&json!(3), &json!({"code": 2})));
        assert_eq!((&span["startTimeUnixNano"], &span["endTimeUnixNano"]), (&json!("7000"), &json!("9000")));
        let attributes = json!([
            {"key": "error.type", "value": {"stringValue": "timeout"}},
            {"key": "server.port", "value": {"intValue": "443"}},
        ]);
        assert_eq!(span["attributes"], attributes);
    }

    fn exporter(listener: &TcpListener) -> Exporter {
        let url = format!("http://{}/v1/traces", listener.local_addr().expect("an address")).parse().expect("a URL");
        let collector = Collector { url, headers: http::HeaderMap::new(), resource: Vec::new() };
        Exporter { collector, http: OnceLock::new(), rests_until: Mutex::default() }
    }

    #[tokio::test]
    async fn more_spans_than_are_kept_are_counted_as_lost() {
        let mut kept = Kept::default();
        (0..MOST + 2).for_each(|_| kept.keep(Told::default()));
        assert_eq!((kept.spans.len(), kept.count), (MOST, MOST + 2));
        // A short document: what is sent must be sent within a second.
        let kept = Kept { spans: vec![json!({"spanId": "the only one"})], count: 3 };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let exporter = exporter(&listener);
        let answer = async {
            let (mut socket, _) = listener.accept().await.expect("a connection");
            let (mut read, mut buffer) = (Vec::new(), [0; 4_096]);
            while !String::from_utf8_lossy(&read).contains("the only one") {
                let count = socket.read(&mut buffer).await.expect("a request");
                assert_ne!(count, 0, "it ended without a span");
                read.extend_from_slice(&buffer[..count]);
            }
            socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.expect("an answer");
        };
        let (lost, ()) = tokio::join!(exporter.export(Duration::MAX, kept), answer);
        assert_eq!(lost, Err((2, "there are too many".to_owned())));
    }

    #[tokio::test]
    async fn a_collector_that_has_failed_is_left_alone_for_a_while() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let exporter = exporter(&listener);
        // Nobody listens.
        drop(listener);
        let mut errors = Vec::new();
        for _ in 0..2 {
            errors.push(exporter.unless_resting(Duration::MAX, &[json!({})]).await.expect_err("nobody listens"));
        }
        assert!(!errors[0].contains("a moment ago") && errors[1].contains("a moment ago"), "{errors:?}");
    }
}
