//! Sending again, canceling, dead letters, and the tasks that do these in the background.

use axum::extract::{Path, State};
use postrider_core::{
    ids::TaskId,
    recovery::{DeadKey, DeadLetterOut, RecoverIn, RedriveIn, TaskOut, What},
};
use postrider_web::json;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    Api, Parts, Shared,
    call::{Call, Outcome, done, ok},
    openapi::{Error, Operation, Operations, Parameter, Tag},
};

type Names = Path<(String, String)>;
type ThreeNames = Path<(String, String, String)>;

pub(crate) fn operations<P: Parts>() -> Operations<P> {
    Operations::about(Tag::MessageAttempt)
        .with(
            Operation::post(
                "/app/{app_id}/msg/{msg_id}/endpoint/{endpoint_id}/resend",
                "v1.message-attempt.resend",
                "Send a message to an endpoint again",
            )
            .says("One attempt, whatever became of the delivery before.")
            .once()
            .gives::<Empty>(202, "It will be sent.")
            .conflicts(DISABLED),
            resend::<P>,
        )
        .with(
            Operation::post(
                "/app/{app_id}/msg/{msg_id}/endpoint/{endpoint_id}/cancel",
                "v1.message-attempt.cancel",
                "Cancel a delivery",
            )
            .says("One that is being sent just now may still arrive.")
            .gives_nothing("It is not sent any more.")
            .conflicts("It has succeeded or failed already, or is being changed by somebody else."),
            cancel::<P>,
        )
        .merge(of_endpoints())
        .merge(dead_letter_operations())
        .merge(task_operations())
}

fn of_endpoints<P: Parts>() -> Operations<P> {
    let task = |path, id, summary| {
        let operation = Operation::post(path, id, summary).body::<RecoverIn>().once();
        operation.gives::<TaskOut>(202, "It has begun.").fails(Error::TooMany, TASKS)
    };
    let missing = "What an endpoint was never sent although it matches, such as what was published before it was made.";
    Operations::about(Tag::Endpoint)
        .with(
            task(
                "/app/{app_id}/endpoint/{endpoint_id}/recover",
                "v1.endpoint.recover",
                "Send an endpoint again what has failed",
            )
            .says("What has failed, or waits to be tried again. It is paced as all deliveries are.")
            .conflicts(DISABLED),
            recover::<P>,
        )
        .with(
            task(
                "/app/{app_id}/endpoint/{endpoint_id}/replay-missing",
                "v1.endpoint.replay-missing",
                "Send an endpoint what it was never sent",
            )
            .says(missing)
            .conflicts(DISABLED),
            replay_missing::<P>,
        )
        .with(
            task(
                "/app/{app_id}/endpoint/{endpoint_id}/cancel-pending",
                "v1.endpoint.cancel-pending",
                "Cancel what waits for an endpoint",
            ),
            cancel_pending::<P>,
        )
}

fn dead_letter_operations<P: Parts>() -> Operations<P> {
    Operations::about(Tag::Recovery)
        .with(
            Operation::get("/app/{app_id}/dead-letter", "v1.dead-letter.list", "List dead letters")
                .says("Deliveries that failed for good, newest message first. The latest may take a moment to appear.")
                .takes(Parameter::text("endpoint_id", "Only of this endpoint, by id or uid.", "acme-billing"))
                .takes(Parameter::time("before", "Only of older messages."))
                .takes(Parameter::time("after", "Only of messages as old or newer."))
                .lists::<DeadKey, DeadLetterOut>(),
            dead_letters::<P>,
        )
        .with(
            Operation::post("/app/{app_id}/dead-letter/redrive", "v1.dead-letter.redrive", "Send dead letters again")
                .body::<RedriveIn>()
                .once()
                .gives::<TaskOut>(202, "It has begun.")
                .fails(Error::TooMany, TASKS)
                .conflicts(DISABLED),
            redrive::<P>,
        )
}

fn task_operations<P: Parts>() -> Operations<P> {
    Operations::about(Tag::Recovery)
        .with(
            Operation::get("/background-task", "v1.background-task.list", "List background tasks")
                .says("Newest first, for 30 days.")
                .lists::<TaskId, TaskOut>(),
            tasks::<P>,
        )
        .with(
            Operation::get("/background-task/{task_id}", "v1.background-task.get", "Show a background task")
                .gives::<TaskOut>(200, "The task."),
            task::<P>,
        )
}

const TASKS: &str = "The application has begun many tasks; `Retry-After` says how long to wait.";
const DISABLED: &str = "The endpoint is disabled, or a request with this key is still being processed.";

/// Nothing to tell.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EmptyResponse")]
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
