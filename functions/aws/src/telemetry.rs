//! Logs: JSON, one line per fact, on standard output, where Lambda takes them.

use lambda_runtime::tracing::subscriber::{
    filter::{LevelFilter, Targets},
    fmt,
    prelude::*,
    registry,
};

use crate::settings::LogLevel;

/// Starts logging at that level. Only Postrider's own lines follow it: the SDK's detailed ones would hold payloads.
pub fn init(LogLevel(level): LogLevel) {
    let lines = fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(true)
        .with_ansi(false);
    let targets = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("lambda_runtime", level.min(LevelFilter::INFO))
        .with_target("postrider", level)
        // Who has changed what is told at every level.
        .with_target("audit", LevelFilter::INFO);
    // Fails if a subscriber is set already, as in tests: then that one is right.
    let _ = registry().with(lines).with(targets).try_init();
}

/// Logs one line at `INFO` with the given fields, the message, and what AWS was asked for since the last such line:
/// `log_usage!(meter, "batch handled", deliveries = 10, succeeded = 9)`.
#[macro_export]
macro_rules! log_usage {
    ($meter:expr, $message:literal $(, $($fields:tt)+)?) => {{
        let usage = $meter.take();
        ::tracing::info!(
            target: "postrider",
            $($($fields)+,)?
            dynamodb_requests = usage.dynamodb_requests,
            sqs_requests = usage.sqs_requests,
            secrets_requests = usage.secrets_requests,
            read_units = usage.read_units,
            write_units = usage.write_units,
            requests = %usage,
            $message
        );
    }};
}
