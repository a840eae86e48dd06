//! What is counted while something is done.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

use crate::metric::{Metric, TARGET};

/// Does something on this thread, and gives what came of it and how much of a metric it noted.
pub fn counting<T>(metric: Metric, act: impl FnOnce() -> T) -> (T, f64) {
    let sum = Arc::new(Mutex::new(0.0));
    let done = tracing::subscriber::with_default(Counter { metric, sum: Arc::clone(&sum) }, act);
    let sum = *sum.lock().unwrap_or_else(PoisonError::into_inner);
    (done, sum)
}

struct Counter {
    metric: Metric,
    sum: Arc<Mutex<f64>>,
}

impl Subscriber for Counter {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == TARGET
    }

    fn event(&self, event: &Event<'_>) {
        let mut note = Note { wanted: self.metric.name(), is_it: false, value: 0.0 };
        event.record(&mut note);
        if note.is_it {
            *self.sum.lock().unwrap_or_else(PoisonError::into_inner) += note.value;
        }
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Note {
    wanted: &'static str,
    is_it: bool,
    value: f64,
}

impl Visit for Note {
    fn record_str(&mut self, field: &Field, text: &str) {
        self.is_it |= field.name() == "metric" && text == self.wanted;
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == "value" {
            self.value = value;
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}
