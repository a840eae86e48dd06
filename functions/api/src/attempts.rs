//! Attempts: an endpoint's, a message's, and one.

use axum::extract::{Path, State};
use postrider_core::{
    history::{AttemptFilter, AttemptOut},
    ids::AttemptId,
    problem::Problem,
};
use postrider_web::Query;

use crate::{
    Parts, Shared,
    call::{Call, Outcome, done, ok},
    messages,
    openapi::{Error, Operation, Operations, Parameter, Tag},
};

const CODE_CLASSES: [u16; 6] = [0, 100, 200, 300, 400, 500];

type Names = Path<(String, String)>;
type ThreeNames = Path<(String, String, String)>;

pub(crate) fn operations<P: Parts>() -> Operations<P> {
    Operations::about(Tag::MessageAttempt)
        .with(
            filtered(Operation::get(
                "/app/{app_id}/attempt/endpoint/{endpoint_id}",
                "v1.message-attempt.list-by-endpoint",
                "List the attempts at an endpoint",
            )),
            of_endpoint::<P>,
        )
        .with(
            filtered(Operation::get(
                "/app/{app_id}/attempt/msg/{msg_id}",
                "v1.message-attempt.list-by-msg",
                "List the attempts of a message",
            ))
            .takes(at_endpoint()),
            of_message::<P>,
        )
        .with(
            Operation::get(
                "/app/{app_id}/msg/{msg_id}/attempt/{attempt_id}",
                "v1.message-attempt.get",
                "Show an attempt",
            )
            .gives::<AttemptOut>(200, "The attempt."),
            read::<P>,
        )
        .with(
            Operation::delete(
                "/app/{app_id}/msg/{msg_id}/attempt/{attempt_id}/content",
                "v1.message-attempt.expunge-content",
                "Erase an attempt's response",
            )
            .for_organizations()
            .gives_nothing("It is erased.")
            .error(Error::Conflict),
            expunge::<P>,
        )
        .with(
            filtered(Operation::get(
                "/app/{app_id}/msg/{msg_id}/attempt",
                "v1.message-attempt.list-by-msg-deprecated",
                "List the attempts of a message",
            ))
            .takes(at_endpoint())
            .deprecated(),
            of_message::<P>,
        )
        .with(
            filtered(Operation::get(
                "/app/{app_id}/msg/{msg_id}/endpoint/{endpoint_id}/attempt",
                "v1.message-attempt.list-by-endpoint-deprecated",
                "List the attempts of a message at an endpoint",
            ))
            .deprecated(),
            of_message_at_endpoint::<P>,
        )
}

/// A list, with the parameters that [`filter`] reads.
fn filtered(operation: Operation) -> Operation {
    let class = "Only with a status of this hundred; 0 for no response.";
    messages::filtered(operation)
        .takes(messages::by_status())
        .takes(Parameter::number("status_code_class", class, &CODE_CLASSES))
        .says("Newest first.")
        .lists::<AttemptId, AttemptOut>()
}

fn at_endpoint() -> Parameter {
    Parameter::text("endpoint_id", "Only at this endpoint, by id or uid.", "acme-billing")
}

fn filter(query: &Query) -> Result<AttemptFilter, Problem> {
    let class = |text: &str| text.parse().ok().filter(|class| CODE_CLASSES.contains(class));
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
