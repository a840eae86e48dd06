//! Sending again, canceling, dead letters, and the tasks that do these in the background.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    routing::{get, post},
};
use postrider_core::recovery::{RecoverIn, RedriveIn, What};
use postrider_web::json;
use serde::Serialize;

use crate::{
    Api, Parts, Shared,
    call::{Call, Outcome, done, ok},
};

type Names = Path<(String, String)>;
type ThreeNames = Path<(String, String, String)>;

pub(crate) fn routes<P: Parts>() -> Router<Arc<Api<P>>> {
    Router::new()
        .route("/app/{app}/msg/{msg}/endpoint/{endpoint}/resend", post(resend::<P>))
        .route("/app/{app}/msg/{msg}/endpoint/{endpoint}/cancel", post(cancel::<P>))
        .route("/app/{app}/endpoint/{endpoint}/recover", post(recover::<P>))
        .route("/app/{app}/endpoint/{endpoint}/replay-missing", post(replay_missing::<P>))
        .route("/app/{app}/endpoint/{endpoint}/cancel-pending", post(cancel_pending::<P>))
        .route("/app/{app}/dead-letter", get(dead_letters::<P>))
        .route("/app/{app}/dead-letter/redrive", post(redrive::<P>))
        .route("/background-task", get(tasks::<P>))
        .route("/background-task/{task}", get(task::<P>))
}

/// The contract's `EmptyResponse`.
#[derive(Serialize)]
struct Empty {}

async fn resend<P: Parts>(State(api): Shared<P>, Path((app, msg, endpoint)): ThreeNames, call: Call) -> Outcome {
    let resend = async |_| {
        api.recoveries().resend(&call.caller, &app, &msg, &endpoint).await?;
        json(202, &Empty {})
    };
    call.once(&api, resend).await
}

async fn cancel<P: Parts>(State(api): Shared<P>, Path((app, msg, endpoint)): ThreeNames, call: Call) -> Outcome {
    api.recoveries().cancel(&call.caller, &app, &msg, &endpoint).await?;
    Ok(done())
}

async fn recover<P: Parts>(State(api): Shared<P>, Path(names): Names, call: Call) -> Outcome {
    begin(&api, &names, &call, What::Recover).await
}

async fn replay_missing<P: Parts>(State(api): Shared<P>, Path(names): Names, call: Call) -> Outcome {
    begin(&api, &names, &call, What::ReplayMissing).await
}

async fn cancel_pending<P: Parts>(State(api): Shared<P>, Path(names): Names, call: Call) -> Outcome {
    begin(&api, &names, &call, What::CancelPending).await
}

async fn begin<P: Parts>(api: &Api<P>, (app, endpoint): &(String, String), call: &Call, what: What) -> Outcome {
    let body: RecoverIn = call.json()?;
    let begin = async |id| json(202, &api.recoveries().begin(&call.caller, id, (app, endpoint), what, body).await?);
    call.once(api, begin).await
}

async fn dead_letters<P: Parts>(State(api): Shared<P>, Path(app): Path<String>, call: Call) -> Outcome {
    let query = &call.query;
    let (page, endpoint) = (query.page()?, query.one("endpoint_id")?);
    let window = (query.time("before")?, query.time("after")?);
    ok(&api.recoveries().dead_letters(&call.caller, &app, endpoint, window, page).await?)
}

async fn redrive<P: Parts>(State(api): Shared<P>, Path(app): Path<String>, call: Call) -> Outcome {
    let body: RedriveIn = call.json()?;
    let redrive = async |id| json(202, &api.recoveries().redrive(&call.caller, id, &app, &body).await?);
    call.once(&api, redrive).await
}

async fn tasks<P: Parts>(State(api): Shared<P>, call: Call) -> Outcome {
    ok(&api.recoveries().tasks(&call.caller, call.query.page()?).await?)
}

async fn task<P: Parts>(State(api): Shared<P>, Path(task): Path<String>, call: Call) -> Outcome {
    ok(&api.recoveries().task(&call.caller, &task).await?)
}
