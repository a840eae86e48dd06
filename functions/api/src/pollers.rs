//! `/app/{app}/poller/{endpoint}`: messages for customers who ask for them.

use axum::extract::{Path, State};
use postrider_core::{
    history::{MessageFilter, Window},
    poll::{LONGEST_WAIT, PollIn, PollOut, Position, SeekIn, SeekOut},
    problem::Problem,
};
use postrider_web::Query;

use crate::{
    Parts, Shared,
    call::{Call, Outcome, ok},
    openapi::{Error, Operation, Operations, Parameter, Tag},
};

type Names = Path<(String, String)>;
type ThreeNames = Path<(String, String, String)>;

pub(crate) fn operations<P: Parts>() -> Operations<P> {
    Operations::about(Tag::Poller)
        .with(
            polled(Operation::get("/app/{app_id}/poller/{endpoint_id}", "v1.poller.poll", "Poll for messages"))
                .says("From the place that the caller keeps, or from the oldest message that is kept.")
                .takes(Parameter::name("channel", "Only messages with this channel.", "project_1337"))
                .takes(Parameter::names("event_type", "Only messages of these event types.", "invoice.paid"))
                .takes(Parameter::time("after", "Without an iterator: only what is as old or newer.")),
            poll::<P>,
        )
        .with(
            polled(Operation::get(CONSUMER, "v1.poller.consumer-poll", "Poll for messages as a consumer"))
                .says("From the place that the consumer has acknowledged: an iterator acknowledges what is before it."),
            poll_consumer::<P>,
        )
        .with(
            Operation::post(
                "/app/{app_id}/poller/{endpoint_id}/consumer/{consumer_id}/seek",
                "v1.poller.consumer-seek",
                "Move a consumer",
            )
            .body::<SeekIn>()
            .gives::<SeekOut>(200, "It is moved.")
            .conflicts(DISABLED),
            seek::<P>,
        )
}

const CONSUMER: &str = "/app/{app_id}/poller/{endpoint_id}/consumer/{consumer_id}";
const DISABLED: &str = "The endpoint is disabled; what is published meanwhile is kept.";

fn polled(operation: Operation) -> Operation {
    operation
        .takes(Parameter::limit())
        .takes(Parameter::iterator::<Position>())
        .takes(Parameter::count("wait", "Seconds to wait for a message, if there is none.", LONGEST_WAIT))
        .error(Error::BadRequest)
        .gives::<PollOut>(200, "The messages, and where to go on.")
        .fails(Error::TooMany, "Many polls of the application wait; `Retry-After` says how long to.")
        .conflicts(DISABLED)
}

/// `limit`, `wait`, `iterator`.
fn ask(query: &Query, filter: MessageFilter) -> Result<PollIn, Problem> {
    PollIn::new(query.number("limit")?, query.number("wait")?, query.one("iterator")?, filter)
}

async fn poll<P: Parts>(State(api): Shared<P>, Path((app, endpoint)): Names, call: Call) -> Outcome {
    let query = &call.query;
    let filter = MessageFilter {
        channel: query.name("channel")?,
        event_types: query.names("event_type")?,
        window: Window { before: None, after: query.time("after")? },
        without_content: false,
    };
    ok(&api.poller().poll(&call.caller, &app, &endpoint, ask(query, filter)?).await?)
}

async fn poll_consumer<P: Parts>(
    State(api): Shared<P>,
    Path((app, endpoint, consumer)): ThreeNames,
    call: Call,
) -> Outcome {
    let ask = ask(&call.query, MessageFilter::default())?;
    ok(&api.poller().poll_consumer(&call.caller, &app, &endpoint, &consumer, ask).await?)
}

async fn seek<P: Parts>(State(api): Shared<P>, Path((app, endpoint, consumer)): ThreeNames, call: Call) -> Outcome {
    let to: SeekIn = call.json()?;
    ok(&api.poller().seek(&call.caller, &app, &endpoint, &consumer, to).await?)
}
