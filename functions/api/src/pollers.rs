//! `/app/{app}/poller/{endpoint}`: messages for customers who ask for them.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    routing::{get, post},
};
use postrider_core::{
    history::{MessageFilter, Window},
    poll::{PollIn, SeekIn},
    problem::Problem,
};
use postrider_web::Query;

use crate::{
    Api, Parts, Shared,
    call::{Call, Outcome, ok},
};

type Names = Path<(String, String)>;
type ThreeNames = Path<(String, String, String)>;

pub(crate) fn routes<P: Parts>() -> Router<Arc<Api<P>>> {
    Router::new()
        .route("/app/{app}/poller/{endpoint}", get(poll::<P>))
        .route("/app/{app}/poller/{endpoint}/consumer/{consumer}", get(poll_consumer::<P>))
        .route("/app/{app}/poller/{endpoint}/consumer/{consumer}/seek", post(seek::<P>))
}

/// `limit`, `wait`, `iterator`.
fn ask(query: &Query, filter: MessageFilter) -> Result<PollIn, Problem> {
    PollIn::new(query.number("limit")?, query.number("wait")?, query.one("iterator")?, filter)
}

async fn poll<P: Parts>(State(api): Shared<P>, Path((app, endpoint)): Names, call: Call) -> Outcome {
    let query = &call.query;
    let filter = MessageFilter {
        channel: query.one("channel")?.map(str::to_owned),
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
