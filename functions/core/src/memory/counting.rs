//! What is counted while something is done.

use std::{cell::Cell, fmt, sync::Once};

use tracing::{
    Event, Metadata, Subscriber, callsite,
    field::{Field, Visit},
    span, subscriber,
};

use crate::metric::{Metric, TARGET};

thread_local! {
    static COUNTED: Cell<(Option<Metric>, u32)> = const { Cell::new((None, 0)) };
}

/// Does something on this thread, and gives what came of it and how many of a metric it counted. From the first time on
/// the process tells nobody else.
pub fn counting<T>(metric: Metric, act: impl FnOnce() -> T) -> (T, u32) {
    // One for all threads: with one for each, what another thread notes first is taken for what nobody listens to.
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        subscriber::set_global_default(Counter).expect("nobody else listens in tests");
        callsite::rebuild_interest_cache();
    });
    COUNTED.set((Some(metric), 0));
    let done = act();
    let (_, count) = COUNTED.take();
    (done, count)
}

struct Counter;

impl Subscriber for Counter {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == TARGET
    }

    fn event(&self, event: &Event<'_>) {
        let mut note = Note::default();
        event.record(&mut note);
        let (wanted, count) = COUNTED.get();
        if note.metric.is_some() && note.metric == wanted {
            COUNTED.set((wanted, count + note.number));
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

#[derive(Default)]
struct Note {
    metric: Option<Metric>,
    number: u32,
}

impl Visit for Note {
    fn record_str(&mut self, field: &Field, text: &str) {
        if field.name() == "metric" {
            self.metric = Metric::named(text);
        }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what is counted is a whole number")]
    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == "value" {
            self.number = value as u32;
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}
