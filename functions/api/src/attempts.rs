//! Attempts: an endpoint's, a message's, and one.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    routing::{delete, get},
};
use postrider_core::{history::AttemptFilter, problem::Problem};
use postrider_web::Query;

use crate::{
    Api, Parts, Shared,
    call::{Call, Outcome, done, ok},
    messages,
};

type Names = Path<(String, String)>;
type ThreeNames = Path<(String, String, String)>;

pub(crate) fn routes<P: Parts>() -> Router<Arc<Api<P>>> {
    Router::new()
        .route("/app/{app}/attempt/endpoint/{endpoint}", get(of_endpoint::<P>))
        .route("/app/{app}/attempt/msg/{msg}", get(of_message::<P>))
        .route("/app/{app}/msg/{msg}/attempt/{attempt}", get(read::<P>))
        .route("/app/{app}/msg/{msg}/attempt/{attempt}/content", delete(expunge::<P>))
        // Two older paths of the same.
        .route("/app/{app}/msg/{msg}/attempt", get(of_message::<P>))
        .route("/app/{app}/msg/{msg}/endpoint/{endpoint}/attempt", get(of_message_at_endpoint::<P>))
}

fn filter(query: &Query) -> Result<AttemptFilter, Problem> {
    let class = |text: &str| text.parse().ok().filter(|class| [0, 100, 200, 300, 400, 500].contains(class));
    Ok(AttemptFilter {
        message: messages::filter(query)?,
        status: messages::status(query)?,
        code_class: query.read("status_code_class", "0, 100, 200, 300, 400 or 500", class)?,
    })
}

async fn of_endpoint<P: Parts>(State(api): Shared<P>, Path((app, endpoint)): Names, call: Call) -> Outcome {
    let (page, filter) = (call.query.page()?, filter(&call.query)?);
    ok(&api.history().attempts_of_endpoint(&call.caller, &app, &endpoint, page, filter).await?)
}

async fn of_message<P: Parts>(State(api): Shared<P>, Path((app, msg)): Names, call: Call) -> Outcome {
    let (page, filter, endpoint) = (call.query.page()?, filter(&call.query)?, call.query.one("endpoint_id")?);
    ok(&api.history().attempts_of_message(&call.caller, &app, &msg, endpoint, page, filter).await?)
}

async fn of_message_at_endpoint<P: Parts>(
    State(api): Shared<P>,
    Path((app, msg, endpoint)): ThreeNames,
    call: Call,
) -> Outcome {
    let (page, filter) = (call.query.page()?, filter(&call.query)?);
    ok(&api.history().attempts_of_message(&call.caller, &app, &msg, Some(&endpoint), page, filter).await?)
}

async fn read<P: Parts>(State(api): Shared<P>, Path((app, msg, attempt)): ThreeNames, call: Call) -> Outcome {
    ok(&api.history().attempt(&call.caller, &app, &msg, &attempt).await?)
}

async fn expunge<P: Parts>(State(api): Shared<P>, Path((app, msg, attempt)): ThreeNames, call: Call) -> Outcome {
    api.expunger().attempt(&call.caller, &app, &msg, &attempt).await?;
    Ok(done())
}
