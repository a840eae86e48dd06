//! What is counted, for graphs and alarms: whoever knows a fact notes it, and each invocation tells all of them at once.
//!
//! A note is an event of `tracing` with the target [`TARGET`]; who collects them is not known here. There are few metrics
//! and none is of one customer, since each costs money by the month: who the customer is stands in the logs.

use crate::delivery::{Attempt, FaultClass};

/// The target of notes.
pub const TARGET: &str = "metrics";

macro_rules! metrics {
    ($($(#[$doc:meta])* $name:ident $unit:ident,)+) => {
        /// Something that is counted or measured.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Metric {
            $($(#[$doc])* $name,)+
        }

        impl Metric {
            /// All there are.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its name in CloudWatch.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }

            /// Its unit in CloudWatch.
            pub const fn unit(self) -> Unit {
                match self {
                    $(Self::$name => Unit::$unit,)+
                }
            }
        }
    };
}

metrics! {
    /// Messages that were accepted.
    Published Count,
    /// Requests for publishing that were refused (4xx).
    Refused Count,
    /// What came by a queue or a bus and cannot be published.
    SetAside Count,
    /// Requests to endpoints; one with several events is one.
    Attempts Count,
    /// How long they took.
    AttemptMillis Milliseconds,
    /// Deliveries that succeeded.
    Delivered Count,
    /// From the publication to the success.
    DeliveryMillis Milliseconds,
    /// Requests that failed.
    Failed Count,
    /// Of these, by a status that is not 2xx.
    FailedStatus Count,
    /// No answer in time.
    FailedTimeout Count,
    /// No connection.
    FailedConnect Count,
    /// No trust.
    FailedTls Count,
    /// No address.
    FailedDns Count,
    /// An address that may not be reached.
    FailedBlocked Count,
    /// No HTTP.
    FailedProtocol Count,
    /// No token for the receiver.
    FailedAuthorization Count,
    /// No confirmation in time.
    FailedUnconfirmed Count,
    /// No request can be made of URL and headers.
    FailedRequest Count,
    /// Deliveries that were held: their endpoint is paused, or its circuit is open.
    Held Count,
    /// Deliveries whose wait is spent parked.
    Parked Count,
    /// Deliveries that went to the dead-letter queue.
    DeadLettered Count,
    /// Circuits that were opened, or stay open after a probe.
    CircuitOpened Count,
    /// Endpoints that were disabled, because they fail or ask for it.
    EndpointDisabled Count,
    /// Queue messages that come again because something failed here, not at a receiver.
    Undone Count,
    /// Deliveries that were sent to the queue again.
    Woken Count,
    /// How long the oldest delivery that was due had been due.
    OldestDueSeconds Seconds,
    /// The first invocation of a process.
    ColdStart Count,
}

/// A unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// So many.
    Count,
    /// 1/1000 s.
    Milliseconds,
    /// Seconds.
    Seconds,
}

impl Unit {
    /// As CloudWatch names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
            Self::Seconds => "Seconds",
        }
    }
}

impl Metric {
    /// From its name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|metric| metric.name() == name)
    }

    /// Notes so many, or a measure.
    pub fn note(self, value: f64) {
        tracing::info!(target: TARGET, metric = self.name(), value);
    }

    /// Notes one.
    pub fn count(self) {
        self.note(1.0);
    }

    /// Notes so many, unless there are none.
    pub fn count_all(self, number: usize) {
        if let Some(number) = u32::try_from(number).ok().filter(|number| *number > 0) {
            self.note(number.into());
        }
    }

    /// The class of a failed attempt.
    const fn of_fault(fault: Option<FaultClass>) -> Self {
        match fault {
            None => Self::FailedStatus,
            Some(FaultClass::Timeout) => Self::FailedTimeout,
            Some(FaultClass::Connect) => Self::FailedConnect,
            Some(FaultClass::Tls) => Self::FailedTls,
            Some(FaultClass::Dns) => Self::FailedDns,
            Some(FaultClass::BlockedAddress) => Self::FailedBlocked,
            Some(FaultClass::Protocol) => Self::FailedProtocol,
            Some(FaultClass::Authorization) => Self::FailedAuthorization,
            Some(FaultClass::Unconfirmed) => Self::FailedUnconfirmed,
            Some(FaultClass::InvalidRequest) => Self::FailedRequest,
        }
    }
}

/// Notes a request to an endpoint.
pub(crate) fn attempted(attempt: &Attempt) {
    Metric::Attempts.count();
    Metric::AttemptMillis.note(u32::try_from(attempt.millis).unwrap_or(u32::MAX).into());
    if !attempt.succeeded() {
        failed(attempt.fault);
    }
}

/// Notes a failure, by its class.
pub(crate) fn failed(fault: Option<FaultClass>) {
    Metric::Failed.count();
    Metric::of_fault(fault).count();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_their_own_and_lead_back() {
        for metric in Metric::ALL {
            assert_eq!(Metric::named(metric.name()), Some(*metric));
        }
        assert_eq!(Metric::named("Nothing"), None);
    }
}
