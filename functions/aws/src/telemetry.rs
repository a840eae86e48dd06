//! What a function tells, as JSON lines on standard output, where Lambda takes them: a line for each fact, and at the end
//! of each invocation one with what AWS was asked for and the metrics, in CloudWatch's embedded metric format
//! (specification of 2024: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).

use std::{
    collections::BTreeMap,
    fmt,
    io::Write as _,
    sync::{Mutex, OnceLock, PoisonError},
};

use lambda_runtime::tracing::subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    fmt as lines, layer,
    prelude::*,
    registry,
};
use postrider_core::{
    metric::{self, Metric, Unit},
    ports::Ambient as _,
    trace,
};
use serde_json::{Map, Value, json};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};

use crate::{
    System, Usage,
    settings::Logging,
    spans::{self, Spans},
};

pub use crate::spans::export;

const NAMESPACE: &str = "Postrider";
const DIMENSION: &str = "Stack";
/// Values of one metric in one line, which is all that CloudWatch takes.
const MOST_VALUES: usize = 100;

/// What was noted since the last line. A process has one invocation at a time.
static FIGURES: Mutex<BTreeMap<Metric, Vec<f64>>> = Mutex::new(BTreeMap::new());
static STACK: OnceLock<String> = OnceLock::new();

/// Starts logging, and collecting metrics, for a process that has just started. Only Postrider's own lines follow the
/// level: the SDK's detailed ones would hold payloads.
pub fn init(Logging { level, stack, collector }: Logging) {
    let lines = lines::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(true)
        .with_ansi(false);
    let targets = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("lambda_runtime", level.min(LevelFilter::INFO))
        .with_target("postrider", level)
        .with_target(metric::TARGET, LevelFilter::OFF)
        .with_target(trace::TARGET, LevelFilter::OFF)
        // Who has changed what is told at every level.
        .with_target("audit", LevelFilter::INFO);
    let notes = Targets::new().with_target(metric::TARGET, LevelFilter::INFO);
    let of_spans = if matches!(collector, Ok(Some(_))) { LevelFilter::INFO } else { LevelFilter::OFF };
    let spans = Spans.with_filter(Targets::new().with_target(trace::TARGET, of_spans));
    // Fails if a subscriber is set already, as in tests: then that one is right.
    let _ = registry().with(lines.with_filter(targets)).with(Notes.with_filter(notes)).with(spans).try_init();
    let _ = STACK.set(stack);
    match collector {
        Ok(Some(collector)) => spans::init(collector),
        Ok(None) => {}
        Err(error) => tracing::error!(%error, "no spans are exported"),
    }
    Metric::ColdStart.count();
}

/// Collects what is noted.
struct Notes;

impl<S: Subscriber> Layer<S> for Notes {
    fn on_event(&self, event: &Event<'_>, _: layer::Context<'_, S>) {
        let mut note = Note::default();
        event.record(&mut note);
        if let Some(metric) = note.metric {
            FIGURES.lock().unwrap_or_else(PoisonError::into_inner).entry(metric).or_default().push(note.value);
        }
    }
}

#[derive(Default)]
struct Note {
    metric: Option<Metric>,
    value: f64,
}

impl Visit for Note {
    fn record_str(&mut self, field: &Field, text: &str) {
        if field.name() == "metric" {
            self.metric = Metric::named(text);
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == "value" {
            self.value = value;
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

/// Tells of an invocation: the given fields, the message, and what AWS was asked for and what was noted since the last
/// such line: `report!(meter, "batch handled", deliveries = 10, returned = 1)`.
#[macro_export]
macro_rules! report {
    ($meter:expr, $message:literal $(, $field:ident = $value:expr)* $(,)?) => {
        $crate::telemetry::report(&$meter.take(), $message, [$((stringify!($field), ::serde_json::json!($value))),*])
    };
}

#[doc(hidden)]
pub fn report<const N: usize>(usage: &Usage, message: &str, fields: [(&'static str, Value); N]) {
    let now = System.now();
    let mut line = Map::new();
    line.insert("timestamp".to_owned(), json!(now.to_string()));
    line.insert("level".to_owned(), json!("INFO"));
    line.insert("message".to_owned(), json!(message));
    line.extend(fields.map(|(name, value)| (name.to_owned(), value)));
    for (name, value) in [
        ("dynamodb_requests", json!(usage.dynamodb_requests)),
        ("sqs_requests", json!(usage.sqs_requests)),
        ("secrets_requests", json!(usage.secrets_requests)),
        ("read_units", json!(usage.read_units)),
        ("write_units", json!(usage.write_units)),
        ("requests", json!(usage.to_string())),
        ("target", json!("postrider")),
    ] {
        line.insert(name.to_owned(), value);
    }
    let figures = std::mem::take(&mut *FIGURES.lock().unwrap_or_else(PoisonError::into_inner));
    let stack = STACK.get().map_or("postrider", String::as_str);
    line.extend(embedded(&figures, stack, now.millis()));
    // There is nobody to tell if nobody listens.
    let _ = writeln!(std::io::stdout().lock(), "{}", Value::Object(line));
}

/// The members that make CloudWatch read metrics out of a line; none where nothing was noted.
fn embedded(figures: &BTreeMap<Metric, Vec<f64>>, stack: &str, millis: i64) -> Map<String, Value> {
    let mut members = Map::new();
    if figures.is_empty() {
        return members;
    }
    let metrics: Vec<_> =
        figures.keys().map(|metric| json!({"Name": metric.name(), "Unit": metric.unit().name()})).collect();
    let directive = json!({"Namespace": NAMESPACE, "Dimensions": [[DIMENSION]], "Metrics": metrics});
    members.insert("_aws".to_owned(), json!({"Timestamp": millis, "CloudWatchMetrics": [directive]}));
    members.insert(DIMENSION.to_owned(), json!(stack));
    for (metric, values) in figures {
        let value = match (metric.unit(), values.as_slice()) {
            (Unit::Count, values) => json!(values.iter().sum::<f64>()),
            (_, [value]) => json!(value),
            (_, values) => json!(values[..values.len().min(MOST_VALUES)]),
        };
        members.insert(metric.name().to_owned(), value);
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_sums_of_counts_and_values_of_measures() {
        let figures = BTreeMap::from([
            (Metric::Attempts, vec![1.0, 2.0]),
            (Metric::AttemptMillis, vec![3.5, 4.0]),
            (Metric::OldestDueSeconds, vec![7.0]),
        ]);
        let members = embedded(&figures, "acme", 1_800_000_000_123);
        assert_eq!((&members["Stack"], &members["Attempts"]), (&json!("acme"), &json!(3.0)));
        assert_eq!((&members["AttemptMillis"], &members["OldestDueSeconds"]), (&json!([3.5, 4.0]), &json!(7.0)));
        let aws = &members["_aws"];
        assert_eq!(aws["Timestamp"], json!(1_800_000_000_123_i64));
        let directive = &aws["CloudWatchMetrics"][0];
        assert_eq!((&directive["Namespace"], &directive["Dimensions"]), (&json!("Postrider"), &json!([["Stack"]])));
        let metric = json!({"Name": "AttemptMillis", "Unit": "Milliseconds"});
        assert!(directive["Metrics"].as_array().is_some_and(|all| all.len() == 3 && all.contains(&metric)));
        assert!(embedded(&BTreeMap::new(), "acme", 0).is_empty());
        let many = BTreeMap::from([(Metric::AttemptMillis, vec![1.0; 300])]);
        assert_eq!(embedded(&many, "acme", 0)["AttemptMillis"].as_array().map(Vec::len), Some(100));
    }
}
