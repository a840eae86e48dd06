//! Messages: an application's, an endpoint's, and one with the endpoints it is for.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    routing::{delete, get},
};
use postrider_core::{
    history::{MessageFilter, Status, Window},
    problem::Problem,
};
use postrider_web::Query;

use crate::{
    Api, Parts, Shared,
    call::{Call, Outcome, done, ok},
};

type Names = Path<(String, String)>;

pub(crate) fn routes<P: Parts>() -> Router<Arc<Api<P>>> {
    Router::new()
        .route("/app/{app}/msg", get(list::<P>))
        .route("/app/{app}/msg/{msg}", get(read::<P>))
        .route("/app/{app}/msg/{msg}/content", delete(expunge::<P>))
        .route("/app/{app}/msg/{msg}/endpoint", get(endpoints::<P>))
        .route("/app/{app}/endpoint/{endpoint}/msg", get(of_endpoint::<P>))
}

/// `channel`, `event_types`, `before`, `after`, `with_content`.
pub(crate) fn filter(query: &Query) -> Result<MessageFilter, Problem> {
    Ok(MessageFilter {
        channel: query.one("channel")?.map(str::to_owned),
        event_types: query.names("event_types")?,
        window: Window { before: query.time("before")?, after: query.time("after")? },
        without_content: !query.flag("with_content", true)?,
    })
}

/// `status`.
pub(crate) fn status(query: &Query) -> Result<Option<Status>, Problem> {
    query.read("status", "0, 1, 2 or 3", |text| Status::of_number(text.parse().ok()?))
}

async fn list<P: Parts>(State(api): Shared<P>, Path(app): Path<String>, call: Call) -> Outcome {
    let (page, filter) = (call.query.page()?, filter(&call.query)?);
    ok(&api.history().messages(&call.caller, &app, page, filter).await?)
}

async fn read<P: Parts>(State(api): Shared<P>, Path((app, msg)): Names, call: Call) -> Outcome {
    let with_content = call.query.flag("with_content", true)?;
    ok(&api.history().message(&call.caller, &app, &msg, with_content).await?)
}

async fn expunge<P: Parts>(State(api): Shared<P>, Path((app, msg)): Names, call: Call) -> Outcome {
    api.expunger().message(&call.caller, &app, &msg).await?;
    Ok(done())
}

async fn endpoints<P: Parts>(State(api): Shared<P>, Path((app, msg)): Names, call: Call) -> Outcome {
    ok(&api.history().endpoints_of_message(&call.caller, &app, &msg, call.query.page()?).await?)
}

async fn of_endpoint<P: Parts>(State(api): Shared<P>, Path((app, endpoint)): Names, call: Call) -> Outcome {
    let (page, filter, status) = (call.query.page()?, filter(&call.query)?, status(&call.query)?);
    ok(&api.history().messages_of_endpoint(&call.caller, &app, &endpoint, page, filter, status).await?)
}
